"""The draw: which programs of the bank run, with which options; the same for the same seed.

It is stratified: every leaker and look-alike in each of its languages, each leaker at all rates of its
ladder (about two decades), profiles and jitter dealt out evenly. What each case is in
truth stands beside it, and goes to the score, never to the judge.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from memlab.lab.registry import Leaker, leakers
from memlab.model.shapes import PROFILES, Shape, bursts
from memlab.units import KIB, MIB, parse_rate

LEAK, CONTROL, LOOK_ALIKE = KINDS = ("leak", "control", "look-alike")
START_SECONDS = 8.0  # room for the start of leaker and observer when many start at once
FEWEST_BURSTS = 3
LONGEST_SILENCE = 1 / 3  # of the window: what has not leaked for longer at its end is apart
# Fewer units in the window are a program that does something now and then, to any observer.
FEWEST_UNITS = 6
STILL_GROWING = 0.2  # the share of look-alikes that go on growing after the window

_BYTES = ("256KiB/s", "1MiB/s", "4MiB/s", "16MiB/s")
_FEW = ("0.5/s", "2/s", "8/s")
# where bytes a second are not the measure, or a limit of the machine is met sooner
_LADDERS: dict[str, tuple[str, ...]] = {
    "main-stack": ("16KiB/s", "64KiB/s"),  # 8 MiB of stack (RLIMIT_STACK) must last a minute
    "page-table": ("4/s", "16/s", "64/s", "256/s"),  # each is one table of 4 KiB
    "thread-stack": ("0.2/s", "0.5/s", "2/s", "4/s"),
    "thread-stack-running": ("0.2/s", "0.5/s", "2/s", "4/s"),
    "address-space": ("4MiB/s", "16MiB/s", "64MiB/s", "256MiB/s"),
    "heap-fragments": (
        "32KiB/s",
        "128KiB/s",
    ),  # each hole is larger: 236 of them, and none fits any more
    "fd-pipes": _FEW,  # 1,024 descriptors (RLIMIT_NOFILE) must last a minute
    "fd-sockets": _FEW,
    "fd-files": _FEW,
    "fd-events": ("0.2/s", "1/s", "4/s"),  # three descriptors each
    "process-zombies": ("0.5/s", "2/s", "5/s"),
    "process-children": ("0.2/s", "0.5/s", "2/s"),
    "tmpfs-inodes": ("20/s", "100/s", "500/s"),
    "kernel-messages": ("64KiB/s", "256KiB/s", "1MiB/s"),
    "kernel-sockets": ("64KiB/s", "256KiB/s", "1MiB/s"),
    "kernel-pipes": ("64KiB/s", "256KiB/s"),  # fs.pipe-user-pages-soft: 64 MiB a user
    "kernel-bpf": ("256KiB/s", "1MiB/s"),
}
# one descriptor each, so that a fast one takes more at a time
_BY_DESCRIPTOR = ("memfd-descriptor", "memfd-parked", "tmpfs-deleted")
_NEVER_GROWS = ("page-cache", "dirty-cache", "negative-dentries")  # not in the process
_TABLE = 4 * KIB
_MOST_STACKS = 38  # glibc's stack cache holds 40 MiB (nptl, stack_cache_maxsize)


@dataclass(frozen=True)
class Case:
    """One run: what is started, how long before the watch, and what is true of it.

    lead: seconds between start and watch. rate: bytes a second that the watch ought to show on
    average, None where things are counted. ends: when a look-alike has stopped growing, in seconds of
    the watch; 0 where it never grows, and beyond the window where it is still growing.
    """

    number: int
    name: str
    lang: str
    kind: str
    pattern: str
    options: dict[str, Any]
    seconds: float
    lead: float = 0.0
    rate: float | None = None
    ends: float | None = None
    live: bool = False

    @property
    def label(self) -> str:
        """A name for lists: 017-heap-c-leak."""
        return f"{self.number:03d}-{self.name}-{self.lang}-{self.kind}"

    @property
    def profile(self) -> str:
        """The shape in time of its events."""
        return str(self.options.get("profile", "linear"))

    @property
    def still_growing(self) -> bool:
        """Whether a look-alike cannot be told from a leak yet: it grows until after the window."""
        return self.ends is not None and self.ends >= self.seconds

    @property
    def command(self) -> str:
        """What starts the same again, in a shell."""
        words = ["memlab leak", self.name, f"--lang {self.lang}"]
        words += [f"--{name} {value}" for name, value in self.options.items()]
        return " ".join([*words, "--control"] if self.kind == CONTROL else words)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types, from which `Case(**it)` is this again."""
        return asdict(self)


