"""What `memlab trace` names on the leakers, and what it costs them: docs/trace-table.md.

A leaker is stepped by count twice, without and with an engine attached; what the engine named first is held
against the ledger, and the two times are the price.
"""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memlab.errors import MemlabError
from memlab.lab.build import program
from memlab.lab.experiment import Experiment, spawn_guard
from memlab.lab.options import check
from memlab.lab.registry import Leaker, get, leakers
from memlab.model.memory import Pattern
from memlab.model.stacks import Stacks
from memlab.trace.choose import ENGINES, Engine
from memlab.trace.watch import Watch
from memlab.units import KIB, MIB

EVENTS = 24
# memray's own libraries, threads and the 16 MiB of its file that it maps: below the limit of the box
_ROOM = 256 * MIB
_SMALL = 128 * KIB  # malloc maps blocks from here on, which one of them is about
_SECONDS, _STEP_SECONDS, _READY = 15.0, 100.0, 20.0
# engines with stacks of bytes, by what they can see at all; the rest would be empty columns
_HEAPS = ("heap", "arena", "anonymous")
_BY_LANGUAGE = {
    "c": ("strace", "heaptrack", "bpftrace", "perf"),
    "python": ("strace", "memray", "py-spy"),
}


@dataclass(frozen=True)
class Outcome:
    """One engine on one leaker: what is said in the table, and how many times as long the events took."""

    says: str
    factor: float | None = None

    def cell(self) -> str:
        """`**site** ×3`."""
        times = "" if self.factor is None else f" ×{self.factor:.2g}"
        return self.says.replace("|", "/") + times


Row = tuple[str, str]
Outcomes = dict[Row, dict[str, Outcome]]


def rows(only: Sequence[str] = ()) -> list[Row]:
    """The leakers that leak, in each of their languages."""
    chosen = [get(name) for name in only] or [
        one for one in leakers().values() if not one.is_lookalike
    ]
    return [(leaker.name, lang) for leaker in chosen for lang in leaker.languages]


def measure(chosen: Sequence[Row], said: Callable[[Row, str, Outcome], None]) -> Outcomes:
    """Each engine that may answer on each leaker, one after the other: two would disturb each other's times."""
    outcomes: Outcomes = {}
    for name, lang in chosen:
        leaker, row = get(name), (name, lang)
        outcomes[row] = {}
        for engine in _BY_LANGUAGE[lang]:
            if engine == "heaptrack" and leaker.pattern not in _HEAPS:
                continue
            try:
                outcome = _one(leaker, lang, ENGINES[engine])
            except MemlabError as error:
                outcome = Outcome(f"n/a ({error.message[:60]})")
            outcomes[row][engine] = outcome
            said(row, engine, outcome)
    return outcomes


def _started(leaker: Leaker, lang: str) -> Experiment:
    """Paused; a Python one with packages, for memray must be there."""
    asked: dict[str, Any] = {"paused": True}
    argv = program(leaker.name, lang)
    if lang == "python":
        argv = [sys.executable, "-u", str(leaker.path(lang))]
        if leaker.chunk_bytes > _SMALL:  # memray wants room of its own below the limits of the box
            asked["chunk"] = _SMALL
    options = check(leaker, asked)
    if lang == "python":
        need = options.need
        options = replace(options, need=replace(need, virtual=need.virtual + _ROOM))
    run = Experiment(leaker, lang, spawn_guard([*argv, *options.arguments], options, leaker.name))
    try:
        run.wait(lambda: run.ready and run.box, _READY)
    except BaseException:
        run.kill()
        raise
    return run


def _one(leaker: Leaker, lang: str, engine: Engine) -> Outcome:
    with _started(leaker, lang) as run:
        plain = _timed(run)
        watch, traced, sites = Watch(_SECONDS), list[float](), list[str]()

        def leak() -> None:
            try:
                # memray gets in only while Python runs
                while not watch.attached.wait(0.5) and not watch.stop.is_set():
                    run.step(1, _STEP_SECONDS)
                traced.append(_timed(run))
                sites.append(str(run.ledger[-1]["site"]))
            except MemlabError:
                pass
            watch.stop.set()

        thread = threading.Thread(target=leak)
        thread.start()
        try:
            stacks = engine.trace(run.pid, watch, Pattern(leaker.pattern))
        finally:
            watch.stop.set()
            watch.attached.set()
            thread.join(_STEP_SECONDS)
        if not sites:
            return Outcome("n/a (it could not leak on under it)")
        return Outcome(_said(stacks, sites[0]), max(1.0, traced[0] / plain) if plain else None)


def _timed(run: Experiment) -> float:
    began = time.monotonic()
    run.step(EVENTS, _STEP_SECONDS)
    return time.monotonic() - began


def _said(stacks: Stacks, ledger: str) -> str:
    """The line of the ledger first, its function first, in the first stack, or not."""
    if not stacks.stacks:
        return "–"
    function, _, place = ledger.partition(" ")
    first = stacks.stacks[0]
    if str(first.site) == ledger:
        return "**site**"
    file = place.partition(":")[0]
    in_stack = [
        frame
        for frame in first.frames
        if (frame.function, frame.place.partition(":")[0]) == (function, file)
    ]
    if in_stack and first.site in in_stack:
        return "**site** (function)"
    return "in the first stack" if in_stack else "other"


def page(outcomes: Outcomes) -> str:
    """docs/trace-table.md."""
    names = list(dict.fromkeys(name for row in outcomes.values() for name in row))
    lines = [
        "# What a trace names, and what it costs",
        "",
        "Made by `memlab finders --attached --write docs/trace-table.md`",
        f"on {platform.system()} {platform.release().split('-')[0]} ({platform.machine()}).",
        f"Each engine of `memlab trace` was attached to a leaker that runs, which then leaked {EVENTS} events.",
        "",
        "**site**: what is named first is the line that the leaker's own ledger names, or (function) another of that",
        "function. in the first stack: it is among the callers. other: something else comes first. –: nothing is held.",
        f"×N: {EVENTS} events took N times as long as without it, starts and the machine's other work included.",
        "",
        "| leaker | pattern | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for (name, lang), row in outcomes.items():
        cells = " | ".join(row[engine].cell() if engine in row else "" for engine in names)
        lines.append(f"| `{name}` ({lang}) | {get(name).pattern} | {cells} |")
    lines += ["", "What each of them answers, and what it does to the process:", ""]
    lines += [f"- **{one.name}**: {one.answers}. {one.cost}." for one in ENGINES.values()]
    return "\n".join(lines) + "\n"
