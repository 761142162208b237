"""/proc/sys/kernel/printk: which kernel messages reach the console (admin-guide/sysctl/kernel.rst, "printk")."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Printk:
    """Levels: 0 emergency … 4 warning, 6 info, 7 debug.

    console_loglevel: more urgent (lower) messages are shown on the console, the rest only in
    dmesg; default_message_loglevel: of messages without one; minimum_console_loglevel: how low
    the first may be set; default_console_loglevel: what it is at boot.
    """

    console_loglevel: int
    default_message_loglevel: int
    minimum_console_loglevel: int
    default_console_loglevel: int


def parse(text: bytes, path: str = "printk") -> Printk:
    """Four numbers with tabs between them."""
    line = only_line(text, path)
    levels = numbers(line.split("\t"), path, line)
    if len(levels) != 4:
        raise Malformed(path, 1, line, f"has {len(levels)} levels, not 4")
    return Printk(*levels)


def read(host: Host) -> Printk:
    """Read the machine's."""
    return parse(host.read("/proc/sys/kernel/printk"), "/proc/sys/kernel/printk")
