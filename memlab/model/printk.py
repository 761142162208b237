"""How far a kernel message comes: the ring buffer takes all, the console and a log file some, by level."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memlab.procfs.consoles import Console
from memlab.procfs.kmsg import Record
from memlab.procfs.printk import Limits, Printk

# core-api/printk-basics.rst, by syslog(3)'s names
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
ERR, WARNING, INFO, DEBUG = 3, 4, 6, 7

# what a report prints at which level; None is the level of messages without one (mm/oom_kill.c,
# lib/dump_stack.c, mm/show_mem.c, mm/memcontrol.c)
OOM_PARTS: tuple[tuple[str, int | None], ...] = (
    ("who asked (`invoked oom-killer`)", WARNING),
    ("the stack of who asked", None),
    ("the machine's memory counts (`Mem-Info`)", None),
    ("a cgroup's memory counts", INFO),
    ("the table of tasks, `oom-kill:constraint=…`", INFO),
    ("`Killed process …`", ERR),
)


@dataclass(frozen=True)
class Reader:
    """A process that has the kernel's messages open. path: /proc/kmsg or /dev/kmsg."""

    pid: int
    comm: str
    path: str


@dataclass(frozen=True)
class Ring:
    """What the ring buffer holds. first, last: sequence numbers, counted since boot; from 0 on nothing is lost yet.

    records: how many there are now; begins, ends: seconds since boot of the oldest and the newest;
    levels: how many of each level, 0 to 7; size: bytes of the buffer, None where it may not be asked.
    """

    first: int
    last: int
    records: int
    begins: float
    ends: float
    levels: tuple[int, ...]
    size: int | None = None


@dataclass(frozen=True)
class Path:
    """All that decides where a message goes, at one instant.

    consoles, ring: None where they may not be read, and `missing` says why; readers: who passes the ring buffer
    on; readers_hidden: how many processes could not be asked.
    """

    levels: Printk
    limits: Limits
    consoles: tuple[Console, ...] | None
    ring: Ring | None
    readers: tuple[Reader, ...]
    readers_hidden: int
    missing: tuple[str, ...] = ()


def on_console(level: int | None, levels: Printk, ignore_loglevel: bool = False) -> bool:
    """Whether a message is shown: its level must be below the console's (printk.c, suppress_message_printing).

    A level of None is that of a message without one.
    """
    if level is None:
        level = levels.default_message_loglevel
    return ignore_loglevel or level < levels.console_loglevel


def by_level(levels: Iterable[int]) -> tuple[int, ...]:
    """How many there are of each level, 0 to 7."""
    counts = Counter(levels)
    return tuple(counts[level] for level in range(len(LEVELS)))


def ring_of(records: Sequence[Record], size: int | None = None) -> Ring | None:
    """The summary of a buffer; None of an empty one."""
    if not records:
        return None
    first, last = records[0], records[-1]
    counts = by_level(record.level for record in records)
    return Ring(
        first.sequence, last.sequence, len(records), first.seconds, last.seconds, counts, size
    )


@dataclass(frozen=True)
class Cost:
    """What was measured. tag: how to find the lines again; length: characters of each, without the newline.

    seconds: of each write() to /dev/kmsg; null_seconds: of the same to /dev/null, which is what the call alone
    costs; arrived: how many of these lines the buffer holds; pressed, pressed_arrived: lines that were written
    through one open file, more than the kernel takes at once from a program, and how many of those came.
    """

    tag: str
    length: int
    seconds: tuple[float, ...]
    null_seconds: tuple[float, ...]
    arrived: int
    pressed: int
    pressed_arrived: int
    devkmsg: str

    @property
    def line_seconds(self) -> float:
        """Of a line in the ring buffer: the median, the call itself taken off."""
        return statistics.median(self.seconds) - statistics.median(self.null_seconds)


def serial_seconds(characters: int, baud: int) -> float:
    """How long a serial line takes: start bit, eight bits, stop bit for each character."""
    return characters * 10 / baud


@dataclass(frozen=True)
class Line:
    """A kernel message on its way to a log: its level, and its text, as /proc/kmsg has it behind `<level>`."""

    level: int
    text: str
