"""Rounds of a call in this process, watched from outside between them: for tests and for cells of a notebook."""
