"""What holds for a machine and a process as long as we look: the facts in a recording's header."""

from __future__ import annotations

import os
import platform
from typing import Any

from memlab.errors import MemlabError
from memlab.procfs import cgroup, cgroup_pids, limits, vm
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES


def read(host: Host, pid: int) -> dict[str, Any]:
    """Kernel, page size, ticks, boot id, libc, and the limits that a leak of `pid` may run into.

    Absent facts are None. machine, page_bytes, ticks_per_second and libc are of the Python that
    asks; a process in a container may have another libc. Neither host name nor environment:
    recordings are shared.
    """
    return {
        "kernel": _text(host, "/proc/sys/kernel/osrelease"),
        "machine": platform.machine(),
        "boot_id": _text(host, "/proc/sys/kernel/random/boot_id"),
        "page_bytes": PAGE_BYTES,
        "ticks_per_second": os.sysconf("SC_CLK_TCK"),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "limits": _limits(host, pid),
    }


def _limits(host: Host, pid: int) -> dict[str, int | None]:
    """RLIMIT_AS, _DATA, _STACK, _NPROC and _NOFILE, the kernel's settings, the memory and the pids cgroup.

    Sizes are bytes; None for no limit, or where it may not be known.
    """
    machine = vm.read(host)
    found: dict[str, int | None] = {
        "max_map_count": machine.max_map_count,
        "overcommit_memory": machine.overcommit_memory,
        "threads_max": machine.threads_max,
        "pid_max": machine.pid_max,
    }
    try:
        soft = limits.read(host, pid).soft
    except MemlabError:
        soft = {}
    for name in ("address_space", "data_size", "stack_size", "processes", "open_files"):
        found[name] = soft.get(name)
    try:
        group = cgroup.read(host, pid)
        found["cgroup_limit"], found["cgroup_usage"] = group.limit, group.usage
    except MemlabError:
        found["cgroup_limit"] = found["cgroup_usage"] = None
    try:
        tasks = cgroup_pids.read(host, pid)
    except MemlabError:
        tasks = None
    found["cgroup_tasks_limit"] = tasks.limit if tasks else None
    found["cgroup_tasks"] = tasks.current if tasks else None
    return found


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path).decode(errors="replace").strip()
    except MemlabError:
        return None
