"""/proc/PID/stat: one line of numbers about a process (fs/proc/array.c, do_task_stat; proc.rst, table 1-4)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

_UNLIMITED = (1 << 64) - 1  # RLIM_INFINITY
_FEWEST = 39  # fields of Linux 2.6.0; there are 52 since 3.5


@dataclass(frozen=True)
class Stat:
    """Kernel names; sizes in bytes, times in clock ticks, addresses as they are.

    comm: the command's name, at most 15 bytes (more for kernel threads), any but NUL;
    state: R S D Z T t X I; ppid: the parent; pgrp, session; minflt, majflt: page faults without
    and with a wait for a disk; cminflt, cmajflt: the same of children that were waited for;
    utime, stime: ticks of CPU; num_threads; starttime: ticks after boot, which with the pid
    names a process for good; vsize: bytes mapped; rss: bytes resident (counted per CPU and
    added up late, so smaps is exact and this is not); rsslim: soft RLIMIT_RSS, None for none.
    startcode, endcode, startstack: addresses, 0 or 1 where the reader may not trace the
    process; start_data, end_data, start_brk: likewise, None before Linux 3.3.
    """

    pid: int
    comm: str
    state: str
    ppid: int
    pgrp: int
    session: int
    minflt: int
    cminflt: int
    majflt: int
    cmajflt: int
    utime: int
    stime: int
    num_threads: int
    starttime: int
    vsize: int
    rss: int
    rsslim: int | None
    startcode: int
    endcode: int
    startstack: int
    start_data: int | None = None
    end_data: int | None = None
    start_brk: int | None = None


def parse(text: bytes, path: str = "stat", page_bytes: int = PAGE_BYTES) -> Stat:
    """The name stands in parentheses and may hold any byte, parentheses too: split at the last one."""
    line = only_line(text, path)
    head, closing, tail = line.rpartition(") ")
    pid, opening, comm = head.partition(" (")
    words = tail.split(" ")
    if not (closing and opening and len(words[0]) == 1 and len(words) >= _FEWEST - 2):
        raise Malformed(path, 1, line, "is no stat line of a process, or is cut")
    values = numbers([pid, *words[1:]], path, line)

    def field(number: int) -> int:
        """By the number it has in proc(5), where state is 3."""
        return values[number - 3]

    def late(number: int) -> int | None:
        return field(number) if number - 3 < len(values) else None

    return Stat(
        pid=values[0],
        comm=comm,
        state=words[0],
        ppid=field(4),
        pgrp=field(5),
        session=field(6),
        minflt=field(10),
        cminflt=field(11),
        majflt=field(12),
        cmajflt=field(13),
        utime=field(14),
        stime=field(15),
        num_threads=field(20),
        starttime=field(22),
        vsize=field(23),
        rss=field(24) * page_bytes,
        rsslim=None if field(25) == _UNLIMITED else field(25),
        startcode=field(26),
        endcode=field(27),
        startstack=field(28),
        start_data=late(45),
        end_data=late(46),
        start_brk=late(47),
    )


def read(host: Host, pid: int | str) -> Stat:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/stat"
    return parse(host.read(path), path, host.page_bytes)
