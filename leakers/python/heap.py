"""Leaks blocks of the malloc heap: the buffers of writers that nobody closes.

    kept, a list                [heap], grown by brk(2)
    +-----------+               +--------+--------+--------+ - - -
    | writer    |-------------> | buffer | buffer | buffer |
    | writer    |               +--------+--------+--------+ - - -
    +-----------+                 each has an owner, so no collector may free it

Python does not lose pointers: its leaks are references that somebody keeps. Objects up to 512
bytes would come from pymalloc's own arenas; these are larger, and Python asks malloc for them.
--control drops the reference in the same event, which closes the writer.
"""

import io
import sys

from _harness import KIB, MIB, Leaker, Options, run

kept = []
NOTHING = memoryview(bytes(128 * KIB))  # no chunk is larger


class Nowhere(io.RawIOBase):
    """A file that takes everything."""

    def writable(self):
        """It does."""
        return True

    def write(self, data):
        """All of it, at once."""
        return len(data)


def leak(options):
    """Keep one more writer, with something in its buffer that was never flushed."""
    writer = io.BufferedWriter(Nowhere(), buffer_size=options.chunk)
    writer.write(NOTHING[: options.touched])
    kept.append(writer)  # leaks here: the list outlives the work


def give_back():
    """Drop the newest writer."""
    kept.pop()


if __name__ == "__main__":
    leaker = Leaker(
        "heap",
        leak,
        give_back,
        rate="2MiB/s",
        chunk=64 * KIB,
        chunk_below=128 * KIB,
        chunk_from=1024,
        elsewhere="smaller ones are pymalloc's, larger ones mappings: `anonymous-objects`, `anonymous`",
        cap=64 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
