"""What every Python leaker needs and no leaker is about: options, clock, control channel, ledger, cap.

A leaker is a function that does one unit of its leak and returns nothing; it raises OSError or
MemoryError when the kernel refuses. `run` does the rest, by the same contract as the C harness
(leakers/README.md). Standard library only, and as little of it as possible: what the harness
itself takes must not look like a leak.
"""

import ctypes
import json
import os
import re
import select
import signal
import sys
import time

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4096

_SIZE = re.compile(r"(\d+(?:\.\d*)?)([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
_FLAGS = ("paused", "control")
_VALUES = ("rate", "chunk", "stack-size", "step", "count", "cap", "cap-basis", "touch", "duration")


class Options:
    """What the command line asked for. `touched` is the part of `chunk` that is written."""

    def __init__(self, leaker, arguments):
        self._leaker = leaker
        given = self._split(arguments)
        self.paused, self.control = "paused" in given, "control" in given
        self.chunk = self._size("chunk", given.get("stack-size", given.get("chunk")), leaker.chunk)
        self.cap = self._size("cap", given.get("cap"), leaker.cap)
        self.step = int(self._number("step", given.get("step", "1"), 1, 1e6))
        self.count = int(self._number("count", given["count"], 1, 1e9)) if "count" in given else -1
        self.duration = (
            self._number("duration", given["duration"], 0.001, 1e9) if "duration" in given else None
        )
        basis = given.get("cap-basis", leaker.basis)
        if basis not in ("virtual", "resident"):
            self._refuse(f"--cap-basis {basis}: must be virtual or resident")
        self.virtual_cap = basis == "virtual"
        self.touched = self._touched(given)
        if not self.virtual_cap and self.touched == 0:
            self._refuse(
                "nothing is touched, so a resident cap would never hold: use --cap-basis virtual"
            )
        if leaker.chunk_below and self.chunk >= leaker.chunk_below:
            self._refuse(
                f"--chunk must be below {leaker.chunk_below // KIB} KiB: larger blocks become mappings "
                "of their own, which is the leaker `anonymous`"
            )
        rate = given.get("rate", leaker.rate)
        self.rate = self.parse_rate(rate)
        if not self.rate:
            self._refuse(f"--rate {rate} is no rate: write it like 2MiB/s, 4/s or 1/min")

    def parse_rate(self, text):
        """'2MiB/s', '4/s', '1/min' in events a second; 0 for what is no rate."""
        amount, _, per = text.partition("/")
        match, seconds = _SIZE.fullmatch(amount), _SECONDS.get(per)
        if not match or not seconds:
            return 0
        in_events = amount == match[1]
        events = float(match[1]) if in_events else _bytes(match) / (self.chunk * self.step)
        return events / seconds if events / seconds <= 1e6 else 0

    def _split(self, arguments):
        given, rest = {}, list(arguments)
        while rest:
            name, equals, value = rest.pop(0).partition("=")
            option = name[2:]
            if not name.startswith("--"):
                self._refuse(f"unexpected {name}: options begin with --")
            if option in _FLAGS and not equals:
                given[option] = True
            elif option in _VALUES and (equals or rest):
                given[option] = value if equals else rest.pop(0)
            else:
                self._refuse(f"unknown or incomplete option {name}; leakers/README.md lists them")
        return given

    def _size(self, name, text, default):
        if text is None:
            return default
        match = _SIZE.fullmatch(text)
        if not match or not 1 <= _bytes(match) <= 10**18:
            self._refuse(f"--{name} {text} is no size: write it like 64KiB or 2MiB")
        return _bytes(match)

    def _number(self, name, text, least, most):
        try:
            value = float(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            self._refuse(f"--{name} {text}: must be a number from {least:g} to {most:g}")
        return value

    def _touched(self, given):
        if self._leaker.touch is None:
            if "touch" in given:
                self._refuse(
                    "--touch is not for this leaker: a stack is touched by its thread alone"
                )
            return 0
        return int(
            self.chunk * self._number("touch", given.get("touch", str(self._leaker.touch)), 0, 1)
        )

    def _refuse(self, message):
        print(f"{self._leaker.name}: {message}", file=sys.stderr)
        sys.exit(2)


def _bytes(match):
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


class Leaker:
    """A leak and its defaults; `touch` None means that it is not an option."""

    def __init__(
        self,
        name,
        leak,
        *,
        rate,
        chunk,
        cap,
        basis,
        pattern=None,
        touch=1,
        chunk_below=None,
        end=None,
    ):
        self.name, self.leak, self.end = name, leak, end
        self.pattern = pattern or name
        self.rate, self.chunk, self.cap, self.basis = rate, chunk, cap, basis
        self.touch, self.chunk_below = touch, chunk_below


def touch(block, size):
    """Write a byte a page: that is what makes memory resident."""
    for at in range(0, size, PAGE):
        block[at] = 1


class _Loop:
    """Leaks in time, and obeys."""

    def __init__(self, leaker, options):
        self._leaker, self._options = leaker, options
        code = leaker.leak.__code__
        self._site = f"{code.co_name} {os.path.basename(code.co_filename)}:{_marked_line(code)}"
        self._leaked = self._touched = self._units = self._events = 0
        self._written = 0.0
        self._holding = False
        self._signalled = False
        self._pending = b""

    def run(self):
        options = self._options
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        self._wakeup = os.pipe()
        os.set_blocking(self._wakeup[1], False)
        signal.set_wakeup_fd(self._wakeup[1])
        self._say_ready()
        channels = [0, self._wakeup[0]]
        start = time.monotonic()
        until = start + options.duration if options.duration else None
        due, rate = start + 1 / options.rate, options.rate
        while not self._signalled:
            now = time.monotonic()
            leaking = not (options.paused or self._holding)
            if until and now >= until:
                self._end("duration")
            if rate != options.rate or not leaking or due < now - 1:
                due, rate = now + 1 / options.rate, options.rate  # nothing to catch up with
            wakes = [at for at in (due if leaking else None, until) if at is not None]
            wait = max(0.0, min(wakes) - now) if wakes else None
            readable = select.select(channels, [], [], wait)[0]
            if 0 in readable and not self._read_commands():
                channels.remove(0)  # the end of the channel is no command
            if leaking and not options.paused and time.monotonic() >= due:
                due += 1 / options.rate
                self._event()
                if not self._holding and time.monotonic() - self._written >= 0.1:
                    self._say_ledger()
        self._end("signal")

    def _event(self):
        """`--step` units, as far as the cap allows."""
        options = self._options
        for _ in range(options.step):
            used = self._leaked if options.virtual_cap else self._touched
            more = options.chunk if options.virtual_cap else options.touched
            if not options.control and used + more > options.cap:
                self._hold("cap", "the cap is reached")
                return
            try:
                self._leaker.leak(options)
            except (OSError, MemoryError) as error:
                self._hold("refused", str(error) or "out of memory")
                return
            self._units += 1
            if not options.control:
                self._leaked += options.chunk
                self._touched += options.touched
        self._events += 1
        if self._events == options.count:
            self._hold("count", "the asked number of events is done")

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
                "cap_bytes": options.cap, "cap_basis": "virtual" if options.virtual_cap else "resident",
            }
        )  # fmt: skip

    def _say_ledger(self):
        self._written = time.monotonic()
        _say(
            {
                "event": "ledger", "t": round(self._written, 6), "leaked_bytes": self._leaked,
                "touched_bytes": self._touched, "count": self._units,
                "site": self._site if self._units else "",
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
    """The line of the function that says `# leaks here`."""
    with open(code.co_filename, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if number > code.co_firstlineno and "# leaks here" in line:
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
