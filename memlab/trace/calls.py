"""Which system calls are followed for a pattern, and what comes of a log of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from memlab.errors import Gone, MemlabError
from memlab.model import strace_lines
from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Growth, Of, Stack, summed
from memlab.model.strace_lines import Call
from memlab.procfs.host import Host
from memlab.trace import spool, standing
from memlab.trace.held import Account, foreign
from memlab.trace.watch import Watch
from memlab.units import counted

_MEMORY = "mmap mmap2 munmap mremap shmget shmat shmdt shmctl memfd_create close ftruncate"
_THREADS = "clone clone3 fork vfork execve"
_DESCRIPTORS = (
    "open openat openat2 creat close close_range dup dup2 dup3 fcntl pipe pipe2 socket socketpair accept"
    " accept4 memfd_create epoll_create epoll_create1 eventfd eventfd2 timerfd_create signalfd4 inotify_init"
    " inotify_init1 pidfd_open io_uring_setup bpf userfaultfd perf_event_open"
)
_FILES = "write pwrite64 writev ftruncate fallocate unlink unlinkat rename renameat renameat2"
_MESSAGES = "msgget msgsnd msgrcv msgctl"
_SENT = "sendmsg recvmsg"
_CHILDREN = "wait4 waitid"
_BY_PATTERN: dict[Pattern | None, tuple[str, ...]] = {
    None: (_MEMORY, _DESCRIPTORS, _MESSAGES, _CHILDREN),
    Pattern.FD: (_DESCRIPTORS,),
    Pattern.MEMFD: (_MEMORY, _DESCRIPTORS, _FILES, _SENT),
    Pattern.SHM: (_MEMORY, _DESCRIPTORS, _FILES),
    Pattern.TMPFS: (_MEMORY, _DESCRIPTORS, _FILES),
    Pattern.KERNEL: (_DESCRIPTORS, _FILES, _MESSAGES),
    Pattern.PROCESS: (_CHILDREN,),
}


def of(pattern: Pattern | None) -> list[str]:
    """The calls that are followed for a pattern, those of all machines."""
    return sorted(set(" ".join((*_BY_PATTERN.get(pattern, (_MEMORY,)), _THREADS)).split()))


class Tracer(Protocol):
    """Follows a process for its time and writes its calls into `log`: (for how many seconds, what went wrong).

    looks: at which the log begins and ends, of one that takes its time to get in and to let go.
    """

    @property
    def looks(self) -> Sequence[standing.Standing]:
        """None of them: it comes and goes at once."""

    def run(self, pid: int, watch: Watch, log: TextIO) -> tuple[float, list[str]]:
        """Attach, follow, let go."""


@dataclass(frozen=True)
class Seen:
    """What a tracer of calls wrote, held against the kernel's own files after it has let go."""

    account: Account
    joined: standing.Joined
    before: standing.Standing
    now: standing.Standing
    seconds: float
    ended_at: float
    _early: list[str]

    def stacks(self, frames: Callable[[tuple[str, ...]], tuple[Frame, ...]]) -> tuple[Stack, ...]:
        """Biggest first; those whose stack is not known come last. frames: from the lines of the log."""
        found = summed(
            (
                frames(one.frames),
                one.of,
                one.bytes,
                None if one.when is None else max(0.0, self.ended_at - one.when),
            )
            for one in self.joined.held
        )
        return tuple(sorted(found, key=lambda stack: not stack.frames))

    def growth(self, stacks: tuple[Stack, ...]) -> Growth | None:
        """What grew meanwhile, in the account that counts what the first stack holds."""
        return standing.growth(self.before, self.now, stacks[0].of if stacks else Of.MAPPING)

    @property
    def lost(self) -> list[str]:
        """What was not seen, in sentences."""
        said = self._early + self.joined.lost
        if self.account.execs:
            said.append("it called exec while it was traced: what it held before is gone")
        return said

    def doubts(self) -> list[str]:
        """On threads, whose stacks are kept for several reasons."""
        unjoined = self.joined.unjoined
        if not unjoined:
            return []
        return [
            f"{counted(unjoined, 'thread')} ended and the stack is still mapped: never joined, or kept by the C "
            "library for the next thread (a cache that stays level)"
        ]


def watched(pid: int, watch: Watch, tracer: Callable[[TextIO], Tracer]) -> Seen:
    """Run a tracer that writes its log into the file that it is made with. Gone where the process ends."""
    host = Host()
    before = standing.look(pid, host)
    with spool.open_spool() as log:
        follows = tracer(log)
        seconds, early = follows.run(pid, watch, log)
        ended_at = time.time()
        try:
            now = standing.look(pid, host)
        except MemlabError:
            raise Gone(f"process {pid} ended while it was traced") from None
        if follows.looks:
            before, now = follows.looks
        log.seek(0)
        account = _account(pid, before, log)
    joined = standing.join(account, now, host)
    return Seen(account, joined, before, now, seconds, ended_at, early)


def _account(pid: int, before: standing.Standing, lines: Iterable[str]) -> Account:
    account = Account(pid, before.on_tmpfs, frozenset(before.segments), before.cwd)
    heap = next((one.end for one in before.mappings if one.name == "[heap]"), None)
    account.brk = None if heap is None else (heap, heap)
    calls: list[Call] = list(strace_lines.read(lines))
    others = foreign(calls)
    for call in calls:
        if call.pid not in others:
            account.take(call)
    return account
