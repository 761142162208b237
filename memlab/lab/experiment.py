"""A leaker that runs: started in its box, steered, read, and taken down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from memlab.errors import Gone, MemlabError, Refused, Unsupported
from memlab.lab.build import program
from memlab.lab.containment import need_of, refuse_what_hurts
from memlab.lab.registry import Leaker, get
from memlab.lab.runs import new_id
from memlab.lab.supervisor import Spec, start_time
from memlab.lab.sweep import sweep
from memlab.units import MIB, PAGE_BYTES, Rate, parse_bytes, parse_rate

READY_SECONDS = 20.0
STOP_SECONDS = 5.0
KEPT_EVENTS = 10_000

Event = dict[str, Any]
Size = int | str


def start(name: str, lang: str = "c", **options: Any) -> Experiment:
    """Start a leaker; returns when it is ready.

    Options, as people write them or as numbers: `rate` ("2MiB/s", "4/s"), `chunk`, `stack_size`,
    `step`, `count`, `cap`, `cap_basis`, `touch`, `duration`, `control`, `paused`. Raises
    Unsupported for an unknown leaker, Refused for options it does not take and for what would
    put the machine in danger.
    """
    leaker = get(name)
    argv = [*program(name, lang), *arguments(options)]
    sweep()
    guard = spawn(leaker, argv, options)
    experiment = Experiment(leaker, lang, guard)
    try:
        experiment.wait(lambda: experiment.ready, READY_SECONDS)
    except BaseException:
        experiment.kill()
        raise
    return experiment


def arguments(options: dict[str, Any]) -> list[str]:
    """`{"rate": "4/s", "control": True}` as a leaker's command line; None and False are left out."""
    words = []
    for name, value in options.items():
        if value is True:
            words.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            if isinstance(value, Rate):
                in_events = value.events_per_second is not None
                value = (
                    f"{value.events_per_second}/s"
                    if in_events
                    else f"{value.bytes_per_second:.3f}b/s"
                )
            words += ["--" + name.replace("_", "-"), str(value)]
    return words


