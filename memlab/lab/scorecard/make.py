"""Makes a scorecard: runs what has not run, judges what was not judged, by as many as there are cores."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from memlab.errors import MemlabError
from memlab.lab.scorecard.cases import Case
from memlab.lab.scorecard.judged import engine, judge_file
from memlab.lab.scorecard.run import recording_path, run_all, side_by_side
from memlab.lab.scorecard.score import Result
from memlab.lab.scorecard.store import Asked, Store
from memlab.units import format_bytes

QUICK_SECONDS, FULL_SECONDS = 30.0, 60.0
QUICK_CASES = 84
JUDGES_NICE = 15  # judging waits, sampling does not

Say = Callable[[str], None]


def make(
    folder: Path,
    *,
    seed: int = 1,
    quick: bool = False,
    seconds: float | None = None,
    most: int | None = None,
    resume: bool = False,
    say: Say = lambda sentence: None,
) -> list[Result]:
    """Run and judge a draw; with `resume` what is left of the one that was begun in `folder`."""
    store = Store(folder)
    if not (resume and store.exists):
        seconds = seconds or (QUICK_SECONDS if quick else FULL_SECONDS)
        most = most or (QUICK_CASES if quick else None)
        store.begin(Asked(seed, quick, seconds, most, side_by_side(), machine()))
    asked = store.asked()
    cases, has_run = store.cases(), store.truths()
    left = [case for case in cases if case.label not in has_run]
    say(f"{len(left)} of {len(cases)} cases to run, {asked.workers} side by side, in {folder}")
    began, count = time.monotonic(), len(cases) - len(left)
    with _Judges(store) as judges:
        for case in cases:
            if case.label in has_run:
                judges.add(case)

        def done(case: Case, truth: dict[str, Any]) -> None:
            nonlocal count
            store.add_truth(case, truth)
            judges.add(case)
            count += 1
            if count % 10 == 0 or count == len(cases):
                say(f"{count} of {len(cases)} have run, after {time.monotonic() - began:.0f} s")

        run_all(left, folder, asked.workers, done)
        say("judging what is left")
    return results(store)


def rejudge(folder: Path, say: Say = lambda sentence: None) -> list[Result]:
    """Judge the recordings of an earlier run by this version."""
    store = Store(folder)
    cases = store.cases()
    with _Judges(store, nice=0) as judges:  # nothing is being sampled
        for case in cases:
            judges.add(case)
        say(f"{judges.waiting} recordings to judge in {folder}")
    return results(store)


def results(store: Store) -> list[Result]:
    """All that has run and was judged by this version."""
    truths, verdicts = store.truths(), store.verdicts(engine())
    return [
        Result(case, truths[case.label], verdicts.get(case.label))
        for case in store.cases()
        if case.label in truths
    ]


def machine() -> str:
    """Where it ran, in words."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} cores, {format_bytes(pages * page)}, Linux {platform.release()},"
        f" {' '.join(platform.libc_ver())}, Python {platform.python_version()}"
    )


class _Judges:
    """Processes that judge recordings while others are made, nicely; a context manager that waits for them."""

    def __init__(self, store: Store, nice: int = JUDGES_NICE) -> None:
        self._store = store
        self._said = store.verdicts(engine())
        self._pool = ProcessPoolExecutor(
            os.cpu_count(), get_context("spawn"), initializer=_begin, initargs=(nice,)
        )
        self._futures: list[tuple[Case, Future[dict[str, Any]]]] = []

    @property
    def waiting(self) -> int:
        """How many were handed in and are not judged."""
        return sum(not future.done() for _, future in self._futures)

    def add(self, case: Case) -> None:
        """Judge this one, unless this version has, or there is nothing to judge."""
        path = recording_path(self._store.folder, case)
        if case.label in self._said or not path.exists():
            return
        future = self._pool.submit(_judged, path, case.seconds)
        future.add_done_callback(lambda done: self._keep(case, done))
        self._futures.append((case, future))

    def _keep(self, case: Case, future: Future[dict[str, Any]]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._store.add_verdict(case, future.result())

    def __enter__(self) -> _Judges:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        for case, future in self._futures:
            if not future.cancelled() and (error := future.exception()) is not None:
                print(f"memlab scorecard: {case.label} was not judged: {error!r}", file=sys.stderr)


def _begin(nice: int) -> None:
    """In a judge: step back, and end with whoever started it, killed or not."""
    os.nice(nice)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _judged(path: Path, seconds: float) -> dict[str, Any]:
    try:
        return judge_file(path, seconds)
    except MemlabError as error:
        return {"engine": engine(), "failed": str(error)}
