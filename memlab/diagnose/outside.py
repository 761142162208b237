"""Accounts of memory that no mapping shows: left on tmpfs, in System V objects, in sockets, in the kernel.

The machine's own figures (meminfo) belong to everybody and drift by a hundred MiB on a busy host: none of
them is an account here. What counts is what leads to this process: objects that name it, a mount that grows just as
the process writes or touches (`alike`), and the memory cgroup where it is alone in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from memlab.diagnose.account import MMAP_THRESHOLD, Account
from memlab.diagnose.advice import trace
from memlab.diagnose.alike import alike, apart, is_no_part
from memlab.diagnose.children import children_account
from memlab.diagnose.descriptors import PAIR, kinds_gained, opened
from memlab.diagnose.new_files import Group, groups
from memlab.diagnose.trend import Shape, trend
from memlab.errors import Denied, Gone, Unsupported
from memlab.model import outside
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import PAGE_BYTES, format_change

SEGMENTS = "sysvipc/shm rss + swap of those that it made"
QUEUES = "sysvipc/msg cbytes of those that it sent to last"
BPF_MAPS = "fdinfo memlock"
MOUNT = "statvfs of the mount"
INODES = "statvfs of the mount, inodes"
FILES = "stat of the files that are new"
NAMES = "listing of the mount"
GROUP_SHMEM = "cgroup memory.stat shmem - status RssShmem"
GROUP_KERNEL = "cgroup kernel memory - VmPTE - stacks of threads"
SOURCES = (SEGMENTS, QUEUES, BPF_MAPS, MOUNT, INODES, FILES, NAMES, GROUP_SHMEM, GROUP_KERNEL)
# counters of a cgroup are kept in batches of 64 pages on each CPU (mm/memcontrol.c, MEMCG_CHARGE_BATCH)
BATCH = 64 * PAGE_BYTES
# what a descriptor itself takes: struct file, inode, dentry, and the largest socket (struct tcp_sock, some
# 2.5 kB): less than a page. What is buffered behind it comes in whole pages.
OBJECT_BYTES = PAGE_BYTES
# an empty file on tmpfs: inode and dentry, and its part of the folder: some kB at most
INODE_BYTES = PAGE_BYTES
# what a program writes beside its files: a line of a hundred bytes for each chunk of 64 KiB
_SAME = 1 / 512
# where shm_open(3) makes its names (glibc and musl: sysdeps/posix/shm-directory.h)
SHM_FOLDER = "/dev/shm"
_HOLDERS = ("pipe", "socket", "bpf-map", "io_uring", "eventpoll")


def outside_accounts(recording: Recording) -> list[Account]:
    """All of them that this recording can carry."""
    found = [
        _account(
            Pattern.SHM,
            SEGMENTS,
            _segments(recording),
            "System V segments that nobody has attached",
        ),
        _account(Pattern.KERNEL, QUEUES, _queues(recording), "System V message queues"),
    ]
    if any("/fdinfo/" in path for sample in recording for path in sample.texts.files):
        maps = recording.collect("bpf maps", outside.bpf_maps)
        found.append(_account(Pattern.KERNEL, BPF_MAPS, maps, "BPF maps held by descriptors"))
    places = _places(recording)
    new = groups(recording, places)
    found += [*_new_files(recording, new), *_mounts(recording, places)]
    if is_alone(recording):
        if not _has_living_children(recording):
            found.append(_group_shmem(recording, places, new))
        found += _group_kernel(recording)
    return found


def _account(
    pattern: Pattern, source: str, series: Series, where: str, grain: float = PAGE_BYTES
) -> Account:
    basis = Basis.KERNEL if pattern is Pattern.KERNEL else Basis.SWAP_BACKED
    return Account((pattern,), basis, grain, series, where, source)


def is_alone(recording: Recording) -> bool:
    """Whether its memory cgroup holds nobody else than itself and its children, all the time, and no other group."""
    groups = [(group, sample) for sample in recording if (group := outside.group_of(sample))]
    own = {recording.header.pid}.union(*(sample.children or () for sample in recording))
    return bool(groups) and all(
        group.pids and group.pids <= own and not group.below for group, _ in groups
    )


def _has_living_children(recording: Recording) -> bool:
    """Whether others share its group, who may map what it does not: their RssShmem was not read."""
    return any(
        len(sample.children or ()) > sample.child_states.count("Z") for sample in recording.samples
    )


def _segments(recording: Recording) -> Series:
    pid = recording.header.pid

    def get(sample: Sample) -> float | None:
        found = outside.segments(sample)
        if found is None:
            return None
        return float(
            sum((s.rss or 0) + (s.swap or 0) for s in found if s.cpid == pid and not s.nattch)
        )

    return recording.collect("sysv unmapped", get)


def _queues(recording: Recording) -> Series:
    """Of all that it was once seen to have sent to last: another sender in between changes nothing."""
    pid = recording.header.pid
    own = {
        queue.msqid
        for sample in recording
        for queue in outside.queues(sample) or ()
        if queue.lspid == pid
    }

    def get(sample: Sample) -> float | None:
        found = outside.queues(sample)
        return None if found is None else float(sum(q.cbytes for q in found if q.msqid in own))

    return recording.collect("sysv messages", get)


def _unmapped_shmem(recording: Recording) -> Series:
    """Shared memory of the group that the process, which has no living children, does not map; on a mount or not."""

    def get(sample: Sample) -> float | None:
        group, status = outside.group_of(sample), sample.status
        if group is None or status is None or "shmem" not in group.stat:
            return None
        return float(group.stat["shmem"] - (status.rss_shmem or 0))

    return recording.collect("group shmem", get)


def _group_shmem(recording: Recording, places: list[str], new: list[Group]) -> Account:
    """The same as an account. What is on a mount has names, so it is told by them where all are known."""
    series = _unmapped_shmem(recording)
    mounts = [recording.collect("used", _fill(place, "used_bytes")) for place in places]
    named = sum(group.used.growth for group in new if not group.stem)
    nameless = sum(used.growth for used in mounts) - named
    similar = any(alike(group.used, series, BATCH) for group in new)
    elsewhere = bool(mounts) and all(is_no_part(series, used) for used in mounts)
    if series.growth > 0 and not elsewhere and (similar or 2 * nameless >= series.growth):
        # others fill the same mount, so that its growth cannot say whether this is a part of it
        candidates: tuple[Pattern, ...] = (Pattern.TMPFS, Pattern.SHM, Pattern.MEMFD)
        where = "shared memory that nobody maps (on tmpfs, or memory files)"
    else:
        candidates, where = (Pattern.MEMFD,), "memory files that no descriptor of it leads to"
    return Account(candidates, Basis.SWAP_BACKED, BATCH, series, where, GROUP_SHMEM)


def _group_kernel(recording: Recording) -> list[Account]:
    """Kernel memory of the group, without what has an account of its own and what the kernel gives back by itself."""
    gained = kinds_gained(recording)
    # which kinds they are is looked up less often than they are counted
    more = max(0.0, sum(gained.values()), recording.collect("fd", opened, unit="count").growth)
    held = any(gained[kind] > 0 for kind in _HOLDERS)
    leaking = held and _opens_more(recording)
    series = recording.collect("group kernel", _kernel_getter(recording, whole=leaking))
    if len(series) < 2:
        return []
    if series.growth <= OBJECT_BYTES * more:
        return []  # descriptors and their own objects
    if not held and not _machine_agrees(recording, series.growth):
        return []
    kinds = [kind for kind in _HOLDERS if gained[kind] > 0]
    where = "the kernel's memory" + (f" behind descriptors ({kinds[0]})" if kinds else "")
    return [_account(Pattern.KERNEL, GROUP_KERNEL, series, where, BATCH)]


def _opens_more(recording: Recording) -> bool:
    """Whether its descriptors become more and more."""
    return trend(recording.collect("fd", opened, unit="count"), PAIR).shape is Shape.RISING


def _has_more_children(recording: Recording) -> bool:
    """Whether its children become more and more, each with a stack and a task_struct."""
    children = children_account(recording)
    return trend(children.series, children.quantum).shape is Shape.RISING


def _kernel_getter(recording: Recording, whole: bool = False) -> Callable[[Sample], float | None]:
    """v1 does not say which part is reclaimable: there all rises of the machine's SReclaimable stand for it, whatever
    others give back meanwhile, which takes too much away rather than too little. `whole` takes nothing away: where
    something leaks for certain, and the question is only how much lies behind it.
    """
    risen = recording.series("meminfo.s_reclaimable")
    rises = np.cumsum(np.maximum(0.0, np.diff(risen.values, prepend=risen.values[:1])))

    def get(sample: Sample) -> float | None:
        group, status, stat = outside.group_of(sample), sample.status, sample.stat
        if group is None or group.kernel is None or status is None or stat is None:
            return None
        given_back = 0.0 if whole else group.reclaimable
        if given_back is None:
            at = int(np.searchsorted(risen.times, sample.monotonic, side="right")) - 1
            given_back = float(rises[at]) if at >= 0 else 0.0
        tables = (status.vm_pte or 0) + (status.vm_pmd or 0)
        return float(group.kernel - tables - stat.num_threads * outside.STACK_BYTES - given_back)

    return get


def _machine_agrees(recording: Recording, growth: float) -> bool:
    """Whether unreclaimable slabs, per-CPU memory or vmalloc grew by the half of it at least, machine-wide."""
    fields = ("s_unreclaim", "percpu", "vmalloc_used")
    return any(2 * recording.series(f"meminfo.{name}").growth >= growth for name in fields)


def _new_files(recording: Recording, new: list[Group]) -> Iterator[Account]:
    """Files that appeared in the window and whose growth leads to this process: those that fit best."""
    leads = list(_leads(recording)) if new else []
    fits = {n: _fit(group.used, leads) for n, group in enumerate(new)}
    # of those that fit alike the one whose name says most
    best = min(fits, key=lambda n: (fits[n], not new[n].stem, new[n].stem.count("*")), default=None)
    if best is not None and fits[best][0] <= _SAME:
        own = new[best]
        # POSIX shared memory has its names in /dev/shm itself, for shm_open(3) takes no folder
        pattern = Pattern.SHM if own.folder == SHM_FOLDER else Pattern.TMPFS
        yield _account(pattern, FILES, own.used, own.place, MMAP_THRESHOLD)
    kernel = _kernel_of_inodes(recording)
    named = min(
        (group for group in new if _takes_inodes(group.files, kernel)),
        key=lambda group: (not group.stem, group.stem.count("*")),
        default=None,
    )
    if named is not None:
        yield _inodes(named.files, NAMES, named.place)


def _fit(used: Series, leads: list[tuple[Series, str]]) -> tuple[float, float]:
    """How far (`apart`) from all that may lead to this process; endless where nothing does."""
    return min(
        (apart(used, other) for other, _ in leads if alike(used, other, BATCH)),
        default=(math.inf, math.inf),
    )


def _inodes(files: Series, source: str, where: str) -> Account:
    return Account((Pattern.KERNEL,), Basis.COUNT, 1, files, f"files {where}", source, unit="files")


def _mounts(recording: Recording, places: list[str]) -> Iterator[Account]:
    """tmpfs mounts whose growth leads to this process."""
    kernel = _kernel_of_inodes(recording)
    for place in places:
        used = recording.collect("used", _fill(place, "used_bytes"))
        files = recording.collect("files", _fill(place, "used_files"), unit="count")
        if used.growth > 0 and whose(recording, used):
            pattern = _named(recording, place, files)
            yield _account(pattern, MOUNT, used, f"tmpfs on {place}", MMAP_THRESHOLD)
        if _takes_inodes(files, kernel):
            yield _inodes(files, INODES, f"on {place} (tmpfs)")


def _places(recording: Recording) -> list[str]:
    """Where tmpfs is mounted, each once: of two mounts at one place the later one hides the other."""
    mounts = [mount for sample in recording for mount in sample.tmpfs_mounts]
    at = {mount.mount_point: mount.device for mount in mounts}
    return list({device: place for place, device in reversed(at.items())}.values())


def _fill(place: str, what: str) -> Callable[[Sample], float | None]:
    """Bytes or inodes in use there; asked for more often than the table of mounts is read."""

    def get(sample: Sample) -> float | None:
        try:
            space = sample.host.statvfs(place)
        except (Denied, Gone, Unsupported):
            return None
        return float(space.used_bytes if what == "used_bytes" else space.files - space.free_files)

    return get


def whose(recording: Recording, used: Series) -> str:
    """What leads from a growth on tmpfs to this process, in words; empty where nothing does."""
    return next((words for other, words in _leads(recording) if alike(used, other, BATCH)), "")


def _leads(recording: Recording) -> Iterator[tuple[Series, str]]:
    """What a process does when it fills a file, and what that is called.

    Where its memory cgroup is its own, the charge there tells, and nothing else: what it writes may go elsewhere,
    and what it touches and frees is in its faults as well.
    """
    if is_alone(recording) and not _has_living_children(recording):
        words = (
            "the shmem of its memory cgroup, where it is alone, grew by as much at the same times"
        )
        yield _unmapped_shmem(recording), words
        return
    wrote = "its writes (io wchar) grew by as much at the same times"
    yield recording.collect("written", outside.written), wrote
    page = recording.header.page_bytes
    faults = recording.collect(
        "faults",
        lambda sample: float(sample.stat.minflt * page - sample.stat.rss) if sample.stat else None,
    )
    touched = (
        "it touched as many pages that are no more in its RSS (stat minflt - rss) at the same times"
    )
    yield faults, touched


def _named(recording: Recording, place: str, files: Series) -> Pattern:
    """Are as many names new in /dev/shm itself, as POSIX shared memory has them?"""
    if place != SHM_FOLDER:
        return Pattern.TMPFS
    names = recording.collect("names", _names, unit="count")
    return Pattern.SHM if names.growth > 0 and 2 * names.growth >= files.growth else Pattern.TMPFS


def _names(sample: Sample) -> float | None:
    found = [
        c for c in sample.texts.calls if (c.kind, c.path, c.error) == ("listdir", SHM_FOLDER, None)
    ]
    return float(len(found[0].result)) if found else None


def _kernel_of_inodes(recording: Recording) -> Series | None:
    """The kernel's memory of its own group, where it may be that of files: not where descriptors or children leak."""
    if not is_alone(recording) or _opens_more(recording) or _has_more_children(recording):
        return None
    return recording.collect("group kernel", _kernel_getter(recording, whole=True))


