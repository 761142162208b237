"""What a log file keeps of kernel messages that were sent to its daemon, and whether an OOM report in it is whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from memlab.model.printk import LEVELS, WARNING, Line
from memlab.procfs.oom import prefix
from memlab.procfs.oom_report import Report

_KMSG = re.compile(r"(\d{1,9}),\d{1,19},(\d{1,19}),[^;]{1,40};")
_RAW = re.compile(r"<(\d{1,3})>")
_WORDS = re.compile(r"kern *:(\w+) *: *")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_TIME = re.compile(r"\[ *\d+\.\d+\] ?")


@dataclass(frozen=True)
class Messages:
    """Kernel messages out of a log. levels_known: the log says their levels; else all are taken for warnings."""

    lines: tuple[Line, ...]
    levels_known: bool


@dataclass(frozen=True)
class Kept:
    """What one file has of them. selector: the rule that filled it; lines: how many kernel messages it holds.

    lost: messages that are not in it; reports: what `memlab oom read` finds in it; equal: the same reports as
    in what was sent; differing: which of their fields are not.
    """

    name: str
    selector: str
    lines: int
    lost: tuple[Line, ...]
    reports: tuple[Report, ...]
    equal: bool
    differing: tuple[str, ...]


def messages(text: bytes) -> Messages:
    """The kernel messages of a log, as /proc/kmsg would give them: of /dev/kmsg, dmesg (-r, -x), syslog, journal."""
    found = [
        one
        for line in text.decode(errors="replace").splitlines()
        if line.strip() and not (line.startswith(" ") and "=" in line and ";" not in line)
        and (one := _message(line)) is not None
    ]  # fmt: skip
    known = bool(found) and all(level is not None for level, _ in found)
    lines = (Line(WARNING if level is None else level, words) for level, words in found)
    return Messages(tuple(lines), known)


def _message(line: str) -> tuple[int | None, str] | None:
    """(level or None, text); None for a message that is not the kernel's own."""
    level, stamp = None, ""
    if found := _KMSG.match(line):
        priority = int(found[1])
        if priority >> 3:
            return None
        seconds, micro = divmod(int(found[2]), 1_000_000)
        return priority & 7, f"[{seconds:5}.{micro:06}] {prefix.without(line)[1]}"
    if found := _RAW.match(line):
        level, line = int(found[1]) & 7, line[found.end() :]
    elif (found := _WORDS.match(line)) and (name := _full(found[1])) in LEVELS:
        level, line = LEVELS.index(name), line[found.end() :]
    if found := _TIME.match(line):
        stamp = found[0].rstrip() + " "
        return level, stamp + line[found.end() :]
    return level, prefix.without(line)[1]


def _full(name: str) -> str:
    return {"warn": "warning"}.get(name, name)


def kept(
    name: str, selector: str, text: bytes, sent: Sequence[Line], before: Sequence[Report],
    now: Sequence[Report],
) -> Kept:  # fmt: skip
    """Hold a file against what was sent; `before` and `now` are the reports in both."""
    there = Counter(
        _words(line) for line in text.decode(errors="replace").splitlines() if line.strip()
    )
    lost: list[Line] = []
    for line in reversed(sent):  # of equal ones the first are those that a daemon was too late for
        words = _words(line.text)
        if there[words]:
            there[words] -= 1
        else:
            lost.append(line)
    wanted, got = [_bare(one) for one in before], [_bare(one) for one in now]
    differing = {
        field.name
        for one, other in zip(wanted, got, strict=False)
        for field in fields(Report)
        if getattr(one, field.name) != getattr(other, field.name)
    }
    return Kept(
        name=name,
        selector=selector,
        lines=len(sent) - len(lost),
        lost=tuple(reversed(lost)),
        reports=tuple(now),
        equal=wanted == got,
        differing=tuple(sorted(differing)),
    )


def _bare(report: Report) -> Report:
    """Without what belongs to the log and not to the report: line numbers and the name of the machine."""
    return replace(report, first_line=0, last_line=0, host="")


def _words(line: str) -> str:
    """The kernel's words; imkmsg leaves what /dev/kmsg had escaped as it is."""
    return _ESCAPED.sub(lambda one: chr(int(one[1], 16)), prefix.without(line)[1]).strip()
