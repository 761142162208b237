"""memray and tracemalloc: what Python allocates, by the line of Python that asked."""

from __future__ import annotations

import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

from memlab.lab.finders.finder import Answer, Job, Record, Says, run, weigh

# memray's own reports are pages; its reader gives the same records as text
_LEAKS = """
import sys
from memray import FileReader
leaked = FileReader(sys.argv[1]).get_leaked_allocation_records(merge_threads=True)
for record in sorted(leaked, key=lambda r: -r.size)[:10]:
    print(f"{record.size} bytes in {record.n_allocations} allocations")
    for function, file, line in record.stack_trace(max_stacks=20):
        print(f"  {function} {file.rpartition('/')[2]}:{line}")
    print()
"""
_BYTES = re.compile(r"^(\d+) bytes in")


class Memray:
    """Started with the program (it can attach too, where the target has memray)."""

    name = "memray"
    get = "pip install memray"
    why = (
        "it follows malloc, mmap and Python's allocators inside a Python process, each with its Python stack. "
        "It does not follow descriptors, children, shared memory that is only written to, or page tables."
    )

    def version(self) -> str | None:
        """Of the package."""
        return version("memray") if importlib.util.find_spec("memray") else None

    def look(self, job: Job) -> Answer:
        """Python only; asked for each allocation of Python's own allocator too."""
        if job.lang != "python":
            return Answer(Says.CANNOT, "Python only")
        recorded = job.folder / "run.bin"
        command = [sys.executable, "-m", "memray", "run", "--trace-python-allocators", "-q"]
        ran = run([*command, "-o", str(recorded), *job.driven], job.folder)
        printed = subprocess.run(
            [sys.executable, "-c", _LEAKS, str(recorded)],
            capture_output=True,
            text=True,
            check=False,
        )
        return weigh(job, ran, _records(printed.stdout), "another line")


class Tracemalloc:
    """Started with the interpreter: -X tracemalloc, or PYTHONTRACEMALLOC=12."""

    name = "tracemalloc"
    get = "part of Python"
    why = (
        "it hooks Python's own allocators. What C code asks of malloc or mmap, ctypes, descriptors and "
        "children are not asked of these."
    )

    def version(self) -> str | None:
        """Of the interpreter."""
        return platform.python_version()

    def look(self, job: Job) -> Answer:
        """Python only: a snapshot at the end, by traceback, the largest ten."""
        if job.lang != "python":
            return Answer(Says.CANNOT, "Python only")
        ran = run(job.argv(python=("-S", "-E", "-X", "tracemalloc=12")), job.folder)
        return weigh(job, ran, _records(ran.err), "another line")


def _records(text: str) -> Iterator[Record]:
    for block in text.split("\n\n"):
        amount = _BYTES.match(block.strip())
        if amount:
            yield Record(block.strip(), int(amount[1]))
