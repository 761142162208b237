"""From verdicts and truth to figures: the confusion matrix, shares with intervals, times, losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from memlab.diagnose import enough
from memlab.lab.registry import leakers
from memlab.lab.scorecard.cases import LEAK as LEAK_KIND
from memlab.lab.scorecard.cases import LONGEST_SILENCE, LOOK_ALIKE, Case
from memlab.lab.scorecard.judged import LEAK, NOT_A_LEAK, UNDECIDED
from memlab.lab.scorecard.metrics import Share
from memlab.units import MIB

CONFIDENCE = f"{enough.CONFIDENCE:g}"  # of `memlab diagnose` where nothing else is asked for


@dataclass(frozen=True)
class Result:
    """One case: what was run, what is true, what was said (None where it was not judged)."""

    case: Case
    truth: dict[str, Any]
    said: dict[str, Any] | None

    @property
    def apart(self) -> str:
        """Why it is not in the matrix, or ""."""
        if "failed" in self.truth:
            return "not run"
        if self.said is None or "failed" in self.said:
            return "not judged"
        if self.said["watch"]["starved"] and not self._ended_early:
            return "starved"
        if self.case.kind == LEAK_KIND:
            if self.leaked == 0:
                return "leaked nothing in the window"
            if self._held_in_window:
                return "stopped leaking in the window"
            if self._silent_in_the_end:
                return "silent for the last third"
        return "still growing" if self.case.still_growing else ""

    @property
    def why_apart(self) -> str:
        """The words for it, where there are any."""
        return str(self.truth.get("failed") or (self.said or {}).get("failed") or "")

    @property
    def _ended_early(self) -> bool:
        """A job that ends is watched to its end, and no longer."""
        return self.case.name == "batch" and self.said is not None

    @property
    def _silent_in_the_end(self) -> bool:
        """Whether it has leaked nothing for so long that nobody can tell whether it goes on."""
        assert self.said is not None
        watch, lines = self.said["watch"], self.truth["ledger"]
        until = watch["began"] + watch["seconds"]
        since = until - LONGEST_SILENCE * watch["seconds"]
        before = [units for time, units, _ in lines if time <= since]
        within = [units for time, units, _ in lines if since < time <= until]
        return max(within, default=0) <= max(before, default=0)

    @property
    def _held_in_window(self) -> bool:
        """A leaker's last ledger line is written when it stops leaking."""
        assert self.said is not None
        watch, lines = self.said["watch"], self.truth["ledger"]
        return bool(self.truth["held"]) and lines[-1][0] < watch["began"] + watch["seconds"]

    @property
    def leaked(self) -> int:
        """Units that were leaked while it was watched, by its own ledger."""
        assert self.said is not None
        began = self.said["watch"]["began"]
        lines: list[list[float]] = self.truth["ledger"]
        before = [units for time, units, _ in lines if time <= began]
        last = lines[-1][1] if lines else 0
        return int(last - (before[-1] if before else 0))

    @property
    def is_leak(self) -> bool:
        """The truth."""
        return self.case.kind == LEAK_KIND

    def at(self, seconds: float | None = None) -> dict[str, Any]:
        """What was said of the first so many seconds, or of all."""
        assert self.said is not None
        window: dict[str, Any] = self.said["windows"][f"{seconds or self.case.seconds:g}"]
        return window

    @property
    def verdict(self) -> str:
        """memlab's, over the whole window."""
        return str(self.at()["verdict"])

    @property
    def right(self) -> bool:
        """Whether the verdict is; undecided never is."""
        return self.verdict == (LEAK if self.is_leak else NOT_A_LEAK)

    @property
    def pattern_right(self) -> bool:
        """Whether the first finding names the pattern of the manifest."""
        patterns = self.at()["patterns"]
        return bool(patterns) and patterns[0] == self.case.pattern

    @property
    def right_after(self) -> float | None:
        """Seconds after which the watch would have ended by itself with the right verdict; None without one."""
        assert self.said is not None
        stop = self.said["enough"][CONFIDENCE]
        wanted = LEAK if self.is_leak else NOT_A_LEAK
        return float(stop["seconds"]) if stop["verdict"] == wanted else None

    @property
    def is_fast(self) -> bool:
        """A leak of 1 MiB/s and more, over the window."""
        return self.is_leak and (self.case.rate or 0.0) >= 0.99 * MIB


def counted(results: Iterable[Result]) -> list[Result]:
    """Those that are in the matrix."""
    return [result for result in results if not result.apart]


def confusion(results: Sequence[Result]) -> Counter[tuple[bool, str]]:
    """(is a leak, verdict) -> cases."""
    return Counter((result.is_leak, result.verdict) for result in results)


