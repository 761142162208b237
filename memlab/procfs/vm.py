"""/proc/sys/vm and /proc/sys/kernel: what the machine allows (admin-guide/sysctl/vm.rst, kernel.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Vm:
    """Settings; None where the kernel has no such.

    max_map_count: mappings that one process may have; overcommit_memory: 0 refuses only
    obvious excess, 1 never refuses, 2 refuses beyond CommitLimit; overcommit_ratio: per cent
    of memory that CommitLimit counts; threads_max, pid_max: threads of the whole machine;
    swappiness: how readily anonymous memory is swapped, 0 to 200; min_free_kbytes: kept free for
    the kernel, in kB; panic_on_oom: 0 kills a process, 1 panics but in a cpuset or cgroup, 2
    always; oom_kill_allocating_task: 1 kills whoever asked last; oom_dump_tasks: 1 prints the
    table of processes in an OOM report.
    """

    max_map_count: int | None
    overcommit_memory: int | None
    overcommit_ratio: int | None
    threads_max: int | None
    pid_max: int | None
    swappiness: int | None = None
    min_free_kbytes: int | None = None
    panic_on_oom: int | None = None
    oom_kill_allocating_task: int | None = None
    oom_dump_tasks: int | None = None


def parse(text: bytes, path: str = "sysctl") -> int:
    """One number."""
    line = only_line(text, path)
    (value,) = numbers([line], path, line)
    return value


def read(host: Host) -> Vm:
    """Read the machine's."""
    return Vm(
        max_map_count=_setting(host, "/proc/sys/vm/max_map_count"),
        overcommit_memory=_setting(host, "/proc/sys/vm/overcommit_memory"),
        overcommit_ratio=_setting(host, "/proc/sys/vm/overcommit_ratio"),
        threads_max=_setting(host, "/proc/sys/kernel/threads-max"),
        pid_max=_setting(host, "/proc/sys/kernel/pid_max"),
        swappiness=_setting(host, "/proc/sys/vm/swappiness"),
        min_free_kbytes=_setting(host, "/proc/sys/vm/min_free_kbytes"),
        panic_on_oom=_setting(host, "/proc/sys/vm/panic_on_oom"),
        oom_kill_allocating_task=_setting(host, "/proc/sys/vm/oom_kill_allocating_task"),
        oom_dump_tasks=_setting(host, "/proc/sys/vm/oom_dump_tasks"),
    )


def read_all(host: Host) -> dict[str, tuple[int, ...]]:
    """Every setting below /proc/sys/vm by its name, in the kernel's own units, most of them one number.

    Left out is what may not be read (compact_memory is for writing), what holds no numbers, and
    stat_refresh, for to read it makes every CPU add up its counters.
    """
    found = {}
    for name in host.listdir("/proc/sys/vm"):
        path = f"/proc/sys/vm/{name}"
        if name == "stat_refresh":
            continue
        try:
            text = host.read(path)
            found[name] = tuple(numbers(text.decode(errors="replace").split(), path, ""))
        except (Denied, Malformed, Unsupported):
            continue
    return found


def _setting(host: Host, path: str) -> int | None:
    try:
        return parse(host.read(path), path)
    except (Denied, Unsupported):
        return None