def draw(seed: int, quick: bool, seconds: float, most: int | None = None) -> list[Case]:
    """The cases in the order in which they run: a random one, so that load is not a stratum's own.

    `most` cuts the draw; each kind keeps its share.
    """
    chance = random.Random(seed)
    drawn = [
        case
        for leaker in leakers().values()
        for lang in leaker.languages
        for case in _of(leaker, lang, quick, seconds, chance)
    ]
    chance.shuffle(drawn)
    if most is not None and most < len(drawn):
        drawn = _thinned(drawn, most)
    return [_numbered(case, number) for number, case in enumerate(drawn)]


def _numbered(case: Case, number: int) -> Case:
    fields = case.to_json() | {"number": number, "live": number % 16 == 7}
    return Case(**fields)


def _thinned(drawn: list[Case], most: int) -> list[Case]:
    """So many: the first of each kind, in proportion, at least one where there is room for one of each."""
    of_kind = {kind: [case for case in drawn if case.kind == kind] for kind in KINDS}
    shares = {kind: most * len(cases) / len(drawn) for kind, cases in of_kind.items()}
    counts = dict.fromkeys(KINDS, 0)
    for _ in range(most):
        none_yet = [kind for kind in KINDS if not counts[kind]]
        counts[max(none_yet or KINDS, key=lambda kind: shares[kind] - counts[kind])] += 1
    kept = [case for kind in KINDS for case in of_kind[kind][: counts[kind]]]
    return [case for case in drawn if case in kept]


def _of(
    leaker: Leaker, lang: str, quick: bool, seconds: float, chance: random.Random
) -> Iterator[Case]:
    """All cases of one program."""
    if leaker.is_lookalike:
        for _ in range(2 if quick else 8):
            yield _look_alike(leaker, lang, seconds, chance)
        return
    ladder = list(_LADDERS.get(leaker.name, _BYTES))
    profiles = _dealt(chance)
    if quick:  # one rate of the ladder, and one control in four
        yield _leak(leaker, lang, LEAK, chance.choice(ladder), next(profiles), seconds, chance)
        if chance.random() < 0.25:
            rate = chance.choice(ladder)
            yield _leak(leaker, lang, CONTROL, rate, next(profiles), seconds, chance)
        return
    for rate in ladder:
        yield _leak(leaker, lang, LEAK, rate, next(profiles), seconds, chance)
    for _ in range(2):
        rate = chance.choice(ladder)
        yield _leak(leaker, lang, CONTROL, rate, next(profiles), seconds, chance)


def _dealt(chance: random.Random) -> Iterator[str]:
    """Profiles without end; in each round a third are linear, the plain case."""
    while True:
        deck = ["linear", "linear", *PROFILES[1:]]
        chance.shuffle(deck)
        yield from deck


def _leak(
    leaker: Leaker,
    lang: str,
    kind: str,
    rate: str,
    profile: str,
    seconds: float,
    chance: random.Random,
) -> Case:
    lead = chance.choice((0.0, 0.0, 2.0, 5.0))
    jitter = chance.choice((0.0, 0.3, 0.8))
    period = _period(profile, seconds, chance)
    seed = chance.randrange(1, 1 << 30)
    if profile == "bursty":
        seed = _seed_with_bursts(seed, period, lead, seconds)
    asked, chunk = parse_rate(rate), _chunk(leaker, rate)
    shape = Shape(asked.events(chunk or 1), profile, period, jitter, seed)
    grown = int(shape.kept(lead + seconds)) - int(shape.kept(lead))
    faster = _faster(leaker, rate) if profile == "linear" else rate
    if grown < FEWEST_UNITS and faster is not None:
        return _leak(leaker, lang, kind, faster, "linear", seconds, chance)
    options: dict[str, Any] = {"rate": rate, "seed": seed}
    if chunk != leaker.chunk_bytes:
        options["chunk"] = f"{chunk // KIB}KiB"
    if jitter:
        options["jitter"] = jitter
    if profile != "linear":
        options |= {"profile": profile, "period": period}
    if kind == LEAK:  # a control holds one unit, and needs no other cap than its own
        options["cap"] = _cap(leaker, chunk, shape, lead + seconds)
    each = _TABLE if leaker.name == "page-table" else chunk
    return Case(
        number=0,
        name=leaker.name,
        lang=lang,
        kind=kind,
        pattern=leaker.pattern if kind == LEAK else "none",
        options=options,
        seconds=seconds,
        lead=lead,
        rate=grown * each / seconds if chunk else None,
    )


