"""A leaker that runs: started in its box, steered, read, and taken down."""

from __future__ import annotations

import os
import subprocess
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from memlab.errors import Gone, MemlabError, Refused, Unsupported
from memlab.lab import settings
from memlab.lab.build import program
from memlab.lab.containment import refuse_what_hurts
from memlab.lab.events import Event, Events, why_it_ended
from memlab.lab.options import Options, Size, check, rate_argument
from memlab.lab.processes import start_time
from memlab.lab.registry import Leaker, get
from memlab.lab.runs import new_id, outstanding, promised
from memlab.lab.supervisor import Spec, guard_argv
from memlab.lab.sweep import sweep
from memlab.units import Rate

READY_SECONDS = 20.0
STOP_SECONDS = 5.0


def start(
    name: str,
    lang: str | None = None,
    *,
    rate: Rate | str | float | None = None,
    chunk: Size | None = None,
    stack_size: Size | None = None,
    step: int | None = None,
    count: int | None = None,
    cap: Size | None = None,
    cap_basis: str | None = None,
    touch: float | None = None,
    duration: float | str | None = None,
    profile: str | None = None,
    period: float | str | None = None,
    jitter: float | None = None,
    seed: int | None = None,
    control: bool = False,
    paused: bool = False,
) -> Experiment:
    """Start a leaker; returns when it is ready. `lang` is "c" or "python"; C where it has both.

    Options are written as people write them ("2MiB/s", "64KiB") or as numbers: bytes, seconds,
    events per second; None leaves the leaker's own default (leakers/manifest.toml). Raises
    Unsupported for an unknown leaker, Refused for what makes no sense and for what would put the
    machine in danger.
    """
    asked = {
        "rate": rate, "chunk": chunk, "stack_size": stack_size, "step": step, "count": count,
        "cap": cap, "cap_basis": cap_basis, "touch": touch, "duration": duration,
        "profile": profile, "period": period, "jitter": jitter, "seed": seed,
        "control": control, "paused": paused,
    }  # fmt: skip
    leaker = get(name)
    lang = lang or leaker.default_lang
    options = check(leaker, asked)
    argv = [*program(name, lang), *options.arguments]
    sweep()
    experiment = Experiment(leaker, lang, spawn_guard(argv, options, name))
    try:
        experiment.wait(lambda: experiment.ready and experiment.box, READY_SECONDS)
    except BaseException:
        experiment.kill()
        raise
    return experiment


