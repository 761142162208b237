"""The memory columns of `top`, and the /proc field behind each (procps-ng 4, library/pids.c; src/top/top.c)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.procfs.stat import Stat
from memlab.procfs.statm import Statm
from memlab.procfs.status import Status

# column: the file of /proc/PID, and its field
FIELDS = {
    "VIRT": ("statm", "size"),
    "RES": ("statm", "resident"),
    "CODE": ("statm", "text"),
    "DATA": ("statm", "data"),
    "SHR": ("statm", "shared"),
    "nMaj": ("stat", "majflt"),
    "nDRT": ("statm", "dt"),
    "SWAP": ("status", "VmSwap"),
    "USED": ("status", "VmRSS+Swap"),
    "%MEM": ("RES of", "MemTotal"),
}


@dataclass(frozen=True)
class Row:
    """One process; bytes, but for major_faults.

    code is mapped, not resident; data counts stacks and all private writable mappings, touched
    or not; dt has been 0 since Linux 2.6; swap and used are None where status has no such lines
    (kernel threads and zombies, and swap before Linux 2.6.34).
    """

    pid: int
    comm: str
    virt: int
    res: int
    code: int
    data: int
    shr: int
    major_faults: int
    dt: int
    swap: int | None
    used: int | None


@dataclass(frozen=True)
class Top:
    """rows: by RES, largest first; mem_total in bytes; others: processes that are not among them."""

    rows: tuple[Row, ...]
    mem_total: int
    others: int = 0


def row(statm: Statm, stat: Stat, status: Status) -> Row:
    """From one process's three files; all of them may be read of everybody."""
    return Row(
        pid=stat.pid,
        comm=stat.comm,
        virt=statm.size,
        res=statm.resident,
        code=statm.text,
        data=statm.data,
        shr=statm.shared,
        major_faults=stat.majflt,
        dt=statm.dt,
        swap=status.vm_swap,
        used=None if status.vm_rss is None else status.vm_rss + (status.vm_swap or 0),
    )
