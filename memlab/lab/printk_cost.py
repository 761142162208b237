"""What a line costs in the kernel's ring buffer: a few of ours, written to /dev/kmsg and found there again.

They are debug messages, so that no console shows them, carry a tag that names the run, and are few beside
what the buffer holds. devkmsg_write() in kernel/printk/printk.c is what takes them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext

from memlab.errors import Denied, Malformed, Refused, Unsupported
from memlab.lab.runs import new_id
from memlab.lab.sysctl import changed
from memlab.model.printk import DEBUG, Cost, on_console
from memlab.procfs import kmsg, printk
from memlab.procfs.host import Host

MOST_LINES = 500  # some 80 kB: no more than half of the smallest buffer that distributions build
SHORTEST, LONGEST = 40, 900  # characters; a record holds 1024 with its prefix (PRINTK_MESSAGE_MAX)
SWITCH = "kernel.printk_devkmsg"
_BURST = 10  # DEFAULT_RATELIMIT_BURST, for each open file (include/linux/ratelimit_types.h)
_BEYOND = 5
_FACILITY = 1  # a program's; 0 would be the kernel's own, and is not ours to claim


def measure(
    lines: int = 50,
    length: int = 90,
    *,
    say: Callable[[str], object] = print,
    no_limit: bool = False,
) -> Cost:
    """Write `lines` lines of `length` characters to /dev/kmsg, once `say` was told what will be written.

    no_limit: set kernel.printk_devkmsg to "on" for that time, by `lab.sysctl.changed`; without it nothing is
    changed, and no more than ten lines go through one open file. Raises Denied for who may not write there, Refused
    where the lines would reach the console.
    """
    if not (1 <= lines <= MOST_LINES and SHORTEST <= length <= LONGEST):
        raise Refused(
            f"{lines} lines of {length} characters",
            f"take 1 to {MOST_LINES} lines of {SHORTEST} to {LONGEST} characters",
        )
    _refuse_a_console(Host())
    tag = f"memlab-{new_id()}"
    _may_write()
    pressed = _BURST + _BEYOND
    say(
        f"writing {lines} + {pressed} lines of {length} characters to {kmsg.PATH}, level {DEBUG} (debug), "
        f"each with {tag}"
    )
    with changed(SWITCH, "on", say) if no_limit else nullcontext():
        return _measured(tag, lines, length, pressed)


def _measured(tag: str, lines: int, length: int, pressed: int) -> Cost:
    reading = os.open(kmsg.PATH, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.lseek(reading, 0, os.SEEK_END)  # only what comes from now on
        texts = [_line(tag, "cost", number, length) for number in range(lines)]
        null_seconds = _written(os.devnull, texts)
        seconds: list[float] = []
        for first in range(0, lines, _BURST):
            seconds += _written(kmsg.PATH, texts[first : first + _BURST])
        _written(kmsg.PATH, [_line(tag, "pressed", number, length) for number in range(pressed)])
        found = _arrived(reading, tag)
    finally:
        os.close(reading)
    return Cost(
        tag=tag,
        length=length,
        seconds=tuple(seconds),
        null_seconds=tuple(null_seconds),
        arrived=found.count("cost"),
        pressed=pressed,
        pressed_arrived=found.count("pressed"),
        devkmsg=printk.read_limits(Host()).devkmsg or "on",
    )


def _refuse_a_console(host: Host) -> None:
    levels, limits = printk.read(host), printk.read_limits(host)
    if on_console(DEBUG, levels, bool(limits.ignore_loglevel)):
        raise Refused(
            "debug messages reach the console here, and each line would wait for it",
            "lower the console's level first: dmesg -n 7",
        )
    if limits.delay:
        raise Refused(
            f"the kernel waits {limits.delay} ms after each message", "sysctl kernel.printk_delay=0"
        )
    if limits.devkmsg == "off":
        raise Refused(
            f"{SWITCH} is off: the kernel drops what programs write", f"sysctl {SWITCH}=ratelimit"
        )


def _may_write() -> None:
    try:
        os.close(os.open(kmsg.PATH, os.O_WRONLY | os.O_CLOEXEC))
    except PermissionError:
        raise Denied(f"{kmsg.PATH} may not be written", "run as root") from None
    except OSError as error:
        raise Unsupported(f"{kmsg.PATH}: {error.strerror}", "a container may have none") from None


def _line(tag: str, kind: str, number: int, length: int) -> bytes:
    """`<15>tag kind 003 ………`: the priority is facility * 8 + level."""
    text = f"{tag} {kind} {number:03} ".ljust(length, ".")
    return f"<{_FACILITY * 8 + DEBUG}>{text}\n".encode()


def _written(path: str, texts: list[bytes]) -> list[float]:
    """Seconds of each write(), through one open file."""
    took = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for text in texts:
            begin = time.perf_counter()
            os.write(descriptor, text)
            took.append(time.perf_counter() - begin)
    finally:
        os.close(descriptor)
    return took


def _arrived(reading: int, tag: str) -> list[str]:
    """The kinds of those lines that are in the buffer now, one word for each."""
    kinds: list[str] = []
    while True:
        try:
            record = kmsg.parse(os.read(reading, kmsg.RECORD_BYTES))
        except BlockingIOError:
            return kinds
        except (BrokenPipeError, Malformed):
            continue  # overwritten before we came to it
        words = record.text.split(" ")
        if words[0] == tag and len(words) > 1:
            kinds.append(words[1])
