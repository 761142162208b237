"""Captures that a person pasted: what tools printed, and files of /proc that somebody copied."""

from memlab.observe.pasted.merge import open_pasted

__all__ = ["open_pasted"]
