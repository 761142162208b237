"""An OOM rehearsal: tasks in one capped memory cgroup of their own, one of which grows until the kernel kills.

The group is small and has nobody else in it, so the kernel never looks beyond it: no global OOM. Guard and
supervisor hold the run as they hold a leaker; the program between them and the tasks is `stage`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from memlab.errors import Denied, Gone, MemlabError, Refused, Unsupported
from memlab.lab.build import program
from memlab.lab.containment import MARGIN, VIRTUAL_MARGIN, Need
from memlab.lab.events import Event, Events, why_it_ended
from memlab.lab.experiment import spawn_guard
from memlab.lab.kernel_log import KernelLog
from memlab.lab.options import Options
from memlab.lab.sweep import sweep
from memlab.model.oom_line_up import CHUNK, LineUp, Task, line_up
from memlab.model.oom_rehearsal import Death, Look, Rehearsed, Seen
from memlab.observe.oom_scores import machine_total
from memlab.procfs import cgroup, cgroup_memory, oom_report, oom_score, pressure, status
from memlab.procfs.host import Host
from memlab.units import MIB, PAGE_BYTES

_SECONDS = 60.0  # for one thing
_NAME = "oom-rehearsal"
_NEAR = 2 * MIB  # of the limit
_LOOKS_AFTER, _LOOKS_EVERY = 4, 0.03  # seconds


def rehearse(
    tasks: LineUp | Sequence[str | Task],
    predict: str | None = None,
    *,
    limit: int | str = 100 * MIB,
    to_the_end: bool = False,
) -> Rehearsed:
    """Run it, from beginning to end. `predict` is who the learner says will die first.

    Raises Refused for a line-up that makes no sense, Unsupported where no memory cgroup may be made, Denied for
    an oom_score_adj that this login may not give.
    """
    made = tasks if isinstance(tasks, LineUp) else line_up(tasks, limit, to_the_end=to_the_end)
    if predict is not None:
        made.task(predict)
    with Rehearsal(made) as rehearsal:
        rehearsal.press()
        return rehearsal.end(predict)


@dataclass
class _Group:
    """The cgroup of the run, as it is read."""

    folder: str
    version: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = 1 if os.path.exists(f"{self.folder}/memory.limit_in_bytes") else 2
        self._host = Host()

    @property
    def name(self) -> str:
        return PurePosixPath(self.folder).name

    def usage(self) -> int:
        return cgroup.usage(self._host, self.folder, self.version)

    def events(self) -> dict[str, int]:
        """Version 1: oom_kill of memory.oom_control, and failcnt; version 2: memory.events."""
        found = cgroup_memory.read(self._host, self.folder)
        events = dict(found.events or found.oom_control or {})
        if found.failures is not None:
            events["failcnt"] = found.failures
        return events

    def shmem(self) -> int | None:
        """Bytes of tmpfs and shared memory charged to it."""
        stat = cgroup_memory.read_stat(self._host, self.folder)
        return stat.get("shmem")

    def waited(self) -> int | None:
        for path in (f"{self.folder}/memory.pressure", "/proc/pressure/memory"):
            with suppress(MemlabError):
                some = pressure.read(self._host, path).some
                return None if some is None else some.total
        return None


class Rehearsal:
    """A rehearsal that is on: everybody has its memory, the kernel has not come yet. It ends with the block.

    `looks` is what was seen so far, `deaths` who was killed.
    """

    def __init__(self, made: LineUp, raised: int = 0) -> None:
        self.line_up, self.raised = made, raised
        self.looks: list[Look] = []
        self.deaths: list[Death] = []
        self.ended = "not begun"
        self._asked = 0
        self._pids: dict[str, int] = {}
        self._host = Host()

    def __enter__(self) -> Rehearsal:
        sweep()
        self._log = KernelLog()
        try:
            self._begin()
        except BaseException:
            self._take_down()
            raise
        return self

    def _begin(self) -> None:
        self._spawn()
        denied = self._begun()
        if denied and self.line_up_can_be_raised(denied["least"]):
            # the rule adds adj × limit to everybody alike, so what is the same for all changes nobody's place
            self.raised = denied["least"]
            self._take_down(log_too=False)
            self._spawn()
            denied = self._begun()
        if denied:
            raise self._denied(denied)
        self._group = _Group(self._box()["cgroup"])
        self._pids = {
            one["name"]: one["pid"] for one in self._events.all() if one["event"] == "task"
        }
        self._start = time.monotonic()
        self.ended = "not asked"
        self._look()

    def line_up_can_be_raised(self, least: int) -> bool:
        """Whether this login's lowest adj can be everybody's 0."""
        adjs = [one.adj for one in self.line_up.tasks]
        return not self.raised and least > 0 and min(adjs) >= 0 and max(adjs) + least <= 1000

    def _denied(self, event: Event) -> Denied:
        task = self.line_up.task(event["name"])
        lowest = event["least"]
        return Denied(
            f"{task.name} cannot have an oom_score_adj of {task.adj}: without CAP_SYS_RESOURCE {lowest} is the "
            "lowest here, also for root",
            f"choose {lowest} or more, or run it where root has that capability",
        )

    def _spawn(self) -> None:
        made = self.line_up
        plan = {
            "raised": self.raised,
            "grows": made.grows,
            "tasks": [
                {
                    "name": one.name,
                    "adj": one.adj,
                    "chunks": one.size // CHUNK,
                    "argv": _argv(one, made.limit),
                }
                for one in made.tasks
            ],
        }
        on_tmpfs = made.limit if any(one.on_tmpfs for one in made.tasks) else 0
        need = Need(made.limit + MARGIN, made.limit + 2 * VIRTUAL_MARGIN, on_tmpfs)
        options = Options([], need, made.limit + MIB)
        self._guard = spawn_guard(_stage_argv(plan), options, _NAME, group=made.limit)
        self._events = Events(self._guard)

    def _begun(self) -> Event | None:
        """Wait until everybody has its memory; the event where an adj was denied."""
        self._wait(lambda: self._events.last("ready") and self._events.last("box"))
        if self._box()["cgroup"] is None:
            raise Unsupported(
                f"a rehearsal needs a memory cgroup of its own, and here is none: {self._box()['why_no_cgroup']}",
                "run it as root, or read a report: memlab oom read",
            )
        self._tell("begin")
        self._wait(lambda: any(map(self._events.last, ("begun", "denied", "broken"))))
        if broken := self._events.last("broken"):
            raise Gone(f"{broken['name']} could not take its memory", "try again, or smaller tasks")
        return self._events.last("denied")

    def _box(self) -> Event:
        return self._events.last("box") or {}

    def press(self, most: int = 4096) -> None:
        """Let the one that grows take more, chunk by chunk, until the kernel has killed (or all is over)."""
        for _ in range(most):
            if not self.step():
                break
        for _ in range(_LOOKS_AFTER):  # so that what came back can be seen
            time.sleep(_LOOKS_EVERY)
            self._look()

    def step(self) -> bool:
        """One chunk more; False when it is over. A look is taken at every fourth, and at each when it is near."""
        self._asked += 1
        self._tell("grow")
        self._wait(lambda: (self._events.last("grew") or {}).get("asked") == self._asked)
        grew = self._events.last("grew") or {}
        died = self._note_deaths()
        near = self.line_up.limit - self._group.usage() < _NEAR
        if died or near or grew["how"] != "grown" or self._asked % 4 == 0:
            self._look()
        how = {"held": f"refused: {grew['why']}", "died": "killed", "stuck": "it waits for memory"}
        self.ended = how.get(grew["how"], "enough")
        on = self.line_up.to_the_end or not self.deaths
        return grew["how"] == "grown" and on

    def end(self, predict: str | None = None) -> Rehearsed:
        """What was seen, with the kernel's log; the group is still there."""
        pids = set(self._pids.values())
        log = self._log.of_group(self._group.name, pids)
        return Rehearsed(
            line_up=self.line_up,
            version=self._group.version,
            kernel=os.uname().release,
            page_bytes=PAGE_BYTES,
            total=machine_total(self._host),
            raised=self.raised,
            said=predict,
            looks=tuple(self.looks),
            deaths=tuple(_in_order(self.deaths, log)),
            log=log,
            log_from=self._log.source,
            shmem_left=self._group.shmem(),
            ended=self.ended,
        )

    def _note_deaths(self) -> bool:
        """Whether somebody has died since."""
        known = {one.pid for one in self.deaths}
        for event in self._events.all():
            if event["event"] == "ended" and event["pid"] not in known:
                at = time.monotonic() - self._start
                self.deaths.append(Death(event["name"], event["pid"], at, event["asked"]))
        return len(self.deaths) > len(known)

    def _look(self) -> None:
        at = time.monotonic() - self._start
        dead = {one.pid for one in self.deaths}
        seen = [self._see(name, pid) for name, pid in self._pids.items() if pid not in dead]
        group = self._group
        alive = tuple(one for one in seen if one is not None)
        self.looks.append(
            Look(at, self._asked, group.usage(), alive, group.events(), group.waited())
        )

    def _see(self, name: str, pid: int) -> Seen | None:
        try:
            score, words = oom_score.read(self._host, pid), status.read(self._host, pid)
        except Gone:
            return None
        if words.vm_rss is None:
            return None
        tables = (words.vm_pte or 0) + (words.vm_pmd or 0)
        return Seen(
            name=name,
            pid=pid,
            score=score.score,
            adj=score.score_adj - self.raised,
            rss=words.vm_rss,
            anon=words.vm_rss if words.rss_anon is None else words.rss_anon,
            swap=words.vm_swap or 0,
            tables=tables,
        )

    def _tell(self, command: str) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(command.encode() + b"\n")
        except (BrokenPipeError, ValueError):
            raise self._over() from None

    def _wait(self, predicate: Callable[[], Any]) -> None:
        if self._events.wait_until(predicate, _SECONDS):
            return
        if self._events.over:
            raise self._over()
        raise Unsupported(
            f"the rehearsal did not do what was awaited within {_SECONDS:g} s",
            "the machine may be busy: try again",
        )

    def _over(self) -> MemlabError:
        self._events.wait_until(lambda: False, 1.0)
        why = why_it_ended("the rehearsal", self._events.last)
        return why or Gone(
            "the rehearsal has ended before its time", self._events.stray or "run it again"
        )

    def _take_down(self, log_too: bool = True) -> None:
        """Everything ends; returns when nothing is left."""
        if log_too:
            self._log.__exit__()
        guard: subprocess.Popen[bytes] | None = getattr(self, "_guard", None)
        if guard is None:
            return
        for end in (guard.terminate, guard.kill):
            end()
            self._events.wait_until(lambda: False, _SECONDS)
            if self._events.over:
                break
        if guard.stdin is not None:
            guard.stdin.close()

    def __exit__(self, *_exc: object) -> None:
        self._take_down()


