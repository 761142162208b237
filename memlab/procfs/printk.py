"""/proc/sys/kernel/printk and its neighbours: which kernel messages reach the console, and how many are let through.

Fields as in Documentation/admin-guide/sysctl/kernel.rst and core-api/printk-basics.rst; kernel/printk/printk.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host

_KERNEL = "/proc/sys/kernel"
_IGNORE = "/sys/module/printk/parameters/ignore_loglevel"


@dataclass(frozen=True)
class Printk:
    """Levels: 0 emergency … 4 warning, 6 info, 7 debug.

    console_loglevel: more urgent (lower) messages are shown on the console, the rest only in
    dmesg; default_message_loglevel: of messages without one; minimum_console_loglevel: how low
    the first may be set; default_console_loglevel: what the kernel was built with.
    """

    console_loglevel: int
    default_message_loglevel: int
    minimum_console_loglevel: int
    default_console_loglevel: int


@dataclass(frozen=True)
class Limits:
    """What holds messages back; None where the kernel has no such setting or it may not be read.

    ratelimit: seconds in which kernel code that asks printk_ratelimit() may print ratelimit_burst
    messages; devkmsg: "on", "off" or "ratelimit", what becomes of lines that programs write to /dev/kmsg;
    delay: milliseconds that the kernel waits after each message; dmesg_restrict: 1 where reading the ring
    buffer needs CAP_SYSLOG; ignore_loglevel: every message reaches the console, whatever its level.
    """

    ratelimit: int | None
    ratelimit_burst: int | None
    devkmsg: str | None
    delay: int | None
    dmesg_restrict: int | None
    ignore_loglevel: bool | None


def parse(text: bytes, path: str = "printk") -> Printk:
    """Four numbers with tabs between them."""
    line = only_line(text, path)
    levels = numbers(line.split("\t"), path, line)
    if len(levels) != 4:
        raise Malformed(path, 1, line, f"has {len(levels)} levels, not 4")
    return Printk(*levels)


def read(host: Host) -> Printk:
    """Read the machine's."""
    return parse(host.read(f"{_KERNEL}/printk"), f"{_KERNEL}/printk")


def read_limits(host: Host) -> Limits:
    """Each from a file of its own."""
    ignore = _line(host, _IGNORE)
    return Limits(
        ratelimit=_number(host, "printk_ratelimit"),
        ratelimit_burst=_number(host, "printk_ratelimit_burst"),
        devkmsg=_line(host, f"{_KERNEL}/printk_devkmsg"),
        delay=_number(host, "printk_delay"),
        dmesg_restrict=_number(host, "dmesg_restrict"),
        ignore_loglevel=None if ignore is None else ignore in ("Y", "1"),
    )


def _line(host: Host, path: str) -> str | None:
    try:
        return only_line(host.read(path), path)
    except (Denied, Unsupported):
        return None


def _number(host: Host, name: str) -> int | None:
    path = f"{_KERNEL}/{name}"
    line = _line(host, path)
    return None if line is None else numbers([line], path, line)[0]
