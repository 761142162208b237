"""Runs the strangers, at most three at once, and judges each with `memlab diagnose PID --json`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memlab.diagnose import diagnose
from memlab.errors import MemlabError
from memlab.lab.strangers import install
from memlab.lab.strangers.box import Box
from memlab.lab.strangers.cases import Case
from memlab.lab.strangers.judged import Judged, judged
from memlab.lab.strangers.long_look import LongLook
from memlab.observe.files import open_recording

MOST_AT_ONCE = 3
_SLACK_SECONDS = 90  # a busy machine starts Python late


@dataclass(frozen=True)
class Plan:
    """How to run them: seconds of each watch, how many at once, where recordings are kept, and for
    how many seconds the long look goes on (0: no long look).
    """

    seconds: float = 60.0
    jobs: int = 2
    keep: Path | None = None
    long_look: float = 0.0


def run_all(cases: list[Case], plan: Plan, tell: Callable[[Case, Judged], None]) -> list[Judged]:
    """Judge them all; `tell` hears of each as it is done."""

    def one(case: Case) -> Judged:
        found = run_one(case, plan)
        tell(case, found)
        return found

    with ThreadPoolExecutor(min(plan.jobs, MOST_AT_ONCE)) as pool:
        return list(pool.map(one, cases))


def run_one(case: Case, plan: Plan) -> Judged:
    """Start it, judge it, end it. Total: what could not be run or judged is said in the result."""
    lacking = install.missing(case)
    if lacking:
        return Judged(case.name, skipped=lacking)
    version = install.version(case)
    try:
        with Box(case) as box:
            time.sleep(case.after)
            box.check()
            return replace(_watch(case, box, plan), version=version)
    except MemlabError as error:
        return Judged(case.name, version, failed=str(error))


def judge_recordings(case: Case, folder: Path) -> Judged:
    """Judge what an earlier run kept in `folder`, as `memlab diagnose FILE` does."""
    paths = kept(case, folder)
    if not paths:
        return Judged(case.name, skipped="no recording of it was kept")
    try:
        answers = [diagnose(open_recording(str(path))).to_json() for path in paths]
    except MemlabError as error:
        return Judged(case.name, failed=str(error))
    return judged(case, answers, install.version(case))


def kept(case: Case, folder: Path) -> list[Path]:
    """The recordings of a case, the process's own first and then its children's."""
    first = folder / f"{case.name}.tar.gz"
    others = [
        path
        for path in sorted(folder.glob(f"{case.name}-*.tar.gz"))
        if path.name.removeprefix(f"{case.name}-").removesuffix(".tar.gz").isdecimal()
    ]
    return [path for path in (first, *others) if path.exists()]


def _watch(case: Case, box: Box, plan: Plan) -> Judged:
    look = LongLook(box.pid, max(plan.long_look, plan.seconds)) if plan.long_look else None
    recorder = _recorder(case, box.pid, plan) if plan.keep else None
    try:
        family = ["--tree"] if case.tree else []
        # the whole watch: a server that warms up, or a cache that fills, is a leak to one that ends early
        whole = ["--seconds", f"{plan.seconds:g}", "--confidence", "1"]
        words = ["diagnose", str(box.pid), "--json", *whole, *family]
        answers = _answer(words, plan.seconds + _SLACK_SECONDS)
        if look is not None:
            look.wait()
    finally:
        if look is not None:
            look.stop()
        if recorder is not None:
            _finish(recorder)
    return judged(case, answers, long_look=look.words() if look else "")


def _answer(words: list[str], seconds: float) -> list[dict[str, Any]]:
    """What the public command says. Raises MemlabError with its complaint."""
    argv = [sys.executable, "-m", "memlab.cli.main", *words]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise MemlabError(f"no verdict within {seconds:.0f} s") from None
    try:
        plain = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise MemlabError(f"no verdict: {said}") from None
    if not isinstance(plain, list):
        return [plain]
    whole, *leaking = plain  # the members that leak name the pattern, their sum does not
    return leaking or [whole]


def _recorder(case: Case, pid: int, plan: Plan) -> subprocess.Popen[bytes]:
    assert plan.keep is not None
    plan.keep.mkdir(parents=True, exist_ok=True)
    for path in kept(case, plan.keep):
        path.unlink()
    family = ["--tree"] if case.tree else []
    file = str(plan.keep / f"{case.name}.tar.gz")
    words = ["record", str(pid), "-o", file, "--seconds", f"{plan.seconds:g}", *family]
    return subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _finish(recorder: subprocess.Popen[bytes]) -> None:
    try:
        recorder.wait(10)
    except subprocess.TimeoutExpired:
        recorder.terminate()
        recorder.wait()
