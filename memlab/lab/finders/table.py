"""Every finder on every leaker, two at a time, and the table that comes of it."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from memlab.errors import MemlabError, Unsupported
from memlab.lab.finders.finder import EVENTS, Answer, Finder, Job, Says
from memlab.lab.finders.heaptrack import Heaptrack
from memlab.lab.finders.ours import SECONDS, Ours
from memlab.lab.finders.python_tools import Memray, Tracemalloc
from memlab.lab.finders.sanitizer import Sanitizer
from memlab.lab.finders.strace import Strace
from memlab.lab.finders.valgrind import Valgrind
from memlab.lab.paths import cache_folder
from memlab.lab.registry import get, leakers

FINDERS: tuple[Finder, ...] = (
    *(Valgrind(), Sanitizer(), Heaptrack(), Memray(), Tracemalloc(), Strace(), Ours()),
)
_AT_ONCE = 2
_SIGNS = {Says.SITE: "**site**", Says.MEMORY: "memory", Says.SILENT: "–", Says.CANNOT: "n/a"}

Row = tuple[str, str]  # leaker and language
Answers = dict[Row, dict[str, Answer]]


def finder(name: str) -> Finder:
    """One finder. Unsupported where there is none of that name."""
    for one in FINDERS:
        if one.name == name:
            return one
    raise Unsupported(
        f"no finder is called {name!r}", "there are " + ", ".join(f.name for f in FINDERS)
    )


def rows(only: Sequence[str] = ()) -> list[Row]:
    """The leakers that leak, in each of their languages."""
    chosen = [get(name) for name in only] or [
        one for one in leakers().values() if not one.is_lookalike
    ]
    return [(leaker.name, lang) for leaker in chosen for lang in leaker.languages]


class Kept:
    """Answers in the user's cache: a run that was cut short goes on where it stopped."""

    def __init__(self, fresh: bool = False, only: bool = False) -> None:
        self.only = only
        self._file = cache_folder() / "finders.json"
        self._answers: dict[str, dict[str, str]] = {}
        if not fresh and self._file.exists():
            self._answers = json.loads(self._file.read_text())

    def get(self, row: Row, finder: Finder, version: str) -> Answer | None:
        """What this version said of this leaker before."""
        found = self._answers.get(self._key(row, finder, version))
        return None if found is None else Answer(**{**found, "says": Says(found["says"])})  # type: ignore[arg-type]

    def put(self, row: Row, finder: Finder, version: str, answer: Answer) -> None:
        """Keep it."""
        self._answers[self._key(row, finder, version)] = asdict(answer)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._answers))

    def _key(self, row: Row, finder: Finder, version: str) -> str:
        return f"{row[0]} {row[1]} {finder.name} {version}"


def ask(
    chosen: Sequence[Row],
    finders: Iterable[Finder],
    kept: Kept,
    said: Callable[[Row, Finder, Answer], None],
) -> Answers:
    """Run what is not kept; `said` hears each answer as it comes."""
    answers: Answers = {row: {} for row in chosen}
    jobs: list[tuple[Row, Finder, str]] = []
    for one in finders:
        version = one.version()
        for row in chosen:
            if version is None:
                answers[row][one.name] = Answer(Says.CANNOT, f"missing: {one.get}")
            elif (known := kept.get(row, one, version)) is not None:
                answers[row][one.name] = known
            elif not kept.only:
                jobs.append((row, one, version))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = pool.map(lambda job: _look(job[0], job[1]), jobs)
        for (row, one, version), answer in zip(jobs, results, strict=True):
            answers[row][one.name] = answer
            kept.put(row, one, version, answer)
            said(row, one, answer)
    return answers


def _look(row: Row, one: Finder) -> Answer:
    with tempfile.TemporaryDirectory(prefix="memlab-finders-") as folder:
        try:
            return one.look(Job(get(row[0]), row[1], Path(folder)))
        except MemlabError as error:
            return Answer(Says.CANNOT, str(error)[:120])


def cell(answer: Answer | None) -> str:
    """One cell: the sign, and in what way."""
    if answer is None:
        return ""
    detail = f" ({answer.detail})" if answer.detail and answer.detail != "line" else ""
    return _SIGNS[answer.says] + detail.replace("|", "/")


def page(answers: Answers, finders: Sequence[Finder]) -> str:
    """docs/truth-table.md."""
    names = [one.name for one in finders]
    lines = [
        "# The truth table",
        "",
        "What known finders say of leakers whose truth is known: made by `memlab finders --write docs/truth-table.md`",
        f"on {platform.system()} {platform.release().split('-')[0]} ({platform.machine()}).",
        f"A finder starts the leaker, which leaks {EVENTS} events;",
        f"`memlab diagnose` attaches to nothing, and watches it for {SECONDS:.0f} s at its own rate.",
        "",
        "| finder | version | get it |",
        "|---|---|---|",
        *(f"| {one.name} | {one.version() or 'not here'} | {one.get} |" for one in finders),
        "",
        "**site**: the output names the line that the leaker's own ledger names, or (function) another of that",
        "function. memory: one report of at least half of the leaked bytes, but not the line. –: neither.",
        "n/a: it cannot run there. An empty cell was not asked.",
        "",
        "| leaker | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for (name, lang), row in answers.items():
        cells = " | ".join(cell(row.get(finder)) for finder in names)
        lines.append(f"| `{name}` ({lang}) | {cells} |")
    lines += ["", "## Why one is silent", ""]
    lines += [f"- **{one.name}**: {one.why}" for one in finders]
    lines += [
        "",
        "## What they say",
        "",
        "Without pids, addresses and folders, twelve lines at most.",
    ]
    for (name, lang), row in answers.items():
        lines += _excerpts(f"{name} ({lang})", row, names)
    return "\n".join(lines) + "\n"


def _excerpts(title: str, row: dict[str, Answer], names: Sequence[str]) -> list[str]:
    said = [(name, row[name].excerpt) for name in names if name in row and row[name].excerpt]
    if not said:
        return []
    lines = ["", f"<details><summary>{title}</summary>", ""]
    for name, text in said:
        lines += [f"{name}:", "", *(f"    {line}" for line in text.splitlines()), ""]
    return [*lines, "</details>"]
