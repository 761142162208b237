"""Leaks what a C extension asked malloc for, and Python never hears of.

    Python          libc, through ctypes
    [ nothing ]     malloc --> +--------------+
                               |  the block   |   no object, no reference: gc, tracemalloc
                               +--------------+   and sys.getsizeof see nothing

From 128 KiB on malloc takes a mapping of its own, with a header of 16 bytes.
--control frees the block in the same event.
"""

import ctypes
import sys

from _harness import KIB, MIB, Leaker, Options, run

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
libc.mallopt(-3, 128 * KIB)  # M_MMAP_THRESHOLD: fixed, or the first free would raise it
kept = []


def leak(options):
    """Ask malloc, and never free."""
    block = libc.malloc(options.chunk)
    if not block:
        raise MemoryError
    ctypes.memset(block, 1, options.touched)
    kept.append(block)  # leaks here: a number, to Python


def give_back():
    """Free the newest block."""
    libc.free(kept.pop())


if __name__ == "__main__":
    leaker = Leaker(
        "anonymous-extension",
        leak,
        give_back,
        pattern="anonymous",
        rate="4MiB/s",
        chunk=MIB,
        chunk_from=128 * KIB,
        elsewhere="smaller blocks come from [heap]",
        cap=64 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
