"""Programs that nobody here wrote, run in a box, and judged with the public command."""
