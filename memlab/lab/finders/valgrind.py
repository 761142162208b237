"""valgrind's memcheck: replaces malloc and looks, at the exit, for blocks that nobody points to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlab.lab.finders.finder import Answer, Job, Record, program_version, run, weigh

_LOST = re.compile(r"([\d,]+)(?: \([^)]*\))? bytes in [\d,]+ blocks are ")


class Valgrind:
    """Started with the program; C as it is, Python with PYTHONMALLOC=malloc."""

    name = "valgrind"
    get = "apt-get install valgrind"
    why = (
        "memcheck replaces malloc and free, and (with --track-fds=yes) lists descriptors. Memory that comes "
        "from mmap, shmat, brk or a thread's stack is no block of malloc. Of the Python program it sees C frames only, "
        "and what lists still held Python frees at its exit."
    )

    def version(self) -> str | None:
        """Of the program."""
        return program_version("valgrind")

    def look(self, job: Job) -> Answer:
        """Every kind of leak is asked for, also what is still reachable."""
        command = ["valgrind", "--leak-check=full", "--show-leak-kinds=all", "--track-fds=yes"]
        ran = run(
            [*command, "--num-callers=20", *job.argv(python=("-S", "-E"))],
            job.folder,
            env={"PYTHONMALLOC": "malloc"},
        )
        return weigh(job, ran, _records(ran.err), "still reachable")


def _records(text: str) -> Iterator[Record]:
    for block in re.split(r"\n==\d+== *(?=\n)", text):
        lost = _LOST.search(block)
        if lost:
            yield Record(block, int(lost[1].replace(",", "")))
        elif re.search(r"== Open ", block) and "inherited" not in block:
            yield Record(block)