def _argv(task: Task, limit: int) -> list[str]:
    """The leaker that plays this task, paused: it takes memory when it is told."""
    binary = program("tmpfs" if task.on_tmpfs else "anonymous", "c")
    basis = [] if task.on_tmpfs else ["--cap-basis", "resident"]
    return [*binary, "--paused", "--chunk", str(CHUNK), "--cap", str(limit), *basis]


def _stage_argv(plan: dict[str, Any]) -> list[str]:
    """As `supervisor.guard_argv`: what lies in the working folder or site-packages is none of its business."""
    package = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.append({package!r}); from memlab.lab.stage import main; main(sys.argv[1])"
    return [sys.executable, "-I", "-S", "-c", code, json.dumps(plan)]


def _in_order(deaths: list[Death], log: str) -> list[Death]:
    """As the kernel's log has them, where several died before the next look."""
    pids = [one.pid for report in oom_report.parse(log.encode()) for one in report.killed]
    place = {pid: number for number, pid in enumerate(pids)}
    return sorted(deaths, key=lambda one: place.get(one.pid, len(place)))


def check_predicted(made: LineUp, name: str) -> str:
    """The name, if it is one of the tasks; else Refused."""
    try:
        return made.task(name).name
    except Refused:
        raise Refused(f"{name} is none of them", "say one of " + ", ".join(made.names)) from None
