"""What a finder is, what it is given, and what its output is held against."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from memlab.errors import MemlabError
from memlab.lab.build import FLAGS, LIBRARIES, compiler
from memlab.lab.registry import Leaker

EVENTS = 20
# the events come within 0.4 s; the rest is for a Python that starts under valgrind, and for a busy machine
OPTIONS = ("--rate", "50/s", "--count", str(EVENTS), "--duration", "2")
# fences of a leaker without its box: CPU seconds and bytes of one file, besides its own cap and the count
_FENCES = ("--cpu=90", f"--fsize={256 << 20}", "--core=0")
_DRIVER = Path(__file__).with_name("drive.py")


class Says(StrEnum):
    """What a finder's output says of a leak."""

    SITE = "names the site"
    MEMORY = "finds it, not the site"
    SILENT = "silent"
    CANNOT = "cannot run"


@dataclass(frozen=True)
class Answer:
    """What one finder said of one leaker: in a word, in what way, and the lines that say so."""

    says: Says
    detail: str = ""
    excerpt: str = ""


@dataclass(frozen=True)
class Job:
    """One leaker in one language, and a folder for what a finder writes."""

    leaker: Leaker
    lang: str
    folder: Path

    @property
    def name(self) -> str:
        """heap (c)."""
        return f"{self.leaker.name} ({self.lang})"

    @property
    def source(self) -> Path:
        """The file that leaks."""
        return self.leaker.path(self.lang)

    @property
    def driven(self) -> list[str]:
        """What an interpreter is given to run a Python leaker to an orderly end."""
        return [str(_DRIVER), str(self.source), *OPTIONS]

    def argv(self, flags: tuple[str, ...] = (), python: tuple[str, ...] = ()) -> list[str]:
        """The program to run, ending by exit(3): a leaker's own _exit(2) would give finders no last word.

        flags: of the compiler; python: of the interpreter.
        """
        if self.lang == "python":
            return [sys.executable, *python, *self.driven]
        binary = self.folder / self.source.stem
        command = [*compiler(), *FLAGS, "-D_exit=exit", *flags, "-o", str(binary)]
        made = subprocess.run(
            [*command, str(self.source), *LIBRARIES], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise MemlabError(f"{self.name} could not be built: {made.stderr.strip()[-200:]}")
        return [str(binary), *OPTIONS]


class Finder(Protocol):
    """One tool: `name` in the table, how to get it, why it is silent where it is, and how it looks."""

    name: str
    get: str
    why: str

    def version(self) -> str | None:
        """As the tool says it itself; None where it is missing."""

    def look(self, job: Job) -> Answer:
        """Run the leaker under the tool and read what the tool says."""


@dataclass(frozen=True)
class Ran:
    """What came of a run: the tool's words on stderr, and the leaker's last ledger line."""

    argv: list[str]
    err: str
    ledger: dict[str, Any]
    late: bool
    status: int


def run(
    argv: list[str], folder: Path, seconds: float = 45, env: Mapping[str, str] | None = None
) -> Ran:
    """Run a leaker under a tool, niced and fenced; after `seconds` everything that it started is ended."""
    fenced = ["nice", "-n", "10", "prlimit", *_FENCES, *argv]
    with subprocess.Popen(
        fenced,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, **(env or {})},
    ) as process:
        late = False
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            out, err = _end(process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # children of a leaker that leaks children
    return Ran(argv, err, _last_ledger(out), late, process.returncode)


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """In order first: a leaker then removes what would outlive it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=10)
    return "", ""


def _last_ledger(out: str) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for line in out.splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("event") == "ledger":
                last = said
    return last


@dataclass(frozen=True)
class Record:
    """One thing that a tool reports: its text, and the bytes that it speaks of (None where it counts none)."""

    text: str
    bytes: int | None = None


def weigh(job: Job, ran: Ran, records: Iterable[Record], what: str) -> Answer:
    """Hold reports against the ledger.

    The site is named where a report has the very line of the ledger, or another of that function. The
    memory is found where one report is of at least half of the bytes that were leaked.
    """
    if not ran.ledger.get("leaked_units"):
        return Answer(
            Says.CANNOT,
            "the leaker does not get on" if ran.late else "it did not leak",
            excerpt(ran.err[-600:], job),
        )
    found = list(records)
    function, _, place = str(ran.ledger["site"]).partition(" ")
    file = place.partition(":")[0]
    lines = re.compile(rf"\b{re.escape(file)}:(\d+)")
    for detail, wanted in (
        ("line", {int(place.rpartition(":")[2])}),
        ("function", _lines_of(job, function)),
    ):
        for record in found:
            if wanted & {int(number) for number in lines.findall(record.text)}:
                return Answer(Says.SITE, detail, excerpt(record.text, job))
    half = ran.ledger["leaked_bytes"] / 2
    for record in found:
        if half and record.bytes is not None and record.bytes >= half:
            return Answer(Says.MEMORY, what, excerpt(record.text, job))
    return Answer(Says.SILENT)


def _lines_of(job: Job, function: str) -> set[int]:
    """The lines of a function in the leaker's source."""
    text = job.source.read_text(encoding="utf-8")
    if job.lang == "python":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return set()
    # in the leakers a function of C begins at the margin and ends with a brace there
    begun = re.search(rf"^\w.*\b{re.escape(function)}\(.*\)\n{{", text, re.MULTILINE)
    if begun is None:
        return set()
    first = text.count("\n", 0, begun.start()) + 1
    return set(range(first, first + text[begun.start() :].partition("\n}")[0].count("\n") + 2))


_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_PID = re.compile(r"^==\d+== ?", re.MULTILINE)
_PATH = re.compile(r"(?<![\w.])/(?:[\w.+~-]+/)+(?=[\w.+-])")


def excerpt(text: str, job: Job, most: int = 12) -> str:
    """The first lines, without what differs from run to run: pids, addresses, folders."""
    text = _PATH.sub("", _ADDRESS.sub("0x…", _PID.sub("", text))).replace(str(job.folder), "")
    lines = [line.rstrip()[:120] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:most])


def program_version(program: str, pattern: str = r"(\d+(?:\.\d+)+)") -> str | None:
    """What `program --version` says; None where there is no such program."""
    if shutil.which(program) is None:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    said = re.search(pattern, done.stdout + done.stderr)
    return said[1] if said else "?"
