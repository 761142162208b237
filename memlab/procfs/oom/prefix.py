"""What a log puts before the kernel's own words: dmesg, syslog, journal, /dev/kmsg (kernel/printk/printk.c)."""

from __future__ import annotations

import json
import re

_ISO = r"\d{4}-\d\d-\d\d[T ][\d:]{8}(?:[.,]\d+)?(?:Z|[+-][\d:]+)?"
_KMSG = re.compile(r"^\d{1,9},\d{1,19},\d{1,19},[^;]{1,40};")
# syslog, and journalctl -o short, short-precise, short-full, short-iso, short-unix, with-unit
_STAMP = (
    rf"(?:(?:[A-Z][a-z]{{2}} )?(?:[A-Z][a-z]{{2}} +\d+ [\d:]{{8}}(?:\.\d+)?(?: \d{{4}})?|{_ISO}(?: [A-Z]{{2,5}})?)"
    r"|\d{9,11}\.\d{1,9})"
)
LOG = re.compile(rf"^(?:{_STAMP}(?: +(?P<host>\S+))? kernel(?:\[\d+\])?: ?|kernel: ?)")
# whatever else a collector of logs puts before that word
_OTHER = re.compile(r"^[^;]{0,120}?\skernel(?:\[\d+\])?: ?")
LEVEL = re.compile(
    r"^(?:kern|user|daemon|syslog) *:(?:emerg|alert|crit|err|warn|notice|info|debug) *: "
)
# dmesg: seconds since boot, -T, -H and -e (a minute, then steps), -d, --time-format iso
_TIMES = (
    r"\d+\.\d{3,9}(?: <[ \d.]+>)?",
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]+ \d{4}",
    r"[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d",
    r"[+<] *\d+\.\d{3,9}>?",
)
DMESG = re.compile(
    rf"^(?:<\d+>)? ?(?:\[ *(?:{'|'.join(_TIMES)})\]|{_ISO}(?= )) ?(?:\[ *[TC]\d+\] ?)?(?:\S+ kernel: ?)?"
)
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")


def without(line: str) -> tuple[str, str]:
    """(the machine that a syslog names or "", the kernel's words); spaces before them stay."""
    found = _KMSG.match(line)
    if found:
        # kmsg writes what is not printable, and the backslash, as \xNN
        words = _ESCAPED.sub(lambda one: chr(int(one[1], 16)), line[found.end() :])
        return "", DMESG.sub("", words, count=1)
    host = ""
    if found := LOG.match(line):
        host, line = found["host"] or "", line[found.end() :]
    elif line.startswith("{"):
        host, line = _of_json(line)
    elif found := _OTHER.match(line):
        line = line[found.end() :]
    line = LEVEL.sub("", line, count=1)
    return host, DMESG.sub("", line, count=1)


def _of_json(line: str) -> tuple[str, str]:
    """journalctl -o json, and what a container engine writes: (host, message); the line itself for anything else."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return "", line
    texts = (entry.get(name) for name in ("MESSAGE", "message", "msg", "log"))
    found = next((text for text in texts if isinstance(text, str)), line)
    host = entry.get("_HOSTNAME")
    return host if isinstance(host, str) else "", found.rstrip("\n")


def strip(line: str) -> str:
    """The kernel's words alone, escapes left as they are."""
    line = _KMSG.sub("", line, count=1)
    for mark in (LOG, LEVEL, DMESG):
        line = mark.sub("", line, count=1)
    return line
