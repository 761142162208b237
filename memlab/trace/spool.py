"""Where a tool writes to: a file without a name, so that nothing is left of it whoever is killed."""

from __future__ import annotations

import os
import tempfile
from typing import TextIO, cast

# /tmp is often memory, and what is written is bounded but not small
_FOLDER = "/var/tmp"


def folder() -> str | None:
    """On a disk, where that may be; None: wherever temporary files are."""
    return _FOLDER if os.access(_FOLDER, os.W_OK) else None


def open_spool() -> TextIO:
    """To read what a child writes to `path_of` it; give the child its descriptor (pass_fds)."""
    return cast(TextIO, tempfile.TemporaryFile("r+", errors="replace", dir=folder()))


def path_of(spool: TextIO) -> str:
    """By which a child opens it."""
    return f"/dev/fd/{spool.fileno()}"
