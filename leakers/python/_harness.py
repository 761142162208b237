"""What every Python leaker needs and no leaker is about: options, clock, control channel, ledger, cap.

A leaker is a function that makes one unit of its leak and returns nothing, and one that gives
the newest unit back; they raise OSError or MemoryError when the kernel refuses. `run` does the
rest, by the same contract as the C harness (leakers/README.md). Standard library only, and as
little of it as possible: what the harness itself takes must not look like a leak.
"""

import ctypes
import json
import math
import os
import re
import select
import signal
import time

from _options import (  # every leaker asks for them here
    GIB as GIB,
)
from _options import (
    KIB as KIB,
)
from _options import (
    MIB as MIB,
)
from _options import (
    NEVER_TOUCHED as NEVER_TOUCHED,
)
from _options import (
    PAGE as PAGE,
)
from _options import (
    SAWTOOTH,
)
from _options import (
    WHOLLY_TOUCHED as WHOLLY_TOUCHED,
)
from _options import (
    Options as Options,
)
from _shape import Shape

_MARK = re.compile("# (leaks|grows) here")
_TOOTH = 8192  # units, as many as the C harness remembers
_names = []


class Leaker:
    """A leak and its defaults; `chunk` 0 means that a unit is a thing and has no size."""

    def __init__(
        self,
        name,
        leak,
        give_back=None,
        *,
        rate,
        cap,
        basis,
        chunk=0,
        pattern=None,
        touch=1,
        chunk_below=None,
        chunk_from=0,
        elsewhere="",
        lookalike=False,
        end=None,
    ):
        self.name, self.leak, self.give_back, self.end = name, leak, give_back, end
        self.pattern = "none" if lookalike else pattern or name
        self.rate, self.chunk, self.cap, self.basis = rate, chunk, cap, basis
        self.touch, self.lookalike = touch, lookalike
        self.chunk_below, self.chunk_from, self.elsewhere = chunk_below, chunk_from, elsewhere


def touch(block, size):
    """Write a byte a page: that is what makes memory resident."""
    for at in range(0, size, PAGE):
        block[at] = 1


def next_shm_name():
    """A name for POSIX shared memory by which the supervisor finds it."""
    _names.append(None)
    prefix = os.environ.get("MEMLAB_SHM", f"/memlab-by-hand-{os.getpid()}.")
    return f"{prefix}{len(_names)}"


