"""Leaks entries of a cache that has no bound.

    answers, a dict
    +-----+--------+
    |  0  | answer |     every new question stays,
    |  1  | answer |     and no question comes twice
    +-----+--------+

As functools.cache on a method, or a dict by request id. The entries are small objects, so it is
pymalloc's arenas that grow. --control forgets the answers in the same event.
"""

import sys

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

ENTRY = 512
answers = {}


def leak(options):
    """Answer some questions, and remember all of them."""
    for _ in range(options.chunk // ENTRY):
        question = len(answers)
        answers[question] = bytes(ENTRY - 32 - 33)  # leaks here: 32 bytes are the number's


def give_back():
    """Forget the newest answers."""
    for _ in range(options.chunk // ENTRY):
        answers.popitem()


if __name__ == "__main__":
    leaker = Leaker(
        "anonymous-cache",
        leak,
        give_back,
        pattern="anonymous",
        rate="1MiB/s",
        chunk=64 * KIB,
        chunk_from=ENTRY,
        elsewhere="one entry has as many",
        cap=32 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    options = Options(leaker, sys.argv[1:])
    run(leaker, options)