def _chunk(leaker: Leaker, rate: str) -> int:
    """Bytes of a unit: more where each takes a descriptor, and they come fast."""
    per_second = parse_rate(rate).bytes_per_second or 0.0
    if leaker.name in _BY_DESCRIPTOR and per_second > 8 * leaker.chunk_bytes:
        return int(per_second / 8)
    return leaker.chunk_bytes


def _faster(leaker: Leaker, rate: str) -> str | None:
    """The next rung of the ladder; None on the last, which has to do in a very short window."""
    ladder = _LADDERS.get(leaker.name, _BYTES)
    return next(iter(ladder[ladder.index(rate) + 1 :]), None)


def _period(profile: str, seconds: float, chance: random.Random) -> float:
    """Several periods in the window; an accelerating leak has its rate in the middle of it."""
    if profile == "accelerating":
        return seconds / 2
    return round(seconds / chance.choice((30, 20, 12)), 2)


def _seed_with_bursts(seed: int, period: float, lead: float, seconds: float) -> int:
    """The first seed from this one on whose bursts are seen as bursts.

    Few, or none for long, are a step to any observer, whatever the program does later.
    """
    while not _seen_as_bursts(seed, period, lead, seconds):
        seed += 1
    return seed


def _seen_as_bursts(seed: int, period: float, lead: float, seconds: float) -> bool:
    seen = []
    for burst in bursts(seed):
        after = burst * period - lead
        if after >= seconds:
            break
        if after > 0:
            seen.append(after)
    gaps = [later - one for one, later in pairwise([0.0, *seen, seconds])]
    return len(seen) >= FEWEST_BURSTS and max(gaps) <= LONGEST_SILENCE * 0.9 * seconds


def _cap(leaker: Leaker, chunk: int, shape: Shape, until: float) -> int | str:
    """Room for all that is taken until then, a quarter more, and the time of a late start."""
    units = int(shape.taken(until + START_SECONDS) * 1.25) + 8
    return units if leaker.is_counted else f"{units * chunk // KIB}KiB"


def _look_alike(leaker: Leaker, lang: str, seconds: float, chance: random.Random) -> Case:
    """A look-alike that grows for so long: until some time within the window, or beyond it."""
    lead = chance.choice((0.0, 0.0, 2.0))
    growing = chance.random() < STILL_GROWING
    ends = round(
        chance.uniform(1.5 * seconds, 3 * seconds)
        if growing
        else chance.uniform(seconds / 12, seconds * 11 / 12),
        1,
    )
    options: dict[str, Any] = {"seed": chance.randrange(1, 1 << 30)}
    jitter = chance.choice((0.0, 0.3, 0.8))
    if jitter:
        options["jitter"] = jitter
    if leaker.name in _NEVER_GROWS:
        options["rate"] = leaker.rate
        ends = 0.0
    elif leaker.name == "burst":
        options |= {"rate": f"{3 / (lead + ends):.4f}/s", "cap": "32MiB"}
    elif leaker.name == "thread-pool":
        waves = chance.randrange(8, _MOST_STACKS)
        options |= {"rate": f"{waves / (lead + ends):.4f}/s", "cap": f"{waves}MiB"}
    else:
        _fill(leaker, options, lead + ends, chance)
    return Case(
        number=0,
        name=leaker.name,
        lang=lang,
        kind=LOOK_ALIKE,
        pattern="none",
        options=options,
        seconds=seconds,
        lead=lead,
        ends=ends,
    )


def _fill(leaker: Leaker, options: dict[str, Any], seconds: float, chance: random.Random) -> None:
    """A rate, and the cap that is reached at it after so many seconds."""
    rate = parse_rate(chance.choice(_BYTES if leaker.name != "huge-pages" else _BYTES[1:]))
    per_second = rate.bytes_per_second or 0.0
    chunk = leaker.chunk_bytes
    units = max(8, int(per_second * seconds / chunk))
    options["rate"] = f"{units / seconds:.4f}/s"
    options["cap"] = f"{units * chunk // KIB}KiB"


def need_bytes(case: Case) -> int:
    """Memory that this case may take, for the runner's own bound: its cap, where that is memory."""
    leaker = leakers()[case.name]
    cap = str(case.options.get("cap", leaker.cap_bytes))
    if leaker.is_counted or not cap.endswith("KiB") or leaker.touch == "never":
        return 64 * MIB
    return int(cap.removesuffix("KiB")) * KIB + 64 * MIB
