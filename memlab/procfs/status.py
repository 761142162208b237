"""/proc/PID/status: a process in words (fs/proc/array.c; fs/proc/task_mmu.c, task_mem; proc.rst, table 1-2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import amount, key_lines, snake
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Status:
    """Sizes in bytes; None where the kernel does not say (a kernel thread has no Vm line).

    vm_peak, vm_size: mapped, most ever and now; vm_lck, vm_pin: locked and pinned;
    vm_hwm, vm_rss: resident, most ever and now; rss_anon, rss_file, rss_shmem: its parts
    (Linux 4.5 on); vm_data: private writable mappings; vm_stk: main stack; vm_exe, vm_lib: code;
    vm_pte: page tables; vm_swap: swapped private anonymous memory, shmem not included;
    hugetlb_pages: huge pages of hugetlbfs, not in vm_rss. uid, gid: real, effective, saved, fs.
    `others` keeps every further line as text, by its name in snake case.
    """

    name: str
    state: str
    pid: int
    ppid: int
    uid: tuple[int, ...]
    gid: tuple[int, ...]
    threads: int | None = None
    vm_peak: int | None = None
    vm_size: int | None = None
    vm_lck: int | None = None
    vm_pin: int | None = None
    vm_hwm: int | None = None
    vm_rss: int | None = None
    rss_anon: int | None = None
    rss_file: int | None = None
    rss_shmem: int | None = None
    vm_data: int | None = None
    vm_stk: int | None = None
    vm_exe: int | None = None
    vm_lib: int | None = None
    vm_pte: int | None = None
    vm_pmd: int | None = None
    vm_swap: int | None = None
    hugetlb_pages: int | None = None
    others: dict[str, str] = field(default_factory=dict)


_SIZES = frozenset(
    name for name in Status.__dataclass_fields__ if name.startswith(("vm_", "rss_", "hugetlb"))
)


def parse(text: bytes, path: str = "status") -> Status:
    """Lines of `Key: value`; Malformed where one of the first, which all kernels have, is missing."""
    values: dict[str, object] = {}
    others: dict[str, str] = {}
    for number, key, value in key_lines(text, path):
        name = snake(key)
        line = f"{key}: {value}"
        if name in _SIZES:
            values[name] = amount(value, path, number, line)
        elif name in ("pid", "threads", "p_pid"):
            values[name.replace("p_pid", "ppid")] = amount(value, path, number, line)
        elif name in ("uid", "gid"):
            values[name] = tuple(amount(part, path, number, line) for part in value.split())
        elif name in ("name", "state"):
            values[name] = value
        else:
            others[name] = value
    missing = {"name", "state", "pid", "ppid", "uid", "gid"} - values.keys()
    if missing:
        raise Malformed(path, 0, "", f"lacks the line {min(missing).capitalize()!r}")
    return Status(**values, others=others)  # type: ignore[arg-type]


def read(host: Host, pid: int) -> Status:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/status"
    return parse(host.read(path), path)
