"""What this machine lets memlab see and do; tried out, never guessed from a version."""

from __future__ import annotations

import os
from collections.abc import Callable

from memlab.errors import Denied, MemlabError
from memlab.lab import tools
from memlab.lab.containment import make_group
from memlab.lab.tools import Check, State
from memlab.procfs import cgroup, limits, meminfo, mountinfo, status
from memlab.procfs.host import Host
from memlab.units import GIB, MIB, format_bytes

# the largest cap of a leaker that is to leak into shared memory
_SHM_BYTES = 256 * MIB
# what the lab keeps free (containment.refusal) and one leaker at its cap
_MEMORY_BYTES = GIB
# capability numbers from include/uapi/linux/capability.h
_CAPABILITIES = {
    19: ("CAP_SYS_PTRACE", "read and trace other users' processes"),
    21: ("CAP_SYS_ADMIN", "read kpageflags and kernel page owners"),
    24: ("CAP_SYS_RESOURCE", "lower an oom_score_adj"),
    38: ("CAP_PERFMON", "watch kernel allocations"),
}


def checks(host: Host | None = None) -> list[Check]:
    """Everything `memlab doctor` says, in its order. Makes and removes one child cgroup."""
    machine = host or Host()
    asked: list[tuple[str, Callable[[Host], Check]]] = [
        ("kernel", kernel),
        ("own /proc", own_proc),
        ("other /proc", other_proc),
        ("privileges", privileges),
        ("ptrace", ptrace),
        ("perf events", perf_events),
        ("pidfd", pidfd),
        ("memory", memory),
        ("cgroup", child_cgroup),
        ("/dev/shm", shm),
        ("swap", swap),
        ("overcommit", overcommit),
        ("huge pages", huge_pages),
        ("limits", own_limits),
    ]
    return [_answered(name, ask, machine) for name, ask in asked] + tools.checks()


def _answered(name: str, ask: Callable[[Host], Check], host: Host) -> Check:
    """A question that cannot even be put is an answer too."""
    try:
        return ask(host)
    except MemlabError as error:
        return Check(name, State.MISSING, error.message, error.hint)


def _line(host: Host, path: str) -> str:
    return host.read(path).decode(errors="replace").strip()


def kernel(host: Host) -> Check:
    """The kernel's release."""
    release = _line(host, "/proc/sys/kernel/osrelease")
    return Check("kernel", State.OK, f"Linux {release}")


def own_proc(host: Host) -> Check:
    """Our own memory, in every form that a recording keeps."""
    try:
        for name in ("stat", "statm", "status", "maps", "smaps", "smaps_rollup"):
            host.read(f"/proc/self/{name}")
    except MemlabError as error:
        remedy = "recordings can be read here; to leak and to watch, use a Linux"
        return Check("own /proc", State.MISSING, error.message, remedy)
    return Check("own /proc", State.OK, "readable, smaps included")


def other_proc(host: Host) -> Check:
    """The link exe is guarded as maps and smaps are (fs/proc/base.c), and costs nothing to ask."""
    pids = [int(name) for name in host.listdir("/proc") if name.isdecimal()]
    allowed = denied = 0
    for pid in pids:
        try:
            host.readlink(f"/proc/{pid}/exe")
            allowed += 1
        except Denied:
            denied += 1
        except MemlabError:
            pass  # a kernel thread, or it has just ended
    hidden = _hidepid(host)
    if not denied and not hidden:
        return Check("other /proc", State.OK, f"smaps of all {allowed} processes")
    found = f"smaps of {allowed} of {allowed + denied} processes"
    found += f", others hidden (hidepid={hidden})" if hidden else "; of others stat, statm, status"
    if os.geteuid() == 0:
        return Check("other /proc", State.LIMITED, found, "this root is confined, see privileges")
    return Check("other /proc", State.LIMITED, found, "run as root to see other users' smaps")


def _hidepid(host: Host) -> str | None:
    """The mount option of /proc (proc.rst, 4); root is exempt."""
    if os.geteuid() == 0:
        return None
    options = [
        option.removeprefix("hidepid=")
        for mount in mountinfo.read(host, "self")
        if mount.mount_point == "/proc"
        for option in mount.super_options
        if option.startswith("hidepid=") and option not in ("hidepid=0", "hidepid=off")
    ]
    return options[0] if options else None


def privileges(host: Host) -> Check:
    """The effective capabilities (capabilities(7)), for what memlab would do with them."""
    mask = int(status.read(host, os.getpid()).others.get("cap_eff", "0"), 16)
    lacking = [words for bit, words in _CAPABILITIES.items() if not mask >> bit & 1]
    who = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    if not lacking:
        return Check("privileges", State.OK, f"{who} with every capability that memlab can use")
    names = ", ".join(name for name, _ in lacking)
    cannot = "; ".join(purpose for _, purpose in lacking)
    return Check("privileges", State.LIMITED, f"{who} without {names}", f"cannot {cannot}")


