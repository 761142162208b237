"""A machine out of memory, for real and without danger: the whole report, who dies, and who should."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Gone
from memlab.lab.guest import guest
from memlab.lab.guest.driver import Guest
from memlab.lab.guest.labs.result import Result, table
from memlab.lab.guest.packages import Say
from memlab.model.oom_verdict import judge
from memlab.present.oom import oom_text
from memlab.procfs import oom_report
from memlab.units import MIB

NEEDS_FULL = False
_SECONDS = 120.0


@dataclass(frozen=True)
class Candidate:
    """A program of the line-up: its memory in bytes, its oom_score_adj."""

    name: str
    bytes: int
    adj: int


# the largest is protected, a small one is offered; `greedy` asks for more and more
LINE_UP = (
    Candidate("database", 40 * MIB, -500),
    Candidate("app", 32 * MIB, 0),
    Candidate("cache", 12 * MIB, 400),
)
GREEDY = Candidate("greedy", 160 * MIB, 0)


def run(kernel: str, say: Say) -> Result:
    """One guest: fill it, let the last one ask for too much, read what the kernel wrote."""
    with guest(kernel, loglevel=4) as g:
        say(f"Linux {g.kernel.release} has booted in {g.boot_seconds:.1f} s")
        pids = {one.name: start(g, one) for one in LINE_UP}
        for one in LINE_UP:
            wait_until_full(g, pids[one.name], one.bytes)
        scores = {name: int(g.sh(f"cat /proc/{pid}/oom_score")) for name, pid in pids.items()}
        say("the line-up stands; now one that asks for too much")
        pids[GREEDY.name] = start(g, GREEDY)
        wait_until_killed(g, pids[GREEDY.name])
        alive = {name: g.run(f"kill -0 {pid}").status == 0 for name, pid in pids.items()}
        log, recording = g.dmesg(), g.recording
    reports = [judge(report) for report in oom_report.parse(log.encode())]
    head = ("", "memory", "oom_score_adj", "oom_score before", "")
    rows = [
        (one.name, f"{one.bytes // MIB} MiB", str(one.adj), str(scores.get(one.name, "-")),
         "lives" if alive[one.name] else "killed")
        for one in (*LINE_UP, GREEDY)
    ]  # fmt: skip
    agreed = sum(report.agrees is True for report in reports)
    lines = [
        f"Linux {g.kernel.release}, {g.machine.memory // MIB} MiB, no swap: a global OOM",
        "",
        *table(head, rows),
        "",
        f"{len(reports)} reports; the victim is the one that we compute from the table in {agreed}",
    ]
    for report in reports:
        lines += ["", *oom_text(report, 6).splitlines()]
    return Result(tuple(lines), recording, log)


def start(g: Guest, one: Candidate) -> int:
    """Start the bank's `anonymous` under this name, so that the report shows it; its pid."""
    g.sh(f"ln -sf anonymous /programs/{one.name}")
    size = f"{one.bytes // MIB}MiB"
    return g.start(f"/programs/{one.name}", "--rate", "64MiB/s", "--cap", size, adj=one.adj)


def wait_until_full(g: Guest, pid: int, size: int) -> None:
    """Until it holds its memory; Gone where it does not."""
    pages = size * 9 // 10 // 4096
    done = g.run(
        f"n=0; while [ $n -lt 300 ]; do set -- $(cat /proc/{pid}/statm);"
        f" [ $2 -ge {pages} ] && exit 0; n=$((n+1)); sleep 0.1; done; exit 1", _SECONDS,
    )  # fmt: skip
    if done.status:
        raise Gone("a program of the line-up did not take its memory", done.text.strip()[-200:])


def wait_until_killed(g: Guest, pid: int) -> None:
    """Until it is gone or holds nothing (a zombie has no pages); Gone where it lives on."""
    done = g.run(
        f"n=0; while [ $n -lt 600 ]; do [ -n \"$(cat /proc/{pid}/maps)\" ] || exit 0;"
        " n=$((n+1)); sleep 0.1; done; exit 1", _SECONDS,
    )  # fmt: skip
    if done.status:
        raise Gone("the machine did not run out of memory", "give the guest less memory")
