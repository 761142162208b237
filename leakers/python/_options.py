"""The command line of a leaker: leakers/README.md says what each option means."""

import re
import sys

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4096

_SIZE = re.compile(r"(\d+(?:\.\d*)?)([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
_FLAGS = ("paused", "control")
_VALUES = (
    "rate", "chunk", "stack-size", "step", "count", "cap", "cap-basis", "touch", "duration",
    "profile", "period", "jitter", "seed",
)  # fmt: skip
PROFILES = ("linear", "step", "accelerating", "bursty", "sawtooth-with-drift")
SAWTOOTH = PROFILES[-1]
NEVER_TOUCHED, WHOLLY_TOUCHED = -1, -2  # where --touch is not an option


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
        self.period = self._number("period", given.get("period", "10"), 0.01, 1e6)
        self.jitter = self._number("jitter", given.get("jitter", "0"), 0, 1)
        self.seed = int(self._number("seed", given.get("seed", "1"), 1, 1e15))
        self.profile = given.get("profile", "linear")
        if self.profile not in PROFILES:
            self._refuse(
                f"--profile {self.profile}: must be {', '.join(PROFILES[:-1])} or {SAWTOOTH}"
            )
        if leaker.lookalike and self.control:
            self._refuse(
                "--control is not for this program: it leaks nothing, and is a control itself"
            )
        if leaker.lookalike and self.profile == SAWTOOTH:
            self._refuse(
                f"--profile {SAWTOOTH} is not for this program: it leaks nothing that could drift"
            )
        if not leaker.chunk and self.chunk:
            self._refuse("--chunk is not for this leaker: what it leaks are things, not bytes")
        self.touched = self._touched(given)
        self.basis = self._basis(given.get("cap-basis", leaker.basis))
        if leaker.chunk_below and self.chunk >= leaker.chunk_below:
            self._refuse(
                f"--chunk must be below {leaker.chunk_below // KIB} KiB: {leaker.elsewhere}"
            )
        if self.chunk < leaker.chunk_from:
            self._refuse(f"--chunk must be {leaker.chunk_from} bytes or more: {leaker.elsewhere}")
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
        if not (in_events or self.chunk):
            return 0
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

    def _basis(self, basis):
        counted = self._leaker.basis == "count"
        allowed = ("count",) if counted else ("virtual", "resident")
        if basis not in allowed:
            self._refuse(f"--cap-basis {basis}: must be {' or '.join(allowed)}")
        if basis == "resident" and self.touched == 0:
            self._refuse(
                "nothing is touched, so a resident cap would never hold: use --cap-basis virtual"
            )
        return basis

    def _touched(self, given):
        if self._leaker.touch >= 0:
            share = self._number("touch", given.get("touch", str(self._leaker.touch)), 0, 1)
            return int(self.chunk * share)
        if "touch" in given:
            self._refuse(
                "--touch is not for this leaker: its units are touched by themselves, or never"
            )
        return self.chunk if self._leaker.touch == WHOLLY_TOUCHED else 0

    def _refuse(self, message):
        print(f"{self._leaker.name}: {message}", file=sys.stderr)
        sys.exit(2)


def _bytes(match):
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))
