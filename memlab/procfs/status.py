"""/proc/PID/status: a process in words (fs/proc/array.c; fs/proc/task_mmu.c, task_mem; proc.rst, table 1-2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import entries, snake
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Status:
    r"""Sizes in bytes; None where the kernel does not say (a kernel thread has no Vm line).

    name: the command, at most 15 bytes, newline and backslash shown as `\n` and `\\`;
    state: a letter and a word; tgid: the process, pid: the task; uid, gid: real, effective,
    saved, file system; threads; ns_pid: its pid in each pid namespace from /proc's inwards (4.1).
    vm_peak, vm_size: mapped, most ever and now; vm_lck, vm_pin: locked and pinned;
    vm_hwm, vm_rss: resident, most ever and now; rss_anon, rss_file, rss_shmem: its parts (4.5);
    vm_data: private writable mappings; vm_stk: main stack; vm_exe, vm_lib: code;
    vm_pte, vm_pmd: page tables; vm_swap: swapped private memory, shmem not included;
    hugetlb_pages: huge pages of hugetlbfs, not in vm_rss (4.4).
    Many kernels count resident pages per thread or CPU and add up late, so that vm_hwm, vm_rss
    and its parts may be some dozen pages off for each (proc.rst says so); smaps is exact.
    `others` keeps all other lines as text, by name in snake case; `unknown` names those of
    them that no kernel up to 6.18 prints.
    """

    name: str
    state: str
    pid: int
    ppid: int
    uid: tuple[int, ...]
    gid: tuple[int, ...]
    tgid: int | None = None
    threads: int | None = None
    ns_pid: tuple[int, ...] | None = None
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

    @property
    def unknown(self) -> frozenset[str]:
        """Names of lines that this reader has never heard of."""
        return frozenset(self.others) - _OTHERS


_SIZES = frozenset(
    name for name in Status.__dataclass_fields__ if name.startswith(("vm_", "rss_", "hugetlb"))
)
_COUNTS = frozenset({"pid", "ppid", "tgid", "threads"})
_LISTS = frozenset({"uid", "gid", "ns_pid"})
# fs/proc/array.c, arch/x86 and arch/arm64; no memory in them
_OTHER_NAMES = (
    "umask ngid tracer_pid fd_size groups ns_tgid ns_pgid ns_sid kthread core_dumping thp_enabled"
    " untag_mask sig_q sig_pnd shd_pnd sig_blk sig_ign sig_cgt cap_inh cap_prm cap_eff cap_bnd"
    " cap_amb no_new_privs seccomp seccomp_filters speculation_store_bypass"
    " speculation_indirect_branch cpus_allowed cpus_allowed_list mems_allowed mems_allowed_list"
    " voluntary_ctxt_switches nonvoluntary_ctxt_switches x86_thread_features"
    " x86_thread_features_locked"
)
_OTHERS = frozenset(_OTHER_NAMES.split())


def parse(text: bytes, path: str = "status") -> Status:
    """Lines of `Key: value`; Malformed where one of those is missing that all kernels have."""
    values: dict[str, object] = {}
    others: dict[str, str] = {}
    for entry in entries(text, path):
        name = snake(entry.key)
        if name in values or name in others:
            raise entry.malformed("is there twice")
        if name in _SIZES:
            values[name] = entry.kilobytes()
        elif name in _COUNTS:
            values[name] = entry.whole()
        elif name in _LISTS:
            values[name] = entry.wholes()
        elif name == "name":
            values[name] = entry.value.removeprefix("\t")  # a name may end in blanks of its own
        elif name == "state":
            values[name] = entry.text()
        else:
            others[name] = entry.text()
    missing = {"name", "state", "pid", "ppid", "uid", "gid"} - values.keys()
    if missing:
        raise Malformed(
            path, 0, "", f"has no {', '.join(sorted(missing))}: it is cut, or no status"
        )
    return Status(**values, others=others)  # type: ignore[arg-type]


def read(host: Host, pid: int | str) -> Status:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/status"
    return parse(host.read(path), path)
