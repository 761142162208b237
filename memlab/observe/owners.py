"""Gathers who holds shared memory: tmpfs files, SysV segments, and every process's fds and mappings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.owners import (
    Filesystem,
    Gathered,
    MappedFile,
    ObjectKind,
    Owners,
    Seen,
    hidden_kind,
    owners,
)
from memlab.observe.processes import pids
from memlab.observe.tmpfs import filesystems
from memlab.procfs import fd, maps, meminfo, smaps, stat, status, sysvipc_shm
from memlab.procfs.fd import Fd
from memlab.procfs.host import FileStat, Host
from memlab.procfs.maps import Mapping
from memlab.procfs.privilege import needed
from memlab.procfs.sysvipc_shm import Segment
from memlab.units import PAGE_BYTES, format_bytes

MOST_FILES = 100_000  # of all tmpfs mounts together; about 20 us each
MOST_FDS = 4096  # of one process


def look(host: Host, most_files: int = MOST_FILES, most_fds: int = MOST_FDS) -> Owners:
    """Gather, and put together. What a bound or a refusal kept from us stands in `.remarks`."""
    return owners(gather(host, most_files, most_fds))


def gather(host: Host, most_files: int = MOST_FILES, most_fds: int = MOST_FDS) -> Gathered:
    """All shmem that we may see. Reads maps and fd of every process; smaps only of those whose
    mappings have no other size (map_files is for root).

    A thread with a descriptor table of its own (unshare, CLONE_FILES) is not looked into.
    """
    everybody = pids(host)
    systems = filesystems(host, everybody, most_files)
    search = _Search(host, systems, most_fds)
    for pid in everybody:
        search.ask(pid)
    processes = search.processes()
    machine = meminfo.read(host)
    segments, remarks = _segments(host, search.huge)
    return Gathered(
        filesystems=systems,
        processes=processes,
        segments=segments,
        hidden=frozenset(search.hidden),
        ipc=_link(host, "/proc/self/ns/ipc"),
        shmem=machine.shmem,
        swap_used=(machine.swap_total or 0) - (machine.swap_free or 0),
        remarks=(*remarks, *search.remarks(), *_of_mounts(systems)),
    )


def _segments(host: Host, huge: set[int]) -> tuple[tuple[Segment, ...], list[str]]:
    """Those of our IPC namespace but for those of huge pages, which are no shmem."""
    try:
        return tuple(s for s in sysvipc_shm.read(host) if s.shmid not in huge), []
    except MemlabError as error:
        return (), [f"SysV segments were not seen: {error}"]


def _of_mounts(systems: Iterable[Filesystem]) -> list[str]:
    said = []
    denied = sum(system.denied for system in systems)
    if denied:
        said.append(
            f"folders on tmpfs that may not be read: {denied}; run as root to see their files"
        )
    cut = [system.place for system in systems if system.cut]
    if cut:
        said.append(f"the walk was cut in {', '.join(cut)}: too many files")
    hidden = [system.place for system in systems if system.hidden]
    if hidden:
        said.append(f"another mount hides, or forbids, the tmpfs at {', '.join(hidden)}")
    return said


def _link(host: Host, path: str) -> str:
    try:
        return host.readlink(path)
    except MemlabError:
        return ""


class _Search:
    """One pass over the processes, and what they have of shmem."""

    def __init__(self, host: Host, systems: tuple[Filesystem, ...], most_fds: int) -> None:
        self._host, self._most_fds = host, most_fds
        self._mounted = {system.device for system in systems}
        self._sizes: dict[tuple[str, str, int], FileStat | None] = {
            ("", found.stat.device, found.stat.inode): found.stat
            for system in systems
            for found in system.files
        }
        self._is_shmem: dict[str, bool] = {}
        self._guessed: set[str] = set()
        self._denied = self._denied_shmem = self._cut = 0
        self._found: list[tuple[int, str, str, tuple[Fd, ...], tuple[Mapping, ...]]] = []
        self.huge: set[int] = set()  # shmids of segments of huge pages

    @property
    def hidden(self) -> set[str]:
        """The devices of the kernel's hidden mount that were met."""
        sure = {device for device, is_shmem in self._is_shmem.items() if is_shmem}
        return sure | (self._guessed - self._is_shmem.keys())

    def remarks(self) -> list[str]:
        """What was kept from us."""
        said = []
        if self._denied:
            said.append(
                f"processes that may not be read: {self._denied}, which map up to "
                f"{format_bytes(self._denied_shmem)} of shmem (RssShmem); {needed('CAP_SYS_PTRACE')}"
            )
        if self._cut:
            said.append(
                f"processes of which only the first {self._most_fds} descriptors were read: {self._cut}"
            )
        return said

    def ask(self, pid: int) -> None:
        """Read one process; a refusal is counted, an end is none of our business."""
        host = self._host
        try:
            mappings = maps.read(host, pid)
            fds = fd.read(host, pid, limit=self._most_fds) if mappings else ()
            comm = stat.read(host, pid).comm if mappings else ""
        except Denied:
            # a kernel thread's maps are denied to an ordinary user, and it holds nothing
            self._count_denied(pid)
            return
        except (Gone, Unsupported):
            return
        self._cut += len(fds) >= self._most_fds
        for one in fds:
            self._learn(
                one.stat.device if one.stat else "", one.target, f"/proc/{pid}/fd/{one.number}"
            )
        for one_mapping in mappings:
            self._learn(one_mapping.device, one_mapping.name, _map_file(pid, one_mapping))
        self._found.append((pid, comm, _link(host, f"/proc/{pid}/ns/ipc"), fds, mappings))

    def _count_denied(self, pid: int) -> None:
        """What everybody may know of a process: its status."""
        try:
            known = status.read(self._host, pid)
        except MemlabError:
            return
        if known.vm_size is not None:
            self._denied += 1
            self._denied_shmem += known.rss_shmem or 0

    def _learn(self, device: str, name: str, path: str) -> None:
        """Whether a device that no mount shows is the hidden mount of shmem, or that of huge pages.

        Both hold memfds and SysV segments; the block of hugetlbfs is a huge page. Where we may not ask, it
        is taken for shmem: its pages would count as 0 in Pss then (fs/proc/task_mmu.c).
        """
        if device in self._mounted or device in self._is_shmem or hidden_kind(name) is None:
            return
        if not device.startswith("0:"):
            return  # a disk: the kernel's own mounts have no major number
        try:
            self._is_shmem[device] = self._host.statvfs(path).block_bytes == PAGE_BYTES
        except Denied:
            self._guessed.add(device)
        except MemlabError:
            pass  # it closed: the next one tells

    def processes(self) -> tuple[Seen, ...]:
        """What each has of shmem, once all devices are known."""
        shmem = self._mounted | self.hidden
        seen = []
        for pid, comm, ipc, fds, mappings in self._found:
            held = tuple(one for one in fds if one.stat and one.stat.device in shmem)
            for one in held:
                assert one.stat is not None
                self._sizes.setdefault(
                    _key(one.stat.device, one.stat.inode, one.target, ipc), one.stat
                )
            mine = tuple(m for m in mappings if m.inode and m.device in shmem)
            self._note_huge(mappings, ipc)
            if held or mine:
                seen.append(Seen(pid, comm, ipc, held, tuple(MappedFile(m, None) for m in mine)))
        return tuple(self._sized(one) for one in seen)

    def _note_huge(self, mappings: Iterable[Mapping], ipc: str) -> None:
        for mapping in mappings:
            known = self._is_shmem.get(mapping.device)
            if known is False and hidden_kind(mapping.name) is ObjectKind.SYSV:
                self.huge.add(mapping.inode)

    def _sized(self, seen: Seen) -> Seen:
        """With the stat of each mapped file, or with Pss where that is not to be had."""
        mappings = [
            replace(m, stat=self._size(seen.pid, m.mapping, seen.ipc)) for m in seen.mappings
        ]
        if any(m.stat is None for m in mappings):
            shares = self._shares(seen.pid)
            mappings = [
                m if m.stat else replace(m, pss=shares.get(m.mapping.start)) for m in mappings
            ]
        return replace(seen, mappings=tuple(mappings))

    def _size(self, pid: int, mapping: Mapping, ipc: str) -> FileStat | None:
        key = _key(mapping.device, mapping.inode, mapping.name, ipc)
        if self._sizes.get(key) is None:
            try:
                self._sizes[key] = self._host.stat(_map_file(pid, mapping))
            except MemlabError:
                return None
        return self._sizes[key]

    def _shares(self, pid: int) -> dict[int, int]:
        """Pss of the shared mappings, by address; private ones have copies in it."""
        try:
            found = smaps.read(self._host, pid)
        except MemlabError:
            return {}
        sizes = found.column("pss").tolist()
        rows = zip(found.start.tolist(), found.perms, sizes, strict=True)
        return {start: size for start, perms, size in rows if perms.endswith("s")}


def _map_file(pid: int, mapping: Mapping) -> str:
    return f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"


def _key(device: str, inode: int, name: str, ipc: str) -> tuple[str, str, int]:
    """As in the model: the inode of a SysV segment is its shmid, and may be a memfd's too."""
    sysv = hidden_kind(name) is ObjectKind.SYSV
    return ("sysv:" + ipc, "", inode) if sysv else ("", device, inode)
