"""/proc/PID/task: the threads of a process (fs/proc/base.c, proc_task_readdir; proc.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Gone, Malformed, Unsupported
from memlab.procfs import comm, stat, syscall
from memlab.procfs.host import Host
from memlab.procfs.stat import Stat
from memlab.procfs.syscall import Syscall


@dataclass(frozen=True)
class Task:
    """One thread. comm: its name, byte for byte; stat: as of a process, but state, minflt,
    majflt, utime and stime are its own; syscall: where it waits, None to who may not attach.
    """

    tid: int
    comm: str
    stat: Stat
    syscall: Syscall | None

    @property
    def sp(self) -> int | None:
        """The stack pointer: the mapping that holds it is this thread's stack.

        None while it runs, where it may not be asked, and for a kernel thread.
        """
        return (self.syscall.sp or None) if self.syscall else None


def tids(host: Host, pid: int | str) -> tuple[int, ...]:
    """The numbers of all threads; may be read of every process."""
    names = host.listdir(f"/proc/{pid}/task")
    return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit()))


def read(host: Host, pid: int | str, limit: int | None = None) -> tuple[Task, ...]:
    """The threads by number, the first `limit` of them; one that ends meanwhile is left out.

    Costs three files a thread. Raises Gone where the process has ended.
    """
    found = []
    for tid in tids(host, pid)[:limit]:
        path = f"/proc/{pid}/task/{tid}/stat"
        try:
            name, line = comm.read(host, pid, tid), stat.parse(host.read(path), path)
        except (Gone, Unsupported):
            continue
        found.append(Task(tid, name, line, _syscall(host, pid, tid)))
    return tuple(found)


def children(host: Host, pid: int | str, limit: int | None = None) -> tuple[int, ...]:
    """The processes that its first `limit` threads started, as far as nobody has waited for them.

    fs/proc/array.c, children_seq_show; may be read of every process, costs a file a thread.
    Unsupported where the kernel has no CONFIG_PROC_CHILDREN.
    """
    found: list[int] = []
    for tid in tids(host, pid)[:limit]:
        try:
            found += children_of(host, pid, tid)
        except Unsupported:
            if str(tid) == str(pid):
                raise
            continue  # a thread that has ended
    return tuple(sorted(found))


def children_of(host: Host, pid: int | str, tid: int | str) -> tuple[int, ...]:
    """As `children`, of one thread."""
    path = f"/proc/{pid}/task/{tid}/children"
    words = host.read(path).split()
    if not all(word.isdigit() for word in words):
        raise Malformed(path, 1, b" ".join(words).decode(errors="replace"), "lists no processes")
    return tuple(map(int, words))


def _syscall(host: Host, pid: int | str, tid: int) -> Syscall | None:
    try:
        return syscall.read(host, pid, tid)
    except (Denied, Gone, Unsupported):
        return None
