"""Who stands in the group when its memory runs out: tasks, sizes and adjustments; read, checked, drawn by chance."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from memlab.errors import Refused
from memlab.units import KIB, MIB, format_bytes, parse_bytes

CHUNK = 256 * KIB  # memory is taken in such pieces
MOST_LIMIT = 256 * MIB
LEAST_LIMIT = 16 * MIB
MOST_TASKS = 8
# What is set aside for each task beside what it takes, so that the group is not full before it shall be. A small C
# program is charged a quarter MiB (stack, page tables, data, kernel memory), and libraries that nobody had read yet.
OVERHEAD = 1 * MIB
CHARGED = 256 * KIB
# The counters behind VmRSS and a group's usage run in batches for each CPU (percpu_counter, MEMCG_CHARGE_BATCH):
# a quarter MiB for each, of which a task has used a few. Who is ahead by less than this is no forecast.
CLEAR = 3 * MIB

# who has most dies, though another asked for the page, and though oom_score puts a third one first
FIRST_LESSON = ("database:56MiB", "web:10MiB:100", "leaker:8MiB:grows")

# the kernel keeps 15 bytes of a name (TASK_COMM_LEN)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,14}")
_NAMES = ("web", "db", "cache", "worker", "batch", "mail", "proxy", "cron", "search", "logger")


@dataclass(frozen=True)
class Task:
    """One candidate: what it has at first, in bytes, and its oom_score_adj.

    on_tmpfs: it writes a file on tmpfs, and what it writes is in no process's RSS.
    """

    name: str
    size: int
    adj: int = 0
    on_tmpfs: bool = False


@dataclass(frozen=True)
class LineUp:
    """A group's limit in bytes, its tasks, and which of them takes more until the kernel comes.

    to_the_end: it goes on when somebody else was killed, until it is dead itself or may take no more.
    """

    limit: int
    tasks: tuple[Task, ...]
    grows: str
    to_the_end: bool = False

    def task(self, name: str) -> Task:
        """By name; Refused for one that is not in it."""
        for one in self.tasks:
            if one.name == name:
                return one
        raise Refused(
            f"there is no {name} in this line-up", "choose one of " + ", ".join(self.names)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(one.name for one in self.tasks)

    @property
    def command(self) -> str:
        """What to type for the same again."""
        words = [f"memlab oom rehearse --limit {_size_word(self.limit)}"]
        words += [f"--task {_task_words(one, one.name == self.grows)}" for one in self.tasks]
        return " ".join(words + ["--to-the-end"] * self.to_the_end)


def _size_word(size: int) -> str:
    return f"{size // MIB}MiB" if size % MIB == 0 else f"{size // KIB}KiB"


def _task_words(one: Task, grows: bool) -> str:
    words = [one.name, _size_word(one.size), *([str(one.adj)] if one.adj else [])]
    return ":".join(words + ["tmpfs"] * one.on_tmpfs + ["grows"] * grows)


def read_task(text: str) -> tuple[Task, bool]:
    """'web:40MiB:-100', 'log:10MiB:tmpfs:grows' -> the task, and whether it is the one that grows. ValueError."""
    name, *words = text.split(":")
    form = "write it like web:40MiB, db:10MiB:300 or log:8MiB:tmpfs:grows"
    if not _NAME.fullmatch(name) or not words:
        raise ValueError(f"{text!r} is no task: {form} (a name has up to 15 small letters)")
    size, adj, flags = parse_bytes(words[0]), 0, set()
    for word in words[1:]:
        digits = word.removeprefix("-")
        if digits.isascii() and digits.isdigit() and abs(int(word[:6])) <= 1000:
            adj = int(word)
        elif word in ("tmpfs", "grows"):
            flags.add(word)
        else:
            raise ValueError(
                f"{word!r} in {text!r} is neither an oom_score_adj nor tmpfs nor grows: {form}"
            )
    return Task(name, -(-size // CHUNK) * CHUNK, adj, "tmpfs" in flags), "grows" in flags


def line_up(
    tasks: Sequence[str | Task],
    limit: int | str = 100 * MIB,
    grows: str | None = None,
    to_the_end: bool = False,
) -> LineUp:
    """Checked: Refused for what would not fit, names nobody twice, or could not end.

    Without `grows`, and without a task that says so, the last one grows.
    """
    found: list[Task] = []
    for one in tasks:
        if isinstance(one, Task):
            found.append(one)
            continue
        try:
            task, marked = read_task(one)
        except ValueError as error:
            raise Refused(str(error)) from None
        found.append(task)
        if marked and grows not in (None, task.name):
            raise Refused(f"both {grows} and {task.name} shall grow", "one does")
        grows = task.name if marked else grows
    if not 2 <= len(found) <= MOST_TASKS:
        raise Refused(f"{len(found)} tasks", f"a rehearsal has two to {MOST_TASKS}")
    size = parse_bytes(limit) if isinstance(limit, str) else limit
    made = LineUp(size, tuple(found), grows or found[-1].name, to_the_end)
    _check(made)
    return made


def _check(made: LineUp) -> None:
    grower = made.task(made.grows)
    if len(set(made.names)) < len(made.names):
        raise Refused("two tasks have one name", "give each its own")
    if not LEAST_LIMIT <= made.limit <= MOST_LIMIT:
        bounds = f"{format_bytes(LEAST_LIMIT)} to {format_bytes(MOST_LIMIT)}"
        raise Refused(f"a limit of {format_bytes(made.limit)}", f"choose one of {bounds}")
    filled = sum(one.size + OVERHEAD for one in made.tasks)
    if filled + CLEAR > made.limit:
        raise Refused(
            f"with {format_bytes(filled)} the group of {format_bytes(made.limit)} is full before anybody grows",
            "make the tasks smaller, or the limit larger",
        )
    if any(one.size < CHUNK for one in made.tasks):
        raise Refused("a task of no memory", f"give each {format_bytes(CHUNK)} at the least")
    if all(one.adj == -1000 for one in made.tasks):
        raise Refused("nobody may be killed: all have -1000", "then who asks waits for ever")
    if made.to_the_end and grower.adj == -1000 and not grower.on_tmpfs:
        raise Refused(f"{made.grows} has -1000 and grows to the end", "it would wait for ever")


# ---- by chance -----------------------------------------------------------------------------


def draw(seed: int) -> LineUp:
    """The line-up of this number, the same everywhere: three to five tasks, some with an adj, one in four on tmpfs.

    It is drawn again until one is ahead of all others by more than twice `CLEAR`, of which the counters leave no
    doubt, and by no more than a fifth of the limit, so that no look at the numbers settles it.
    """
    chance = random.Random(f"oom rehearsal {seed}")
    while True:
        made = _drawn(chance)
        points = sorted(_points_at_the_end(made))
        if 2 * CLEAR < points[-1] - points[-2] <= made.limit // 5:
            return made


def _drawn(chance: random.Random) -> LineUp:
    count = 3 + int(chance.random() * 3)
    limit = (64, 96, 128)[int(chance.random() * 3)] * MIB
    names = sorted(_NAMES, key=lambda _: chance.random())[:count]
    shares = [0.1 + chance.random() for _ in names]
    # a fifth stays free, for the one that grows
    scale = 0.8 * (limit - count * OVERHEAD) / sum(shares)
    sizes = [max(int(share * scale) // MIB, 1) * MIB for share in shares]
    adjs = [10 * int(1 + chance.random() * 40) if chance.random() < 0.6 else 0 for _ in names]
    tmpfs = int(chance.random() * (count - 1)) if chance.random() < 0.25 else None
    tasks = tuple(
        Task(name, size, adj, number == tmpfs)
        for number, (name, size, adj) in enumerate(zip(names, sizes, adjs, strict=True))
    )
    return LineUp(limit, tasks, tasks[-1].name)


def _points_at_the_end(made: LineUp) -> list[int]:
    """In bytes, when the group is full; what everybody has beside its size is the same for all."""
    room = made.limit - sum(one.size + CHARGED for one in made.tasks)
    points = []
    for one in made.tasks:
        own = 0 if one.on_tmpfs else one.size + (room if one.name == made.grows else 0)
        points.append(own + one.adj * (made.limit // 1000))
    return points