class _Loop:
    """Leaks in time, and obeys."""

    def __init__(self, leaker, options):
        self._leaker, self._options = leaker, options
        code = leaker.leak.__code__
        self._site = f"{code.co_name} {os.path.basename(code.co_filename)}:{_marked_line(code)}"
        self._leaked = self._touched = self._kept = self._units = self._events = 0
        self._tooth = self._taken = self._drifted = 0
        self._shape = Shape(options)
        self._written = 0.0
        self._unsaid = False
        self._holding = False
        self._signalled = False
        self._pending = b""

    def run(self):
        options = self._options
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        wakeup = os.pipe()
        os.set_blocking(wakeup[1], False)
        signal.set_wakeup_fd(wakeup[1])
        self._say_ready()
        self._channels = [0, wakeup[0]]
        until = time.monotonic() + options.duration if options.duration else math.inf
        due, fall_at, rate = math.inf, math.inf, None  # no rate yet: the shape is to be begun
        while not self._signalled:
            now = time.monotonic()
            leaking = not (options.paused or self._holding)
            if now >= until:
                self._end("duration")
            if options.paused or options.profile != SAWTOOTH:
                fall_at = math.inf
            elif fall_at == math.inf:
                fall_at = now + options.period
            if not leaking:
                rate, due = None, math.inf
            elif rate != options.rate or due < now - 1:
                rate, due = options.rate, self._shape.begin(now)
            # ten lines a second at most, and the last event of a burst in one of them
            say_at = self._written + 0.1 if self._unsaid else math.inf
            self._wait(min(due, until, fall_at, say_at), now)
            if time.monotonic() >= fall_at and not options.paused:
                fall_at += options.period
                self._fall()
                self._say_ledger()
            if leaking and not options.paused and time.monotonic() >= due:
                due = self._shape.next()
                self._event()
            if self._unsaid and time.monotonic() - self._written >= 0.1:
                self._say_ledger()
        self._end("signal")

    def _wait(self, wake, now):
        """For a command, a signal, or the moment `wake`."""
        wait = None if wake == math.inf else max(0.0, min(wake - now, 1e6))
        readable = select.select(self._channels, [], [], wait)[0]
        if 0 in readable and not self._read_commands():
            self._channels.remove(0)  # the end of the channel is no command

    def _event(self):
        """`--step` units, as far as the cap allows."""
        self._unsaid = True
        options, leaker = self._options, self._leaker
        kept = not (options.control or leaker.lookalike)
        for _ in range(options.step):
            if kept and self._beyond_cap():
                self._hold("cap", "the cap is reached")
                return
            try:
                leaker.leak(options)
                if options.control and leaker.give_back:
                    leaker.give_back()
            except (OSError, MemoryError) as error:
                self._hold("refused", str(error) or "out of memory")
                return
            self._units += 1
            if kept:
                self._account(1)
                if options.profile == SAWTOOTH and self._tooth == _TOOTH:
                    self._fall()
        self._events += 1
        if self._events == options.count:
            self._hold("count", "the asked number of events is done")

    def _beyond_cap(self):
        options = self._options
        if options.basis == "count":  # units are things of the kernel
            return self._kept + 1 > options.cap
        if options.basis == "virtual":
            return self._leaked + options.chunk > options.cap
        return self._touched + options.touched > options.cap

    def _account(self, units):
        self._leaked += units * self._options.chunk
        self._touched += units * self._options.touched
        self._kept += units
        self._tooth += units
        self._taken += max(0, units)

    def _fall(self):
        """The fall of a tooth: a tenth of all that was taken drifts away, the newest is given back."""
        keep = self._taken // 10 - self._drifted
        while self._tooth > keep:
            self._leaker.give_back()
            self._account(-1)
        self._drifted += self._tooth
        self._tooth = 0

    def _hold(self, reason, message):
        if not self._holding:
            self._say_ledger()
            _say({"event": "hold", "reason": reason, "message": message})
        self._holding = True

    def _read_commands(self):
        text = os.read(0, 1024)
        *lines, self._pending = (self._pending + text).split(b"\n")
        self._pending = self._pending[-1024:]
        for line in lines:
            self._obey(line.decode(errors="replace").split())
        return bool(text)

    def _obey(self, words):
        options = self._options
        command, argument = [*words, None, None][:2]
        if command == "pause":
            options.paused = True
            self._say_ledger()
        elif command == "resume":
            options.paused = False
        elif command == "stop":
            self._end("stop")
        elif command == "step" and (argument or "1").isdecimal() and int(argument or 1) > 0:
            for _ in range(int(argument or 1)):
                if not self._holding:
                    self._event()
            self._say_ledger()
        elif command == "rate" and argument and options.parse_rate(argument):
            options.rate = options.parse_rate(argument)
        elif command:
            commands = "pause, resume, rate 2MiB/s, step 3, stop"
            _say({"event": "error", "message": f"not understood; the commands are {commands}"})

    def _on_signal(self, _number, _frame):
        self._signalled = True

    def _say_ready(self):
        options, leaker = self._options, self._leaker
        _say(
            {
                "event": "ready", "pid": os.getpid(), "name": leaker.name, "lang": "python",
                "pattern": leaker.pattern, "control": options.control,
                "events_per_second": options.rate, "chunk_bytes": options.chunk,
                "touched_bytes_per_chunk": options.touched, "step": options.step,
                "cap": options.cap, "cap_basis": options.basis,
            }
        )  # fmt: skip

    def _say_ledger(self):
        self._written, self._unsaid = time.monotonic(), False
        _say(
            {
                "event": "ledger", "t": round(self._written, 6), "leaked_bytes": self._leaked,
                "touched_bytes": self._touched, "leaked_units": self._kept,
                "count": self._units, "site": self._site if self._units else "",
            }
        )  # fmt: skip

    def _end(self, reason):
        self._say_ledger()
        _say({"event": "end", "reason": reason})
        _finish(self._leaker)


def _say(event):
    """One JSON line, in one write: lines of several writers of a pipe never mix."""
    os.write(1, json.dumps(event, separators=(",", ":")).encode() + b"\n")


def _finish(leaker):
    if leaker.end:
        leaker.end()
    os._exit(0)


def _marked_line(code):
    """The line of the function that says `# leaks here`, or of a look-alike `# grows here`."""
    with open(code.co_filename, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if number > code.co_firstlineno and _MARK.search(line):
                return number
    raise SystemExit(f"{code.co_filename}: no line says '# leaks here'")


def _die_with_supervisor():
    parent = os.environ.get("MEMLAB_PARENT")
    if os.environ.get("MEMLAB_RUN") and parent:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != int(parent):
            os._exit(0)  # it died before the line above


def run(leaker, options):
    """Leak until told to stop. `options` is `Options(leaker, sys.argv[1:])`."""
    _die_with_supervisor()
    try:
        _Loop(leaker, options).run()
    except BrokenPipeError:  # nobody listens any more
        _finish(leaker)