def spawn(leaker: Leaker, argv: list[str], options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start a program of any argv in the box that `leaker` would get with these options."""
    return spawn_guard(argv, check(leaker, options), leaker.name)


def spawn_guard(
    argv: list[str], options: Options, name: str, group: int | None = None
) -> subprocess.Popen[bytes]:
    """Start guard, supervisor and program. stdin is the control channel, stdout the events.

    `group`: see `supervisor.Spec`.

    Raises Refused when the machine could not bear it, Unsupported without pidfd (Linux 5.3).
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as error:
        raise Unsupported(
            f"no process can be watched by pidfd here ({error})", "the lab needs Linux 5.3 or later"
        ) from None
    together = refuse_what_hurts(options.need, outstanding(), promised())
    spec = Spec(
        run_id=new_id(),
        name=name,
        argv=argv,
        caller=os.getpid(),
        caller_start=start_time(os.getpid()),
        resident=options.need.resident,
        virtual=options.need.virtual,
        file_size=options.file_bytes,
        together=together,
        floor=settings.size(settings.FLOOR),
        group=group,
    )
    try:
        return subprocess.Popen(
            guard_argv(spec),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # a complaint of Python's own must not get lost
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the caller: it tells us to stop in its own way
        )
    except OSError as error:
        raise Unsupported(
            f"this Python cannot be started anew ({error.filename}: {error.strerror})",
            "install memlab where this user may read it",
        ) from None


class Experiment:
    """One leaker that was started here. A context manager: it ends with the block."""

    def __init__(self, leaker: Leaker, lang: str, guard: subprocess.Popen[bytes]) -> None:
        self.leaker = leaker
        self.lang = lang
        self._guard = guard
        self._events = Events(guard)
        self._finalizer = weakref.finalize(self, _end, guard, os.getpid())

    @property
    def events(self) -> list[Event]:
        """What leaker and supervisor said so far; of ledger lines the last 10,000."""
        return self._events.all()

    @property
    def ledger(self) -> list[Event]:
        """The leaker's own account: t (monotonic seconds), leaked_bytes, touched_bytes, count."""
        return self._events.ledger()

    @property
    def ready(self) -> Event | None:
        """What the leaker said when it was ready: its pid and its options."""
        return self._events.last("ready")

    @property
    def pid(self) -> int:
        """The leaker's pid. Raises Gone when it ended without being ready."""
        if self.ready is None:
            raise self._end_as_error()
        return int(self.ready["pid"])

    @property
    def alive(self) -> bool:
        """Whether anything of it still runs; false only when everything has been cleaned."""
        return not self._events.over

    @property
    def holding(self) -> str | None:
        """Why it has stopped leaking ("cap", "count", "refused"), or None while it leaks."""
        event = self._events.last("hold")
        return None if event is None else str(event["reason"])

    @property
    def box(self) -> Event | None:
        """What holds it: limits, the cgroup, or why there is none."""
        return self._events.last("box")

    def pause(self) -> None:
        """Leak no more until `resume`."""
        self._send("pause")

    def resume(self) -> None:
        """Leak on."""
        self._send("resume")

    def set_rate(self, rate: Rate | str | float) -> None:
        """Leak at another rate: "2MiB/s" or "4/s". Raises Refused on what is no rate."""
        self._send(f"rate {rate_argument(rate)}")

    def step(self, events: int = 1, seconds: float = READY_SECONDS) -> Event:
        """Leak that many events now, also while paused; wait for them at most `seconds`.

        Returns the ledger line that has them, or, when the leaker holds before, the one that
        says how far it came.
        """
        if events < 1:
            raise Refused(f"step {events}", "write a whole number above zero")
        said, before = self._events.said, self._count()
        self._send(f"step {events}")
        target = before + events * int((self.ready or {}).get("step", 1))
        answers: list[Event] = []

        def done() -> bool:
            answers[:] = self._events.ledger_since(said)
            return bool(answers) and (bool(self.holding) or answers[-1]["count"] >= target)

        self.wait(done, seconds)
        return answers[-1]

    def _count(self) -> int:
        line = self._events.last("ledger")
        return int(line["count"]) if line else 0

    def stop(self) -> None:
        """End it; returns when nothing of it is left."""
        with suppress(MemlabError):
            self._send("stop")
        if not self._over_within(STOP_SECONDS):
            self.kill()
        self._close()

    def kill(self) -> None:
        """End it at once, without a last word; returns when nothing of it is left."""
        for end in (self._guard.terminate, self._guard.kill):  # or the supervisor does the rest
            end()
            if self._over_within(STOP_SECONDS):
                return self._close()
        raise MemlabError(
            f"what guard {self._guard.pid} started does not end",
            "a process in state D ends when its device answers; see ps",
        )

    def _close(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.close()

    def wait(self, predicate: Callable[[], Any], seconds: float = READY_SECONDS) -> None:
        """Wait until something is true, looking at each event.

        Raises Gone (or Refused with the leaker's own words) when the leaker ends before, and
        Unsupported when the time is over.
        """
        if self._events.wait_until(predicate, seconds):
            return
        if self._events.over:
            raise self._end_as_error()
        raise Unsupported(
            f"{self.leaker.name} did not do what was awaited within {seconds:g} s",
            "the machine may be busy: wait longer",
        )

    def _over_within(self, seconds: float) -> bool:
        return self._events.wait_until(lambda: self._events.over, seconds)

    def _send(self, command: str) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(command.encode() + b"\n")
        except (BrokenPipeError, ValueError):
            self._over_within(STOP_SECONDS)  # why it ended is being said
            raise self._end_as_error() from None

    def _end_as_error(self) -> MemlabError:
        name = self.leaker.name
        why = why_it_ended(name, self._events.last)
        if why is not None:
            return why
        stray = self._events.stray
        return Gone(f"{name} has ended" + (f" ({stray})" if stray else ""))

    def __enter__(self) -> Experiment:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def _end(guard: subprocess.Popen[bytes], owner: int) -> None:
    """For an experiment that nobody refers to any more: the guard does the rest.

    A process that the caller forked has a copy of the experiment, which is not its to end.
    """
    if os.getpid() == owner:
        guard.terminate()
        assert guard.stdin is not None
        guard.stdin.close()
