"""Fills recordings: from a live process, from files. No verdicts."""
