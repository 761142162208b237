"""Leaks the stacks of threads that ended and were never joined.

    kept, a list            address space
    +--------+              +-------+---------------------+
    | thread |------------> | guard |   stack, rw-p       |  kept for pthread_join,
    +--------+              | ---p  |   hardly touched    |  which nobody will call
                            +-------+---------------------+

Python's own threads are detached and leak nothing of the kind, so this one asks pthread_create
by ctypes, as an extension module would. The thread runs sched_yield of libc: a Python function
would need an interpreter state and a malloc arena, and be another leak beside this one.
--control joins the thread in the same event.
"""

import ctypes
import os
import sys

from _harness import GIB, MIB, NEVER_TOUCHED, Leaker, Options, run

libc = ctypes.CDLL(None, use_errno=True)
START = ctypes.cast(libc.sched_yield, ctypes.c_void_p)
attributes = ctypes.create_string_buffer(128)  # pthread_attr_t: 56 bytes on x86-64, 64 on arm64
kept = []


def leak(_options):
    """Start a thread that ends at once, and never ask for it again."""
    thread = ctypes.c_ulong()  # pthread_t
    check(libc.pthread_create(ctypes.byref(thread), attributes, START, None))  # leaks here: no join
    kept.append(thread)
    bury()


def give_back():
    """Join the newest thread."""
    check(libc.pthread_join(kept.pop(), None))


def bury():
    """An event is over when the kernel has buried the thread: two links, and one for each alive."""
    while os.stat("/proc/self/task").st_nlink > 3:
        os.sched_yield()


def check(error):
    """The pthread functions return their errno."""
    if error:
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    leaker = Leaker(
        "thread-stack",
        leak,
        give_back,
        rate="2/s",
        chunk=10 * MIB,
        cap=GIB,
        basis="virtual",
        touch=NEVER_TOUCHED,
    )
    options = Options(leaker, sys.argv[1:])
    libc.pthread_attr_init(attributes)
    if libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(options.chunk)):
        sys.exit(f"thread-stack: --stack-size {options.chunk} is refused: the least is 16KiB")
    run(leaker, options)
