"""An OOM report in the kernel's log: who asked, whose limit it was, and who was killed (mm/oom_kill.c).

Read from dmesg, syslog, journal or kmsg alike: what stands before the kernel's words is passed over. The
table of tasks and the memory counters are left to their own readers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.units import KIB

_INVOKED = re.compile(r"(?P<comm>\S[^;:\]]*?) invoked oom-killer: gfp_mask=(?P<gfp>\S+?),")
_CONSTRAINT = re.compile(r"oom-kill:constraint=(?P<constraint>CONSTRAINT_\w+)")
# dump_header until 2.6.35 wrote "kill process", oom_kill_process later "Killed process"
_KILLED = re.compile(
    r"(?P<memcg>Memory cgroup out of memory: )?Killed process (?P<pid>\d+),? \((?P<comm>.*?)\)"
    r"(?:,? (?:total-vm|vsz):(?P<total_vm>\d+)kB)?(?:, anon-rss:(?P<anon>\d+)kB)?"
    r"(?:, file-rss:(?P<file>\d+)kB)?(?:, shmem-rss:(?P<shmem>\d+)kB)?"
)


@dataclass(frozen=True)
class Killed:
    """Who was killed. Sizes in bytes, None where this kernel did not print them.

    constraint: CONSTRAINT_NONE (the whole machine), _MEMCG (a cgroup's limit), _CPUSET or _MEMORY_POLICY;
    None where the report is cut or older than 4.20. invoked_by: the comm of who asked for the page.
    """

    pid: int
    comm: str
    total_vm: int | None
    anon_rss: int | None
    file_rss: int | None
    shmem_rss: int | None
    constraint: str | None
    invoked_by: str | None


def parse(text: bytes) -> tuple[Killed, ...]:
    """All kills of a log, in its order; none where it holds no report."""
    kills, invoked_by, constraint = [], None, None
    for line in text.decode(errors="replace").splitlines():
        if found := _INVOKED.search(line):
            invoked_by, constraint = found["comm"].rpartition(" ")[2], None
        elif found := _CONSTRAINT.search(line):
            constraint = found["constraint"]
        elif found := _KILLED.search(line):
            if constraint is None and found["memcg"]:
                constraint = "CONSTRAINT_MEMCG"
            kills.append(_killed(found, constraint, invoked_by))
    return tuple(kills)


def _killed(found: re.Match[str], constraint: str | None, invoked_by: str | None) -> Killed:
    return Killed(
        pid=int(found["pid"]),
        comm=found["comm"],
        total_vm=_bytes(found["total_vm"]),
        anon_rss=_bytes(found["anon"]),
        file_rss=_bytes(found["file"]),
        shmem_rss=_bytes(found["shmem"]),
        constraint=constraint,
        invoked_by=invoked_by,
    )


def _bytes(kilobytes: str | None) -> int | None:
    return None if kilobytes is None else int(kilobytes) * KIB