def spawn(leaker: Leaker, argv: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start guard, supervisor and leaker. stdin is the control channel, stdout the events."""
    try:
        cap = _size(options.get("cap"), leaker.cap_bytes)
        chunk = _size(options.get("stack_size") or options.get("chunk"), leaker.chunk_bytes)
        if isinstance(options.get("rate"), str):
            parse_rate(options["rate"])
    except ValueError as error:
        raise Refused(str(error)) from None
    basis = options.get("cap_basis") or leaker.cap_basis
    touch = 0.0 if leaker.basis == "virtual" else float(options.get("touch") or 1.0)
    need = need_of(cap, basis, max(chunk, PAGE_BYTES), touch, leaker.pattern == "tmpfs")
    refuse_what_hurts(need)
    spec = Spec(
        run_id=new_id(),
        argv=argv,
        caller=os.getpid(),
        caller_start=start_time(os.getpid()),
        resident=need.resident,
        virtual=need.virtual,
        file_size=cap + MIB,
    )
    return subprocess.Popen(
        [sys.executable, "-m", "memlab.lab.supervisor", json.dumps(asdict(spec))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _size(value: Size | None, default: int) -> int:
    if value is None:
        return default
    size = parse_bytes(value) if isinstance(value, str) else value
    if size < 1:
        raise ValueError(f"a size of {size} makes no sense: it must be more than zero")
    return size


class _Feed:
    """The events of a run, read by a thread that does not keep the experiment alive."""

    def __init__(self, guard: subprocess.Popen[bytes]) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.changed = threading.Condition()
        self.over = False
        self._stdout = guard.stdout
        threading.Thread(target=self._read, name="memlab-events", daemon=True).start()

    def _read(self) -> None:
        assert self._stdout is not None
        with self._stdout:
            for line in self._stdout:
                with suppress(ValueError):
                    event = json.loads(line)
                    with self.changed:
                        self.events.append(event)
                        self.changed.notify_all()
        with self.changed:
            self.over = True
            self.changed.notify_all()


class Experiment:
    """One leaker that was started here. A context manager: it ends with the block."""

    def __init__(self, leaker: Leaker, lang: str, guard: subprocess.Popen[bytes]) -> None:
        self.leaker = leaker
        self.lang = lang
        self._guard = guard
        self._feed = _Feed(guard)
        self._finalizer = weakref.finalize(self, _end, guard)

    @property
    def events(self) -> list[Event]:
        """What leaker and supervisor said so far (the last 10,000 lines)."""
        with self._feed.changed:
            return list(self._feed.events)

    @property
    def ledger(self) -> list[Event]:
        """The leaker's own account: t (monotonic seconds), leaked_bytes, touched_bytes, count."""
        return [event for event in self.events if event.get("event") == "ledger"]

    @property
    def ready(self) -> Event | None:
        """What the leaker said when it was ready: its pid and its options."""
        return self._last("ready")

    @property
    def pid(self) -> int:
        """The leaker's pid."""
        assert self.ready is not None
        return int(self.ready["pid"])

    @property
    def alive(self) -> bool:
        """Whether anything of it still runs; false only when everything has been cleaned."""
        return not self._feed.over

    @property
    def holding(self) -> str | None:
        """Why it has stopped leaking ("cap", "count", "refused"), or None while it leaks."""
        event = self._last("hold")
        return None if event is None else str(event["reason"])

    @property
    def box(self) -> Event | None:
        """What holds it: limits, the cgroup, or why there is none."""
        return self._last("box")

    def pause(self) -> None:
        """Leak no more until `resume`."""
        self._send("pause")

    def resume(self) -> None:
        """Leak on."""
        self._send("resume")

    def set_rate(self, rate: str) -> None:
        """Leak at another rate: "2MiB/s" or "4/s". Raises Refused on what is no rate."""
        try:
            parse_rate(rate)
        except ValueError as error:
            raise Refused(str(error)) from None
        self._send(f"rate {rate}")

    def step(self, events: int = 1) -> Event:
        """Leak that many events now, also while paused; returns the ledger line that says so."""
        said = len(self.ledger)
        self._send(f"step {events}")
        self.wait(lambda: len(self.ledger) > said, READY_SECONDS)
        return self.ledger[-1]

    def stop(self) -> None:
        """End it; returns when nothing of it is left."""
        with suppress(Gone):
            self._send("stop")
        if not self._over_within(STOP_SECONDS):
            self.kill()
        self._bury()

    def kill(self) -> None:
        """End it at once, without a last word; returns when nothing of it is left."""
        with suppress(ProcessLookupError):
            self._guard.terminate()
        if not self._over_within(STOP_SECONDS):
            raise MemlabError(
                f"the guard {self._guard.pid} does not end",
                f"end it by hand: kill -9 {self._guard.pid}",
            )
        self._bury()

    def _bury(self) -> None:
        assert self._guard.stdin is not None
        with suppress(BrokenPipeError):
            self._guard.stdin.close()
        self._guard.wait()

    def wait(self, predicate: Callable[[], Any], seconds: float = READY_SECONDS) -> None:
        """Wait until something is true, looking at each event.

        Raises Gone (or Refused with the leaker's own words) when the leaker ends before, and
        Unsupported when the time is over.
        """
        deadline = time.monotonic() + seconds
        while not predicate():
            with self._feed.changed:
                if self._feed.over:
                    raise self._end_as_error()
                if time.monotonic() > deadline:
                    raise Unsupported(f"{self.leaker.name} did not answer within {seconds:.0f} s")
                self._feed.changed.wait(0.1)

    def _over_within(self, seconds: float) -> bool:
        with self._feed.changed:
            return self._feed.changed.wait_for(lambda: self._feed.over, seconds)

    def _last(self, kind: str) -> Event | None:
        return next((event for event in reversed(self.events) if event.get("event") == kind), None)

    def _send(self, command: str) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(command.encode() + b"\n")
            self._guard.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._end_as_error() from None

    def _end_as_error(self) -> MemlabError:
        """Why it ended: in the leaker's own words where it refused its options."""
        for kind in ("failed", "killed", "exit"):
            event = self._last(kind)
            if event is None:
                continue
            if kind == "exit" and event.get("stderr"):
                return Refused(event["stderr"])
            said = (
                event.get("message") or event.get("reason") or f"exit status {event.get('status')}"
            )
            return Gone(f"{self.leaker.name} has ended ({said})")
        return Gone(f"{self.leaker.name} has ended")

    def __enter__(self) -> Experiment:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def _end(guard: subprocess.Popen[bytes]) -> None:
    """For an experiment that nobody refers to any more: the guard does the rest."""
    with suppress(OSError):
        guard.terminate()
        assert guard.stdin is not None
        guard.stdin.close()
