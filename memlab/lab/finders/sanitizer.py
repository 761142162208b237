"""LeakSanitizer: built in by the compiler; looks, at the exit, for blocks of malloc that nothing points to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from memlab.errors import MemlabError
from memlab.lab.build import compiler
from memlab.lab.finders.finder import Answer, Job, Record, Says, program_version, run, weigh

_LEAK = re.compile(r"(?:Direct|Indirect) leak of (\d+) byte")


class Sanitizer:
    """Needs a build of its own, -fsanitize=leak."""

    name = "LeakSanitizer"
    get = "part of gcc and clang: -fsanitize=leak (Debian: gcc, liblsan0)"
    why = (
        "it knows blocks of malloc only, and only those that no register, stack or global can reach. "
        "What a list still holds is no leak for it. Mappings, descriptors and thread stacks are no blocks of malloc."
    )

    def version(self) -> str | None:
        """Of the compiler, where it can link the sanitizer."""
        try:
            words = compiler()
        except MemlabError:
            return None
        done = subprocess.run(
            [*words, "-fsanitize=leak", "-x", "c", "-", "-o", "/dev/null"],
            input="int main(void) { return 0; }\n",
            text=True,
            capture_output=True,
            check=False,
        )
        return None if done.returncode else f"of {words[0]} {program_version(words[0])}"

    def look(self, job: Job) -> Answer:
        """C only: an interpreter would have to be built anew."""
        if job.lang != "c":
            return Answer(Says.CANNOT, "needs a rebuilt interpreter")
        ran = run(job.argv(flags=("-fsanitize=leak",)), job.folder)
        return weigh(job, ran, _records(ran.err), "unreachable blocks")


def _records(text: str) -> Iterator[Record]:
    for block in text.split("\n\n"):
        leak = _LEAK.search(block)
        if leak:
            yield Record(block, int(leak[1]))
