"""Leaks pages of a tmpfs file that only ever grows.

    process                     tmpfs on /dev/shm
    +------------+   write(2)   +----+----+----+----+ - -
    | descriptor |------------> |    pages of the file    belong to the file, not to the process
    +------------+              +----+----+----+----+ - -

The process's RSS does not move: pages that are written and not mapped are in nobody's smaps.
The machine's Shmem grows, and the pages stay until the file is removed and closed.
--control writes the same and cuts the file back in the same event.

The file lies in $MEMLAB_TMPFS, which the supervisor makes and removes. Without that it has no
name at all (O_TMPFILE), so that nothing stays behind however this program is ended.
"""

import os
import sys

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run


def leak(_options):
    """Append one chunk."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]  # leaks here


def give_back():
    """Cut the newest chunk off."""
    end_of_file = os.lseek(file, -len(chunk), os.SEEK_END)
    os.ftruncate(file, end_of_file)


def end():
    """A tmpfs file outlives its process, unless somebody removes it."""
    if path:
        os.unlink(path)


if __name__ == "__main__":
    leaker = Leaker(
        "tmpfs",
        leak,
        give_back,
        rate="4MiB/s",
        chunk=256 * KIB,
        cap=64 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
        end=end,
    )
    options = Options(leaker, sys.argv[1:])
    folder = os.environ.get("MEMLAB_TMPFS")
    path = os.path.join(folder, "leak") if folder else None
    if path:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    else:
        file = os.open("/dev/shm", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    chunk = bytes(options.chunk)
    run(leaker, options)
