"""/proc/PID/stat: one line of numbers about a process (fs/proc/array.c, do_task_stat; proc.rst, table 1-4)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import whole
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES


@dataclass(frozen=True)
class Stat:
    """Kernel names; sizes in bytes, times in clock ticks, addresses as they are.

    comm: the command's name, at most 15 bytes; state: R S D Z T t X I; ppid: the parent;
    minflt, majflt: page faults without and with a wait for a disk; cminflt, cmajflt: the same of
    children that were waited for; utime, stime: ticks of CPU; num_threads; starttime: ticks after
    boot, which with the pid names a process for good; vsize: bytes mapped; rss: bytes resident
    (approximate on kernels that count per CPU); rsslim: soft RLIMIT_RSS.
    startcode, endcode, startstack, start_data, end_data, start_brk: addresses, 0 where the
    reader may not trace the process, None where the kernel has no such field.
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
    rsslim: int
    startcode: int
    endcode: int
    startstack: int
    start_data: int | None = None
    end_data: int | None = None
    start_brk: int | None = None


def parse(text: bytes, path: str = "stat", page_bytes: int = PAGE_BYTES) -> Stat:
    """The name stands in parentheses and may hold any byte, parentheses too: split at the last one."""
    line = text.decode(errors="surrogateescape").rstrip("\n")
    head, closing, tail = line.rpartition(")")
    pid, opening, comm = head.partition(" (")
    fields = tail.split()
    if not (closing and opening and pid.isdecimal() and len(fields) >= 27):
        raise Malformed(path, 1, line, "is no stat line of a process")
    state, numbers = fields[0], whole(fields[1:], path, line)

    def field(number: int) -> int:
        """By the number it has in proc(5)."""
        return numbers[number - 4]

    def late(number: int) -> int | None:
        return field(number) if number - 4 < len(numbers) else None

    return Stat(
        pid=int(pid),
        comm=comm,
        state=state,
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
        rsslim=field(25),
        startcode=field(26),
        endcode=field(27),
        startstack=field(28),
        start_data=late(45),
        end_data=late(46),
        start_brk=late(47),
    )


def read(host: Host, pid: int) -> Stat:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/stat"
    return parse(host.read(path), path)
