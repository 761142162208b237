"""Leaks files on tmpfs: each is written, closed and forgotten.

    tmpfs on /dev/shm
    +------+ +------+ +------+
    |  0   | |  1   | |  2   |  - -    no process has them open, and each keeps its pages
    +------+ +------+ +------+

As tempfile.mkstemp does where /tmp is tmpfs and nobody unlinks. df and ls see them, top does not.
--control unlinks the file in the same event.
"""

import os
import sys
import tempfile

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

kept = []


def leak(options):
    """Write one more file, and never come back to it."""
    path = os.path.join(folder, str(len(kept)))
    with open(path, "xb", buffering=0) as file:
        rest = memoryview(bytes(options.chunk))
        while rest:
            rest = rest[file.write(rest) :]
    kept.append(path)  # leaks here: nobody unlinks it


def give_back():
    """Unlink the newest file."""
    os.unlink(kept.pop())


def end():
    """Files outlive their process: by hand, nobody else would remove them."""
    while kept:
        give_back()
    if not os.environ.get("MEMLAB_TMPFS"):
        os.rmdir(folder)


if __name__ == "__main__":
    leaker = Leaker(
        "tmpfs-files",
        leak,
        give_back,
        pattern="tmpfs",
        rate="4MiB/s",
        chunk=256 * KIB,
        cap=64 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
        end=end,
    )
    options = Options(leaker, sys.argv[1:])
    folder = os.environ.get("MEMLAB_TMPFS") or tempfile.mkdtemp("", "memlab-by-hand-", "/dev/shm")
    run(leaker, options)
