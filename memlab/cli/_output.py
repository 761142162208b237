"""Standard files that may be closed or full: an output that fails says so by an error of its own."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class Unwritten(Exception):
    """The output could not be written; no OSError, which might be any other file's."""


class _Output(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise  # its reader has seen enough
        except OSError as error:
            raise Unwritten(error.strerror) from None


def prepare() -> None:
    """Let the output fail with Unwritten, and give a closed file its number back.

    A file that was closed is None in `sys`, and the next one that is opened would take its place. Nothing
    is read from a closed input and nobody sees a closed stderr; a closed output fails as a full one does.
    """
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            # the lowest number that is free, so this one: those below are open by now
            flags = os.O_RDWR if number != 1 else os.O_RDONLY
            os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and out.fileno() == 1:
        out.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(1, "w", closefd=False)),
            encoding=out.encoding,
            errors=out.errors,
            line_buffering=out.line_buffering or out.write_through,
        )


def forget() -> None:
    """Drop what could not be written: it must not fail once more at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
