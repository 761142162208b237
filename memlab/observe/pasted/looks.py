"""Several looks one after another in one text, with the time of each where a line with a clock stands before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from memlab.observe.pasted.chosen import Process, choose
from memlab.observe.pasted.text import Days, clock
from memlab.units import counted, format_seconds

UNKNOWN = "at times that are not known"
ONCE = "one look shows no growth: copy it again later, or bring a pidstat log"


@dataclass(frozen=True)
class Look:
    """The lines of one look; seconds is None where no clock stands before it."""

    seconds: float | None
    lines: list[str] = field(default_factory=list)


def cut(
    lines: list[str], belongs: Callable[[str], bool], begins: Callable[[str], bool]
) -> list[Look]:
    """The looks of a text: lines that belong to it, cut before each that begins a new one.

    Times are those of all looks or of none: one that is missing makes the others useless as a clock.
    """
    found: list[Look] = []
    days, seconds = Days(), None
    for line in lines:
        if belongs(line):
            if begins(line) or not found:
                found.append(Look(seconds))
                seconds = None
            found[-1].lines.append(line)
        elif (at := clock(line)) is not None:
            seconds = days.seconds(at)
    if len(found) > 1 and any(look.seconds is None for look in found):
        return [Look(None, look.lines) for look in found]
    return found


class Repeats:
    """Begins a new look where a mapping comes again: those of one look do not overlap."""

    def __init__(self) -> None:
        self._ends: set[int] = set()
        self._starts: set[int] = set()

    def __call__(self, span: tuple[int, int] | None) -> bool:
        """Whether the mapping from the first address to the second is in this look already."""
        if span is None:
            return False
        again = span[0] in self._starts or span[1] in self._ends
        if again:
            self._starts, self._ends = set(), set()
        self._starts.add(span[0])
        self._ends.add(span[1])
        return again


def words(looks: int, times: list[float | None]) -> str:
    """'one look', '10 looks over 9 min', '10 looks at times that are not known'."""
    if looks == 1:
        return "one look"
    first, last = times[0], times[-1]
    if first is None or last is None:
        return f"{counted(looks, 'look')} {UNKNOWN}"
    return f"{counted(looks, 'look')} over {format_seconds(last - first)}"


def clocked(looks: list[Look]) -> tuple[list[float], bool]:
    """The times of a series: seconds; where they are not known the looks are counted, and that is told."""
    times = [look.seconds for look in looks]
    if times and None not in times:
        return [float(time) for time in times if time is not None], True
    return [float(n) for n in range(len(looks))], False


def of_one_process(
    looks: list[Look],
    whose: Callable[[Look], Process | None],
    size: Callable[[Look], float],
    pid: int | None,
) -> tuple[list[Look], Process | None, str, Mapping[Process, list[Look]]]:
    """The looks at one process, which it is, why this one, and those at each; looks that do not say it are of it."""
    groups: dict[Process, list[Look]] = {}
    for look in looks:
        if (key := whose(look)) is not None:
            groups.setdefault(key, []).append(look)
    if not groups:
        return looks, None, "", groups
    most = max(map(len, groups.values()))
    growths = {key: size(of[-1]) - (size(of[0]) if most > 1 else 0.0) for key, of in groups.items()}
    if len(groups) == 1:
        return looks, next(iter(groups)), "", groups
    chosen, why = choose(growths, pid, most)
    return groups[chosen], chosen, why, groups


def once(looks: int) -> Iterator[str]:
    """What a single look cannot say."""
    if looks == 1:
        yield ONCE
