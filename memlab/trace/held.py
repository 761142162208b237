"""What calls took and did not give back: mappings, threads' stacks, descriptors, segments, files, children.

A pure account of a log of strace; `standing` then holds it against the kernel's own files.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from memlab.model.stacks import Of
from memlab.model.strace_lines import END, Call
from memlab.units import PAGE_BYTES

_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")
_PATH = re.compile(r"^-?\w+<(.*)>(?:\(deleted\))?$", re.DOTALL)
_PAIR = re.compile(r"(?:^\[|, )(\d+)")
_STACK_AT = re.compile(r"\b(?:child_)?stack=(0x[0-9a-f]+)(?:, stack_size=(0x[0-9a-f]+|\d+))?")
_MAKES_DESCRIPTOR = frozenset(
    (
        *("open", "openat", "openat2", "creat", "socket", "accept", "accept4", "memfd_create"),
        *("epoll_create", "epoll_create1", "eventfd", "eventfd2", "timerfd_create", "signalfd4"),
        *("inotify_init", "inotify_init1", "dup", "pidfd_open", "io_uring_setup", "bpf"),
        *("userfaultfd", "memfd_secret", "perf_event_open", "fanotify_init", "signalfd"),
    )
)
_RIGHTS = re.compile(r"SCM_RIGHTS, cmsg_data=\[([^\]]*)\]")
_WRITES = {"write": 2, "pwrite64": 2, "writev": None, "pwritev": None}


@dataclass
class Held:
    """One thing that was taken: what, its bytes, when (seconds), by which stack (strace's lines), and its name.

    thread: the thread whose stack it is.
    """

    of: Of
    bytes: int
    when: float | None
    frames: tuple[str, ...]
    name: str = ""
    thread: int | None = None


def number(word: str) -> int | None:
    """The number at the beginning of an argument: `3</etc/passwd>` is 3, `NULL` is 0."""
    if word == "NULL":
        return 0
    found = _NUMBER.match(word)
    return int(found[0], 0) if found else None


class Ranges:
    """Address ranges that do not overlap; taking a part out splits one."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._held: dict[int, tuple[int, Held]] = {}

    def add(self, start: int, size: int, held: Held) -> None:
        """One more; what was there is replaced, as MAP_FIXED does."""
        self.remove(start, size)
        self._starts.insert(bisect_left(self._starts, start), start)
        self._held[start] = size, held

    def remove(self, start: int, size: int) -> None:
        """All that lies in this range."""
        at = max(0, bisect_left(self._starts, start) - 1)
        while at < len(self._starts) and (first := self._starts[at]) < start + size:
            long, held = self._held[first]
            if first + long <= start:
                at += 1
                continue
            del self._starts[at], self._held[first]
            for low, high in ((first, start), (start + size, first + long)):
                if high > low:
                    self._starts.insert(at, low)
                    self._held[low] = high - low, replace(held, bytes=high - low)
                    at += 1

    def at(self, address: int) -> Held | None:
        """Whose range holds this address."""
        at = bisect_left(self._starts, address + 1) - 1
        if at < 0:
            return None
        size, held = self._held[self._starts[at]]
        return held if address < self._starts[at] + size else None

    def size(self, start: int) -> int | None:
        """Of the range that begins here."""
        return self._held[start][0] if start in self._held else None

    def __iter__(self) -> Iterator[tuple[int, int, Held]]:
        """(start, bytes, whose)."""
        for start in self._starts:
            yield start, *self._held[start]


@dataclass
class Account:
    """What one process holds of what it took while it was watched.

    on_tmpfs: whether a path is memory. segments_before: System V segments that were there already.
    cwd: for names that are not whole. parked: files that were sent through a socket, oldest first; written: bytes,
    by descriptor, into files of memory without a path. brk: where the heap ended at first, and now; brk_stacks: who
    moved it up.
    """

    pid: int
    on_tmpfs: Callable[[str], bool] = lambda path: False
    segments_before: frozenset[int] = frozenset()
    cwd: str = "/"
    mappings: Ranges = field(default_factory=Ranges)
    descriptors: dict[int, Held] = field(default_factory=dict)
    segments: dict[int, Held] = field(default_factory=dict)
    files: dict[str, list[Held]] = field(default_factory=dict)
    messages: dict[int, list[Held]] = field(default_factory=dict)
    children: dict[int, Held] = field(default_factory=dict)
    parked: list[Held] = field(default_factory=list)
    written: Counter[int] = field(default_factory=Counter)
    ended: set[int] = field(default_factory=set)
    brk: tuple[int, int] | None = None
    brk_stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)
    brk_moves: int = 0
    calls: int = 0
    execs: int = 0
    without_stack: Counter[str] = field(default_factory=Counter)

    def take(self, call: Call) -> None:
        """One call of a thread of this process."""
        if call.name == END:
            if call.pid is not None:
                self.ended.add(call.pid)
            return
        value = call.value
        self.calls += 1
        if value is None or value < 0:
            return
        if not call.frames:
            self.without_stack[call.name] += 1
        for able in (
            *(self._memory, self._threads, self._descriptors, self._ipc, self._contents),
            self._sent,
        ):
            if able(call, call.words, value):
                return

    def _new(self, of: Of, size: int, call: Call, name: str = "") -> Held:
        when = float(call.time) if call.time and ":" not in call.time else None
        return Held(of, size, when, tuple(call.frames), name)

    def _memory(self, call: Call, words: list[str], value: int) -> bool:
        if call.name in ("mmap", "mmap2") and len(words) >= 5:
            size = _pages(number(words[1]) or 0)
            of = Of.THREAD if "MAP_STACK" in words[3] else Of.MAPPING
            self.mappings.add(value, size, self._new(of, size, call, _path(words[4])))
        elif call.name == "munmap" and len(words) >= 2:
            self.mappings.remove(number(words[0]) or 0, _pages(number(words[1]) or 0))
        elif call.name == "mremap" and len(words) >= 3:
            self._moved(call, words, value)
        elif call.name == "brk":
            before = self.brk[1] if self.brk else value
            if value > before:
                self.brk_moves += 1
                self.brk_stacks[tuple(call.frames)] += value - before
            self.brk = (self.brk[0] if self.brk else value, value)
        elif call.name in ("execve", "execveat"):
            self.mappings, self.brk, self.execs = Ranges(), None, self.execs + 1
        else:
            return False
        return True

    def _moved(self, call: Call, words: list[str], value: int) -> None:
        """What was known goes on under the stack that made it longer; of what was not, the new part."""
        old, before, now = (number(word) or 0 for word in words[:3])
        before, now = _pages(before), _pages(now)
        known = self.mappings.at(old) is not None
        self.mappings.remove(old, before)
        start = value if known else value + before
        if (size := now if known else now - before) > 0:
            self.mappings.add(start, size, self._new(Of.MAPPING, size, call))

    def _threads(self, call: Call, _words: list[str], value: int) -> bool:
        if call.name in ("wait4", "waitid"):
            self.children.pop(value, None)
        elif call.name not in ("clone", "clone3", "fork", "vfork"):
            return False
        elif "CLONE_THREAD" not in call.arguments:
            self.children[value] = self._new(Of.PROCESS, 0, call)
        elif stack := _STACK_AT.search(call.arguments):
            # clone3 names its low end and size, clone the end where it begins to grow down
            address = int(stack[1], 16)
            held = self.mappings.at(address if stack[2] else address - 1)
            self.ended.discard(value)
            if held is not None:
                held.of, held.thread = Of.THREAD, value
        return True

    def _descriptors(self, call: Call, words: list[str], value: int) -> bool:
        if call.name in _MAKES_DESCRIPTOR:
            path = _path(call.arguments.rpartition("= ")[2].strip())
            self._opened(value, call, path)
            if call.name.startswith(("open", "creat")) and path and self._is_made(call):
                self.files[path] = [self._new(Of.FILE, 0, call, path)]
        elif call.name in ("pipe", "pipe2", "socketpair"):
            pair = words[0] if call.name.startswith("pipe") else words[-1]
            for descriptor in _PAIR.findall(pair):
                self._opened(int(descriptor), call)
        elif call.name in ("dup2", "dup3"):
            self._opened(value, call, _path(words[0]))
        elif call.name == "fcntl":
            if "F_DUPFD" in call.arguments:
                self._opened(value, call, _path(words[0]))
        elif call.name == "close":
            self.descriptors.pop(number(words[0]) or 0, None)
        elif call.name == "close_range":
            first, last = number(words[0]) or 0, number(words[1]) or 0
            for descriptor in [one for one in self.descriptors if first <= one <= last]:
                if "CLOEXEC" not in words[2]:
                    del self.descriptors[descriptor]
        else:
            return False
        return True

    def _opened(self, descriptor: int, call: Call, path: str = "") -> None:
        self.written.pop(descriptor, None)
        self.descriptors[descriptor] = self._new(Of.DESCRIPTOR, 0, call, path)

    def _is_made(self, call: Call) -> bool:
        path = _path(call.arguments.rpartition("= ")[2].strip())
        creates = call.name == "creat" or "O_CREAT" in call.arguments
        return creates and path not in self.files and self.on_tmpfs(path)

    def _ipc(self, call: Call, words: list[str], value: int) -> bool:
        if call.name == "shmget":
            if "IPC_CREAT" in words[2] and value not in self.segments_before | set(self.segments):
                size = _pages(number(words[1]) or 0)
                self.segments[value] = self._new(Of.SEGMENT, size, call)
        elif call.name == "shmat":
            made = number(words[0]) in self.segments  # then its bytes stand there
            self.mappings.add(value, 1, self._new(Of.MAPPING, 0 if made else -1, call, "shm"))
        elif call.name == "shmdt":
            self.mappings.remove(number(words[0]) or 0, 1)
        elif call.name == "shmctl":
            if "IPC_RMID" in words[1]:
                self.segments.pop(number(words[0]) or 0, None)
        elif call.name == "msgsnd":
            queue = self.messages.setdefault(number(words[0]) or 0, [])
            queue.append(self._new(Of.MESSAGE, number(words[2]) or 0, call))
        elif call.name == "msgrcv":
            queue = self.messages.get(number(words[0]) or 0, [])
            del queue[:1]
        elif call.name == "msgctl":
            if "IPC_RMID" in words[1]:
                self.messages.pop(number(words[0]) or 0, None)
        else:
            return False
        return True

    def _contents(self, call: Call, words: list[str], value: int) -> bool:
        """Bytes in files that are memory: of who made the file; of who writes, where it was there before."""
        path = _path(words[0])
        if call.name in _WRITES and path and self.on_tmpfs(path):
            self._grown(path, value, call)
        elif call.name in _WRITES and path.startswith("/memfd:"):
            self.written[number(words[0]) or 0] += value
        elif call.name == "fallocate" and path and self.on_tmpfs(path):
            self._grown(path, number(words[3]) or 0, call)
        elif call.name == "ftruncate" and path in self.files and number(words[1]) == 0:
            for one in self.files[path]:
                one.bytes = 0
        elif call.name in ("unlink", "unlinkat"):
            self.files.pop(self._whole(words[0 if call.name == "unlink" else 1]), None)
        elif call.name.startswith("rename"):
            old, new = (words[0], words[1]) if call.name == "rename" else (words[1], words[3])
            if (moved := self.files.pop(self._whole(old), None)) is not None:
                self.files[self._whole(new)] = moved
        else:
            return False
        return True

    def _sent(self, call: Call, _words: list[str], _value: int) -> bool:
        """What is sent lives in the queue of the socket, also when its descriptor is closed, until it is received."""
        if call.name not in ("sendmsg", "recvmsg"):
            return False
        for group in _RIGHTS.findall(call.arguments):
            for descriptor in map(int, re.findall(r"(?:^|, )(\d+)", group)):
                if call.name == "sendmsg":
                    size = self.written[descriptor]
                    self.parked.append(self._new(Of.FILE, size, call, f"parked {descriptor}"))
                else:
                    self._opened(descriptor, call)
                    del self.parked[:1]
        return True

    def _grown(self, path: str, size: int, call: Call) -> None:
        parts = self.files.setdefault(path, [])
        mine = (part for part in parts if part.name or part.frames == tuple(call.frames))
        if (part := next(mine, None)) is not None:
            part.bytes += size
        else:
            parts.append(self._new(Of.FILE, size, call))

    def _whole(self, word: str) -> str:
        return os.path.join(self.cwd, word.strip('"'))


def _pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def _path(word: str) -> str:
    """The path that -y adds to a descriptor; "" where there is none."""
    found = _PATH.match(word)
    return found[1] if found else ""


def foreign(calls: Iterable[Call]) -> frozenset[int]:
    """The threads that are of other processes: forked while it was watched, and all that these started."""
    parents: dict[int, tuple[int | None, bool]] = {}
    for call in calls:
        if call.name in ("clone", "clone3", "fork", "vfork") and (call.value or 0) > 0:
            assert call.value is not None
            parents[call.value] = call.pid, "CLONE_THREAD" in call.arguments
    found: set[int] = set()
    for child in parents:
        at: int | None = child
        seen: set[int] = set()
        while at in parents and at not in seen:
            seen.add(at)
            parent, is_thread = parents[at]
            if not is_thread or parent in found:
                found.add(child)
                break
            at = parent
    return frozenset(found)
