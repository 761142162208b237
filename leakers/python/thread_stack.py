"""Leaks the stacks of threads that ended and were never joined.

    leak()'s frame          address space
    +--------+              +-------+---------------------+
    | thread |------------> | guard |   stack, rw-p       |  kept for pthread_join,
    +--------+  dies with   | ---p  |   hardly touched    |  which nobody will call
                the frame   +-------+---------------------+

Python's own threads are detached and leak nothing of the kind, so this one asks pthread_create
by ctypes, as an extension module would. The thread runs sched_yield of libc: a Python function
would need an interpreter state and a malloc arena, and be another leak beside this one.
--control joins the thread in the same event.
"""

import ctypes
import os
import sys

from _harness import GIB, MIB, Leaker, Options, run

libc = ctypes.CDLL(None, use_errno=True)
START = ctypes.cast(libc.sched_yield, ctypes.c_void_p)
attributes = ctypes.create_string_buffer(128)  # pthread_attr_t: 56 bytes on x86-64, 64 on arm64
thread = ctypes.c_ulong()  # pthread_t


def leak(options):
    """Start a thread that ends at once, and forget it."""
    check(libc.pthread_create(ctypes.byref(thread), attributes, START, None))  # leaks here: no join
    if options.control:
        check(libc.pthread_join(thread, None))
    # the event is over when the kernel has buried the thread: two links, and one for each alive
    while os.stat("/proc/self/task").st_nlink > 3:
        os.sched_yield()


def check(error):
    """The pthread functions return their errno."""
    if error:
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    leaker = Leaker(
        "thread-stack", leak, rate="2/s", chunk=10 * MIB, cap=GIB, basis="virtual", touch=None
    )
    options = Options(leaker, sys.argv[1:])
    libc.pthread_attr_init(attributes)
    if libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(options.chunk)):
        sys.exit(f"thread-stack: --stack-size {options.chunk} is refused: the least is 16KiB")
    run(leaker, options)
