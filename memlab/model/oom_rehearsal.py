"""A rehearsal as it was watched: looks at the group, who died, the kernel's reports; and the forecast made before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from memlab.errors import Malformed, Refused
from memlab.model.oom_badness import Candidate, Era, era_of, rank, weigh, worst
from memlab.model.oom_line_up import LineUp, Task
from memlab.model.oom_verdict import Judged, judge
from memlab.procfs import oom_report
from memlab.procfs.oom.records import Report, Row, Version

FORMAT = 1


@dataclass(frozen=True)
class Seen:
    """One task at one look, in bytes. score: /proc/PID/oom_score; adj: as in the line-up.

    anon: of rss what its end gives back for certain (RssAnon).
    """

    name: str
    pid: int
    score: int
    adj: int
    rss: int
    anon: int
    swap: int
    tables: int


@dataclass(frozen=True)
class Look:
    """The group at one instant. at: seconds since all had their memory; asked: how often the grower took more.

    events: memory.oom_control and failcnt (version 1), memory.events (version 2). waited: microseconds that somebody
    waited for memory (PSI), of the group, or of the machine where the group has no such account; None without any.
    """

    at: float
    asked: int
    usage: int
    seen: tuple[Seen, ...]
    events: Mapping[str, int]
    waited: int | None


@dataclass(frozen=True)
class Death:
    """Whom the kernel killed. at: seconds, as in `Look`; asked: what the grower was asked for by then."""

    name: str
    pid: int
    at: float
    asked: int


@dataclass(frozen=True)
class Rehearsed:
    """All that was seen. version: of the cgroup. kernel: its release. total: RAM and swap of the machine, in bytes.

    raised: what every adj was raised by, where one may not go as low as was asked for. said: who the learner said
    would die. log: the kernel's lines; log_from: where they were read, or why not. shmem_left: bytes of tmpfs files in
    the group when all was over. ended: why the grower takes no more.
    """

    line_up: LineUp
    version: int
    kernel: str
    page_bytes: int
    total: int
    raised: int
    said: str | None
    looks: tuple[Look, ...]
    deaths: tuple[Death, ...]
    log: str
    log_from: str
    shmem_left: int | None
    ended: str

    @cached_property
    def reports(self) -> tuple[Report, ...]:
        """The kernel's own, in its order."""
        return oom_report.parse(self.log.encode())

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """Each report with the badness computed from its table. The group may use no swap."""
        return tuple(judge(report, swap_bytes=0) for report in self.reports)

    @cached_property
    def forecast(self) -> Forecast:
        """Made from the first look alone."""
        return forecast(self.looks[0], self.line_up, self.kernel, self.page_bytes)

    @property
    def victim(self) -> str | None:
        """Who died first; None where nobody did."""
        return self.deaths[0].name if self.deaths else None

    @property
    def agrees(self) -> bool | None:
        """Whether the kernel chose as was forecast; None where it chose nobody."""
        return None if self.victim is None else self.victim == self.forecast.victim

    @property
    def learner_is_right(self) -> bool | None:
        """None where nobody said anything, or nobody died."""
        return None if self.said is None or self.victim is None else self.said == self.victim

    def as_dict(self) -> dict[str, Any]:
        """For a file; `from_dict` reads it."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["line_up"] = asdict(self.line_up)
        plain["looks"] = [{**asdict(one), "events": dict(one.events)} for one in self.looks]
        plain["deaths"] = [asdict(one) for one in self.deaths]
        return {"format": FORMAT, **plain}


def from_dict(told: Mapping[str, Any], path: str = "rehearsal") -> Rehearsed:
    """What `as_dict` made. Raises Malformed for anything else."""
    try:
        if told["format"] != FORMAT:
            raise ValueError(f"is of format {told['format']}, and this memlab reads {FORMAT}")
        rest = {name: told[name] for name in Rehearsed.__dataclass_fields__}
        line_up = dict(rest["line_up"])
        line_up["tasks"] = tuple(Task(**one) for one in line_up["tasks"])
        rest["line_up"] = LineUp(**line_up)
        rest["looks"] = tuple(
            Look(**{**one, "seen": tuple(Seen(**each) for each in one["seen"])})
            for one in rest["looks"]
        )
        rest["deaths"] = tuple(Death(**one) for one in rest["deaths"])
        told_here = Rehearsed(**rest)
        _check(told_here)
        return told_here
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, Refused) as error:
        raise Malformed(path, 1, "", f"is no rehearsal of memlab ({error})") from None


def _check(told: Rehearsed) -> None:
    """Raise what `from_dict` catches: anybody may have written such a file."""
    made, number = told.line_up, (int, float)
    kinds: list[tuple[Any, Any]] = [(made.limit, int), (made.grows, str)]
    kinds += [(x, str) for x in (told.kernel, told.log, told.log_from, told.ended, told.said or "")]
    kinds += [(x, int) for x in (told.version, told.page_bytes, told.total, told.raised)]
    kinds += [(told.shmem_left or 0, int)]
    for task in made.tasks:
        kinds += [(task.name, str), (task.size, int), (task.adj, int)]
    for look in told.looks:
        kinds += [(look.at, number), (look.asked, int), (look.usage, int), (look.waited or 0, int)]
        kinds += [(name, str) for name in look.events] + [(x, int) for x in look.events.values()]
        for one in look.seen:
            sizes = (one.pid, one.score, one.adj, one.rss, one.anon, one.swap, one.tables)
            kinds += [(x, int) for x in sizes]
            made.task(one.name)
    for death in told.deaths:
        kinds += [(death.at, number), (death.asked, int), (death.pid, int)]
        made.task(death.name)
    if wrong := [value for value, kind in kinds if not isinstance(value, kind)]:
        raise ValueError(f"{wrong[0]!r} is of a wrong kind")
    if not told.looks or not told.looks[0].seen or min(made.limit, told.page_bytes) < 1:
        raise ValueError("holds no look")
    made.task(made.grows)
    _ = told.forecast


# ---- who will die ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Forecast:
    """Who dies when the group is full, from one look before it is.

    ranked: the worst first; points in pages. biggest: who has most RSS then. first_in_line: who has the highest
    oom_score at the look; several where it cannot tell them apart.
    """

    era: Era
    total_pages: int
    ranked: tuple[Candidate, ...]
    victim: str
    biggest: str
    first_in_line: tuple[str, ...]

    @property
    def lead(self) -> int | None:
        """Pages by which the first is ahead of the next; None where no other can be killed."""
        points = [one.points for one in self.ranked if one.points is not None]
        return points[0] - points[1] if len(points) > 1 else None


def forecast(look: Look, line_up: LineUp, kernel: str, page_bytes: int) -> Forecast:
    """The kernel's rule of `kernel` (`oom_badness`), by the group's limit, with the group filled up by who grows."""
    era = era_of(_version(kernel)) or Era.SIGNED
    total = line_up.limit // page_bytes
    grower = line_up.task(line_up.grows)
    room = 0 if grower.on_tmpfs else max(line_up.limit - look.usage, 0)
    rows = [
        Row(
            pid=one.pid,
            name=one.name,
            rss=(one.rss + (room if one.name == line_up.grows else 0)) // page_bytes,
            swapents=one.swap // page_bytes,
            pgtables_bytes=one.tables,
            oom_score_adj=one.adj,
        )
        for one in look.seen
    ]
    ranked = rank([weigh(row, era, total, page_bytes) for row in rows])
    highest = max(one.score for one in look.seen)
    return Forecast(
        era=era,
        total_pages=total,
        ranked=tuple(ranked),
        victim=worst(ranked, era)[0].row.name,
        biggest=max(rows, key=lambda row: row.rss or 0).name,
        first_in_line=tuple(one.name for one in look.seen if one.score == highest),
    )


def _version(kernel: str) -> Version:
    """'6.18.44-fc' -> (6, 18, 44); this machine has pidfd, so it is late enough for every rule but the newest."""
    numbers = [
        int(part) for part in kernel.split("-")[0].split("+")[0].split(".")[:3] if part.isdecimal()
    ]
    return tuple((*numbers, 0, 0, 0)[:3])  # type: ignore[return-value]
