"""heaptrack: records each malloc and free with its stack; what was never freed is its leak."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from memlab.lab.finders.finder import Answer, Job, Record, program_version, run, weigh

_LEAKED = re.compile(r"^([\d.]+)([BKMG]) leaked over", re.MULTILINE)
_SCALE = {"B": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class Heaptrack:
    """Started with the program; it can attach too, by gdb."""

    name = "heaptrack"
    get = "apt-get install heaptrack"
    why = (
        "it preloads its own malloc, free and the like. mmap, shmat, descriptors and stacks of threads pass it by. "
        "Of the Python program it sees C frames only; pymalloc's arenas are mappings, and no block of malloc, "
        "and what lists still held Python frees at its exit."
    )

    def version(self) -> str | None:
        """Of the program."""
        return program_version("heaptrack")

    def look(self, job: Job) -> Answer:
        """Record, then print the leaks."""
        ran = run(
            ["heaptrack", "-o", str(job.folder / "run"), *job.argv(python=("-S", "-E"))], job.folder
        )
        written = next(job.folder.glob("run*.zst"), next(job.folder.glob("run*.gz"), None))
        if written is None:
            return weigh(job, ran, [], "")
        printed = subprocess.run(
            ["heaptrack_print", "-l", "1", "-p", "0", "-a", "0", "-T", "0", "-f", str(written)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
        return weigh(job, ran, _records(printed.stdout), "C frames only")


def _records(text: str) -> Iterator[Record]:
    starts = [match.start() for match in _LEAKED.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        # a function stands on a line, its file and line on the next: weigh() wants them together
        block = re.sub(r"\n\s+at ", " at ", text[start:end].partition("\n\n")[0])
        amount = _LEAKED.match(block)
        assert amount is not None
        yield Record(block, int(float(amount[1]) * _SCALE[amount[2]]))