def _takes_inodes(files: Series, kernel: Series | None) -> bool:
    """Whether the kernel's memory grew as files became more, by what inodes take."""
    if kernel is None or files.growth <= 0:
        return False
    takes = kernel.growth / files.growth
    return PAGE_BYTES / 8 <= takes <= INODE_BYTES and alike(files, kernel, 1, scaled=True)


def outside_evidence(recording: Recording, account: Account) -> Iterator[str]:
    """What leads to this process, and what its own memory did meanwhile."""
    pid = recording.header.pid
    if account.source == SEGMENTS:
        yield f"each names pid {pid} as its maker (cpid), and nobody has it attached (nattch 0)"
    elif account.source == QUEUES:
        yield f"pid {pid} sent to them last (lspid): messages lie in the kernel's slabs until somebody receives them"
    elif account.source in (MOUNT, FILES):
        yield whose(recording, account.series)
    elif account.source in (GROUP_SHMEM, GROUP_KERNEL, INODES, NAMES):
        yield "its memory cgroup holds this process and its children only, so what is charged there is theirs"
    if account.source == GROUP_SHMEM and account.pattern is not None:
        yield "no tmpfs mount and no System V segment grew like that: memfds in the queue of a socket, or another's"
    resident = recording.series("statm.resident")
    if len(resident) > 1:
        yield f"the process's own RSS {format_change(resident.growth)}: no mapping shows this memory"


def outside_next(recording: Recording, account: Account) -> str:
    """Who makes them."""
    calls = {
        SEGMENTS: "shmget,shmat,shmdt,shmctl",
        QUEUES: "msgget,msgsnd,msgrcv,msgctl",
        BPF_MAPS: "bpf,close",
        MOUNT: "openat,unlink,unlinkat,ftruncate,close",
        FILES: "openat,unlink,unlinkat,ftruncate,close",
        INODES: "openat,unlink,unlinkat,close",
        NAMES: "openat,unlink,unlinkat,close",
        GROUP_SHMEM: "memfd_create,sendmsg,recvmsg,close",
        GROUP_KERNEL: "%desc,%network",
    }[account.source]
    return trace(calls).format(pid=recording.header.pid or "PID")