def ptrace(host: Host) -> Check:
    """Yama narrows who may attach (admin-guide/LSM/Yama.rst); no Yama, no narrowing."""
    try:
        scope = _line(host, "/proc/sys/kernel/yama/ptrace_scope")
    except MemlabError:
        return Check("ptrace", State.OK, "not narrowed by Yama")
    if scope == "0":
        return Check("ptrace", State.OK, "scope 0: your own processes")
    remedy = "as root: sysctl kernel.yama.ptrace_scope=0, until the next boot"
    if scope == "3":
        return Check("ptrace", State.LIMITED, "scope 3: nobody may attach", "stays until a reboot")
    if os.geteuid() == 0:
        return Check("ptrace", State.OK, f"scope {scope}: root may attach")
    whom = "only children" if scope == "1" else "only root"
    found = f"scope {scope}: {whom}, so strace, gdb and heaptrack cannot attach"
    return Check("ptrace", State.LIMITED, found, remedy)


def perf_events(host: Host) -> Check:
    """kernel.perf_event_paranoid (admin-guide/sysctl/kernel.rst)."""
    level = _line(host, "/proc/sys/kernel/perf_event_paranoid")
    if os.geteuid() == 0 or int(level) <= 2:
        return Check("perf events", State.OK, f"paranoid level {level}: your own processes")
    remedy = "as root: sysctl kernel.perf_event_paranoid=2"
    return Check("perf events", State.LIMITED, f"paranoid level {level}: none", remedy)


def pidfd(_host: Host) -> Check:
    """The lab's supervisors hold on to processes by pidfd_open(2), Linux 5.3."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return Check("pidfd", State.MISSING, "so no leaker can be supervised", "needs Linux 5.3")
    return Check("pidfd", State.OK, "leakers can be supervised")


def memory(host: Host) -> Check:
    """What could be leaked into before the machine or our own group is full."""
    machine = meminfo.read(host)
    available = machine.mem_available if machine.mem_available is not None else machine.mem_free
    found = f"{format_bytes(available)} available of {format_bytes(machine.mem_total)}"
    try:
        group = cgroup.read(host)
    except MemlabError:
        group = None
    if group is not None and group.limit is not None:
        room = group.limit - group.usage
        found += f"; our memory cgroup has room for {format_bytes(room)}"
        available = min(available, room)
    if available >= _MEMORY_BYTES:
        return Check("memory", State.OK, found)
    return Check("memory", State.LIMITED, found, "choose a small --cap; starts may be refused")


def child_cgroup(host: Host) -> Check:
    """A group for a leaker, made as the lab makes it, and removed."""
    _, version = cgroup.memory_folder(host)
    made, why = make_group(f"doctor-{os.getpid()}", 64 * MIB)
    if made is None:
        delegate = "; or: systemd-run --user --scope -p Delegate=yes memlab lab"
        remedy = "run as root" + (delegate if version == 2 else "")
        return Check("cgroup", State.LIMITED, f"version {version}, but {why}", remedy)
    os.rmdir(made)
    return Check("cgroup", State.OK, f"version {version}, leakers get a group of their own")


def shm(host: Host) -> Check:
    """The tmpfs that POSIX shared memory lives in (shm_overview(7))."""
    mounted = host.statvfs("/dev/shm")
    free = mounted.size_bytes - mounted.used_bytes
    found = f"{format_bytes(free)} free of {format_bytes(mounted.size_bytes)}"
    if free >= _SHM_BYTES:
        return Check("/dev/shm", State.OK, found)
    remedy = "as root: mount -o remount,size=512M /dev/shm; in a container: --shm-size=512m"
    return Check("/dev/shm", State.LIMITED, found, remedy)


def swap(host: Host) -> Check:
    """Whether anonymous memory can leave RAM."""
    total = meminfo.read(host).swap_total
    if total:
        return Check("swap", State.OK, format_bytes(total))
    return Check("swap", State.LIMITED, "none", "VmSwap stays 0 here: nothing can be swapped out")


def overcommit(host: Host) -> Check:
    """vm.overcommit_memory (admin-guide/sysctl/vm.rst)."""
    mode = _line(host, "/proc/sys/vm/overcommit_memory")
    if mode == "2":
        found = "mode 2: reservations count, so a leaker may fail early"
        return Check("overcommit", State.LIMITED, found, "as root: sysctl vm.overcommit_memory=0")
    return Check("overcommit", State.OK, f"mode {mode}")


def huge_pages(host: Host) -> Check:
    """The chosen word stands in brackets (admin-guide/mm/transhuge.rst)."""
    words = _line(host, "/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = words.partition("[")[2].partition("]")[0] or words
    note = ": one touched byte may take 2 MiB" if chosen == "always" else ""
    return Check("huge pages", State.OK, chosen + note)


def own_limits(host: Host) -> Check:
    """The resource limits that a leaker inherits, and vm.max_map_count."""
    soft = limits.read(host, os.getpid()).soft
    mappings = int(_line(host, "/proc/sys/vm/max_map_count"))
    space, stack = soft.get("address_space"), soft.get("stack_size")
    found = (
        f"{mappings} mappings, {soft.get('open_files') or 'any number of'} files, "
        f"stacks of {format_bytes(stack) if stack else 'any size'}"
    )
    if space is not None:
        remedy = "ulimit -v unlimited, or leak less than that"
        return Check("limits", State.LIMITED, f"{found}, {format_bytes(space)} addresses", remedy)
    return Check("limits", State.OK, found)
