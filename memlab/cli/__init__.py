"""The `memlab` command: one module per command, whose docstring is its help."""