def precision(results: Sequence[Result]) -> Share:
    """Of those called leak, those that are."""
    called = [result for result in results if result.verdict == LEAK]
    return Share(sum(result.is_leak for result in called), len(called))


def recall(results: Sequence[Result]) -> Share:
    """Of the leaks, those called so; undecided is a miss."""
    leaks = [result for result in results if result.is_leak]
    return Share(sum(result.verdict == LEAK for result in leaks), len(leaks))


def patterns(results: Sequence[Result]) -> Share:
    """Of all leaks, those whose first finding names the pattern; one that was missed named none."""
    leaks = [result for result in results if result.is_leak]
    return Share(sum(result.pattern_right for result in leaks), len(leaks))


def undecided(results: Sequence[Result]) -> Share:
    """Of all cases."""
    return Share(sum(result.verdict == UNDECIDED for result in results), len(results))


def false_alarms(results: Sequence[Result]) -> list[Result]:
    """Called leak, and none."""
    return [result for result in results if result.verdict == LEAK and not result.is_leak]


def look_alike_alarms(results: Sequence[Result]) -> Share:
    """Of look-alikes that end within the window, those called leak."""
    there = [result for result in results if result.case.kind == LOOK_ALIKE]
    return Share(len(false_alarms(there)), len(there))


def times(results: Sequence[Result]) -> list[float]:
    """Seconds to the right verdict; endless where it did not come, so that quantiles count it."""
    return [float("inf") if r.right_after is None else r.right_after for r in results]


def two_way(results: Sequence[Result], says_leak: Callable[[Result], bool]) -> tuple[Share, Share]:
    """Precision and recall of anybody who says leak or not."""
    called = [result for result in results if says_leak(result)]
    leaks = [result for result in results if result.is_leak]
    return (
        Share(sum(result.is_leak for result in called), len(called)),
        Share(sum(map(says_leak, leaks)), len(leaks)),
    )


def in_window(results: Sequence[Result], seconds: float) -> list[Result]:
    """Without look-alikes that grow beyond so many seconds: nobody can tell those yet."""
    return [r for r in results if r.case.ends is None or r.case.ends < seconds]


def grew_at(result: Result, stop: dict[str, Any]) -> bool:
    """Whether a watch that ended there saw a look-alike only while it grew, and called it a leak."""
    ends = result.case.ends
    return stop["verdict"] == LEAK and ends is not None and float(stop["seconds"]) <= ends


def by_stratum(results: Sequence[Result]) -> dict[str, dict[str, list[Result]]]:
    """The results by what the draw dealt out: kind, place, language, profile, rate, jitter, lead."""
    ways: dict[str, Callable[[Result], str]] = {
        "kind": lambda r: r.case.kind,
        "what leaks shows": lambda r: where_it_shows(r.case),
        "language": lambda r: r.case.lang,
        "profile": lambda r: r.case.profile,
        "rate over the window": lambda r: rate_class(r.case),
        "jitter": lambda r: f"{r.case.options.get('jitter', 0.0):g}",
        "ran before the watch": lambda r: f"{r.case.lead:g} s",
    }
    grouped: dict[str, dict[str, list[Result]]] = {}
    for way, key in ways.items():
        groups = grouped.setdefault(way, {})
        for result in sorted(results, key=key):
            groups.setdefault(key(result), []).append(result)
    return grouped


# meters of the manifest that are not the process's own: its /proc shows nothing of what they count
_ELSEWHERE = ("cgroup", "tmpfs", "/dev/shm", "sysvipc")


def where_it_shows(case: Case) -> str:
    """Whether a leak moves anything in /proc/PID, or only things of the machine."""
    if case.kind != LEAK_KIND:
        return "no leak"
    own = [meter for meter in leakers()[case.name].moves if not meter.startswith(_ELSEWHERE)]
    return "in /proc/PID" if own else "nowhere in /proc/PID"


def rate_class(case: Case) -> str:
    """The decade of a leak's rate."""
    if case.kind == LOOK_ALIKE:
        return "look-alike"
    if case.rate is None or leakers()[case.name].is_counted:
        return "counted"
    for least, words in (
        (8, "8 MiB/s and more"),
        (1, "1 to 8 MiB/s"),
        (0.125, "128 KiB/s to 1 MiB/s"),
    ):
        if case.rate >= 0.99 * least * MIB:
            return words
    return "below 128 KiB/s"


def losses(results: Sequence[Result]) -> list[Result]:
    """Every wrong or missing verdict, and every leak that was given another pattern."""
    return [r for r in results if not r.right or (r.is_leak and not r.pattern_right)]
