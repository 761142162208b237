"""The real OOM reports, and what logs do to them: cut, interleaved, with other prefixes. Nothing is written by hand."""

import json
from pathlib import Path

from memlab.procfs.oom import prefix

FOLDER = Path(__file__).parent / "data" / "oom"
NAMES = sorted(path.name for path in FOLDER.glob("*.txt"))
V2 = "linux-5.15-memcg-v2-kubernetes.syslog.txt"
V1 = "linux-6.18-memcg-v1.kmsg.txt"
EQUALS = "linux-6.18-memcg-v1-equals.kmsg.txt"
TMPFS = "linux-6.18-memcg-v1-tmpfs.kmsg.txt"
GLOBAL = "linux-6.1-global-540-tasks.txt"
NO_TABLE = "linux-6.1-global-no-task-dump.txt"
OLD = "linux-2.6.24-global.syslog.txt"


def text(name):
    return (FOLDER / name).read_bytes()


def words(name):
    """The kernel's own words, line by line."""
    return [prefix.without(line)[1] for line in text(name).decode().splitlines()]


def kmsg(lines):
    return "".join(f"6,{n},{n * 100},-;{line}\n" for n, line in enumerate(lines, 1)).encode()


def dmesg(lines):
    return "".join(f"[{n:5}.{n:06}] {line}\n" for n, line in enumerate(lines, 1)).encode()


def dmesg_with_caller(lines):
    return "".join(f"[{n:5}.{n:06}][ T{n}] {line}\n" for n, line in enumerate(lines, 1)).encode()


def dmesg_human(lines):
    return "".join(
        f"[Thu Nov 26 14:0{n % 10}:00 2026] {line}\n" for n, line in enumerate(lines)
    ).encode()


def journal(lines):
    return "".join(
        f"Nov 26 14:00:{n % 60:02} box kernel: {line}\n" for n, line in enumerate(lines)
    ).encode()


def iso(lines):
    return "".join(
        f"2026-11-26T14:00:{n % 60:02}.123456+00:00 box kernel: [{n:5}.{n:06}] {line}\n"
        for n, line in enumerate(lines)
    ).encode()


def journal_precise(lines):
    return "".join(
        f"Nov 26 14:00:{n % 60:02}.347168 box kernel: {x}\n" for n, x in enumerate(lines)
    ).encode()


def journal_full(lines):
    return "".join(
        f"Thu 2026-11-26 14:00:{n % 60:02} UTC box kernel: {x}\n" for n, x in enumerate(lines)
    ).encode()


def journal_unix(lines):
    return "".join(
        f"17646912{n % 60:02}.347168 box kernel: {x}\n" for n, x in enumerate(lines)
    ).encode()


def journal_json(lines):
    return "".join(
        json.dumps({"_HOSTNAME": "box", "PRIORITY": "6", "MESSAGE": x}) + "\n" for x in lines
    ).encode()


def collector(lines):
    return "".join(
        f'<6>1 2026-11-26T14:00:00Z box [x@1 y="z"] kernel: {x}\n' for x in lines
    ).encode()


def bare(lines):
    return "".join(f"{line}\n" for line in lines).encode()


PREFIXES = (
    kmsg, dmesg, dmesg_with_caller, dmesg_human, journal, journal_precise, journal_full, journal_unix,
    journal_json, collector, iso, bare,
)  # fmt: skip
