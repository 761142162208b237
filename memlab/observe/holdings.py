"""What every process holds in the kernel, at a pace: threads, children, page tables, numbers of descriptors.

Two calls and a short text a process. Of those in which nothing moved, as of nearly all of a machine's, nothing is
kept: `model.holdings` puts the looks together again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from memlab.errors import MemlabError
from memlab.observe.many import MAX_PROCESSES
from memlab.observe.pace import Pace
from memlab.observe.processes import pids
from memlab.procfs import fd
from memlab.procfs.answers import Call
from memlab.procfs.host import Host, Tee

_ZOMBIE = b"\nState:\tZ"
_KTHREADD = b"\nPPid:\t2"


class Holdings:
    """Looks at everybody, no more often than `least` seconds, and for no more than `share` of a core.

    Of more than MAX_PROCESSES the first are looked at.
    `descriptors` is how many each has open by the last look, `gained` how many more than at its first; processes of
    which that may not be known are in neither, and we ourselves are not.
    """

    def __init__(self, host: Host, share: float, least: float) -> None:
        self._host = host
        self._pace = Pace(share, least)
        self._words: dict[int, tuple[bytes, ...]] = {}
        self._threads_of_the_kernel: set[int] = set()
        self._first: dict[int, int] = {}
        self.descriptors: dict[int, int] = {}
        self._tells_numbers = _size_of_own(host) > 0

    def due(self, now: float) -> bool:
        """Whether it is time for another look."""
        return self._pace.due(now)

    @property
    def gained(self) -> dict[int, int]:
        """Descriptors more than at the first look at each."""
        return {pid: count - self._first[pid] for pid, count in self.descriptors.items()}

    def look(self, tee: Tee) -> None:
        """Read them all, keep what moved."""
        cpu, first = time.thread_time(), not self._words
        everybody = pids(tee)[:MAX_PROCESSES]
        there = set(everybody)
        self._threads_of_the_kernel &= there
        for known in (self._words, self._first, self.descriptors):
            for pid in known.keys() - there:
                del known[pid]
        for pid, text in self._texts(
            [p for p in everybody if p not in self._threads_of_the_kernel]
        ):
            words = _words_of(text)
            if self._words.get(pid) != words:
                self._words[pid] = words
                tee.texts.files[f"/proc/{pid}/status"] = text
            if _is_kernel_thread(words):
                self._threads_of_the_kernel.add(
                    pid
                )  # it was noted that it is there: nothing else of it moves
            elif pid != os.getpid():  # watching opens files
                self._count(tee, pid)
        if not first:  # that is start-up
            self._pace.done(time.monotonic(), time.thread_time() - cpu)

    def _texts(self, everybody: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        asked = self._host.read_each(f"/proc/{pid}/status" for pid in everybody)
        for pid, text in zip(everybody, asked, strict=True):
            if isinstance(text, bytes):
                yield pid, text

    def _count(self, tee: Tee, pid: int) -> None:
        """The kernel's own count (Linux 6.2), else that of the names, which we may not see of others' processes."""
        path = f"/proc/{pid}/fd"
        try:
            answer = self._host.stat(path)
            count = answer.size_bytes if self._tells_numbers else len(fd.numbers(self._host, pid))
        except MemlabError:
            return
        if self.descriptors.get(pid) != count:
            self.descriptors[pid] = count
            self._first.setdefault(pid, count)
            tee.texts.calls.append(Call("stat", path, {**vars(answer), "size_bytes": count}))


def _size_of_own(host: Host) -> int:
    try:
        return host.stat("/proc/self/fd").size_bytes
    except MemlabError:
        return 0


def _words_of(text: bytes) -> tuple[bytes, ...]:
    """The lines that count, and whether it has ended; the name comes first. By where they stand: this is done most."""
    parent = text.find(b"\nPPid:")
    threads = text.find(b"\nThreads:", parent)
    tables = text.find(b"\nVmPTE:", parent, threads)
    return (
        text[: text.find(b"\n")],
        _ZOMBIE if text.find(_ZOMBIE, 0, parent) > 0 else b"",
        text[parent : text.find(b"\n", parent + 1)],
        text[threads : text.find(b"\n", threads + 1)],
        # VmPMD, where there is one, comes next and has no line end behind it that moves
        text[tables : text.find(b"\nVmSwap:", tables)] if tables > 0 else b"",
    )


def _is_kernel_thread(words: tuple[bytes, ...]) -> bool:
    """A child of kthreadd has neither memory nor descriptors."""
    return words[2] == _KTHREADD
