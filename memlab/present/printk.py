"""Where the kernel's messages go, in words: what reaches the console, what the ring buffer keeps, what syslog keeps."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from memlab.model.printk import LEVELS, OOM_PARTS, Cost, Path, Ring, on_console, serial_seconds
from memlab.procfs.printk import Limits, Printk
from memlab.units import counted, format_bytes, format_seconds

_SWITCH = "kernel.printk_devkmsg"
_DROPPED = "is dropped, and write() says that all went well"
_DEVKMSG = {
    "on": ("what programs write to /dev/kmsg is taken without a limit",),
    "off": (f"what programs write to /dev/kmsg {_DROPPED}",),
    "ratelimit": (
        "of what a program writes to /dev/kmsg ten lines in five seconds are taken through one open file;",
        f"the rest {_DROPPED}",
    ),
}


def path_text(path: Path) -> str:
    """The whole explanation, a screenful."""
    levels, limits = path.levels, path.limits
    four = (levels.console_loglevel, levels.default_message_loglevel,
            levels.minimum_console_loglevel, levels.default_console_loglevel)  # fmt: skip
    rows = [
        ("console", _console(levels, bool(limits.ignore_loglevel))),
        ("", _shown_on(path)),
        ("", f"a message without a level counts as {_level(levels.default_message_loglevel)}"),
        *(("", words) for words in _delays(limits)),
        ("", "to change it: dmesg -n 4 (or sysctl kernel.printk=4); the ring buffer does not care"),
        ("OOM report", "what of one reaches the console now:"),
        *(("", words) for words in _of_a_report(levels, bool(limits.ignore_loglevel))),
        ("ring buffer", "keeps every message, whatever its level, until newer ones need the room"),
        *(("", words) for words in _ring(path.ring)),
        ("limits", _ratelimit(limits)),
        ("", "OOM reports have a limit of their own: ten in five seconds; the kill line always comes"),
        *(("", words) for words in _DEVKMSG.get(limits.devkmsg or "", (f"this kernel has no {_SWITCH}",))),
        ("syslog", _readers(path)),
        ("", "a log file gets what its daemon's rules select by level: memlab printk syslog"),
        *(("not seen", words) for words in path.missing),
    ]  # fmt: skip
    head = f"kernel.printk = {' '.join(map(str, four))}"
    return "\n".join([head, *(f"  {name:12}{words}" for name, words in rows)])


def _level(level: int) -> str:
    return f"{level} ({LEVELS[level]})" if 0 <= level < len(LEVELS) else str(level)


def _console(levels: Printk, ignore: bool) -> str:
    if ignore:
        return "every message is shown: the kernel was told ignore_loglevel"
    below = LEVELS[: levels.console_loglevel]
    above = LEVELS[levels.console_loglevel :]
    if not above:
        return f"messages below level {levels.console_loglevel} are shown: all of them"
    return (
        f"messages below level {levels.console_loglevel} are shown ({', '.join(below)}), "
        f"the others are not ({', '.join(above)})"
    )


def _shown_on(path: Path) -> str:
    consoles = path.consoles
    if consoles is None:
        return "which consoles there are may not be read"
    names = [one.name + (" (/dev/console)" if one.preferred else "") for one in consoles if one.enabled]  # fmt: skip
    if not names:
        return "no console is registered, so nothing is shown anywhere"
    slow = any(name.startswith("tty") and not name[3:4].isdigit() for name in names)
    cost = "; a serial line takes its time for each character, and the machine waits" if slow else ""  # fmt: skip
    return f"shown on {', '.join(names)}{cost}"


def _delays(limits: Limits) -> Iterator[str]:
    if limits.delay:
        yield f"after each message the kernel waits {limits.delay} ms (kernel.printk_delay)"


def _of_a_report(levels: Printk, ignore: bool) -> Iterator[str]:
    for part, level in OOM_PARTS:
        number = levels.default_message_loglevel if level is None else level
        mark = "shown" if on_console(level, levels, ignore) else "not shown"
        yield f"  {part:46} level {_level(number):12} {mark}"


def _ring(ring: Ring | None) -> Iterator[str]:
    if ring is None:
        return
    size = f" in {format_bytes(ring.size)}" if ring.size else ""
    span = format_seconds(ring.ends - ring.begins)
    yield f"now: {counted(ring.records, 'message')}{size}, over {span}"
    lost = ring.first
    yield f"overwritten since boot: {counted(lost, 'message')}" if lost else "nothing is overwritten yet"  # fmt: skip
    found = ", ".join(f"{n:,} {LEVELS[i]}" for i, n in enumerate(ring.levels) if n)
    yield f"by level: {found}"


def _ratelimit(limits: Limits) -> str:
    if limits.ratelimit is None or limits.ratelimit_burst is None:
        return "this kernel shows no kernel.printk_ratelimit"
    if limits.ratelimit == 0:
        return "kernel code that asks before it prints is never held back (kernel.printk_ratelimit = 0)"
    return (
        f"kernel code that asks before it prints gets {counted(limits.ratelimit_burst, 'message')} in "
        f"{limits.ratelimit} s (kernel.printk_ratelimit, _burst)"
    )


def _readers(path: Path) -> str:
    hidden = counted(path.readers_hidden, "process", "es") if path.readers_hidden else ""
    if path.readers:
        names = ", ".join(f"{one.comm} ({one.pid}) reads {one.path}" for one in path.readers)
        return names + (f"; {hidden} may not be asked" if hidden else "")
    if hidden:
        return f"nobody is seen to pass the ring buffer on; {hidden} may not be asked"
    return "nobody passes the ring buffer on: what it overwrites is in no file"


def cost_text(cost: Cost, report_lines: int = 300) -> str:
    """What was measured, and what a long report makes of it; the times of a serial line are computed."""
    micro = [1e6 * seconds for seconds in cost.seconds]
    call = 1e6 * statistics.median(cost.null_seconds)
    ring = 1e3 * report_lines * cost.line_seconds
    arrived = f"{cost.arrived} of {len(cost.seconds)} lines are in the ring buffer"
    pressed = f"{cost.pressed_arrived} of {cost.pressed} lines through one open file came"
    said = "; write() said that all went well" if cost.pressed_arrived < cost.pressed else ""
    serial = ", ".join(
        f"{format_seconds(serial_seconds(report_lines * (cost.length + 2), baud))} at {baud:,} baud"
        for baud in (115_200, 9_600)
    )
    rows = [
        ("a line", f"{statistics.median(micro):.3g} µs in the middle ({min(micro):.3g} to {max(micro):.3g} µs)"),
        ("", f"of which the call alone, to /dev/null, takes {call:.2g} µs"),
        ("arrived", arrived),
        ("limit", f"{pressed} ({_SWITCH} = {cost.devkmsg}){said}"),
        ("a report", f"{report_lines} such lines take {ring:.2g} ms in the ring buffer"),
        ("", f"and on a serial console, by its speed: {serial}"),
        ("find them", f"dmesg | grep {cost.tag}"),
    ]  # fmt: skip
    return "\n".join(f"  {name:12}{words}" for name, words in rows)
