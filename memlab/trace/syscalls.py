"""System calls that take memory, descriptors and the like, written down as strace writes them.

So one account (`held`) reads what strace saw and what we saw ourselves. A letter for each argument: d a number,
x an address or flags, p a descriptor with its path, s a path, v a pair of descriptors, m a message; the rest below.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

from memlab.trace import ptrace


@dataclass(frozen=True)
class Form:
    """A call: its name, its arguments, whether its stack is wanted, whether it returns a descriptor."""

    name: str
    arguments: str
    takes: bool = True
    opens: bool = False


# name: (number on x86-64, on arm64, arguments, what it does: t takes, o opens, - gives back)
_CALLS: dict[str, tuple[int | None, int | None, str, str]] = {
    "mmap": (9, 222, "xdxSpx", "t"),
    "brk": (12, 214, "x", "t"),
    "munmap": (11, 215, "xd", "-"),
    "mremap": (25, 216, "xddxx", "t"),
    "shmget": (29, 194, "ddC", "t"),
    "shmat": (30, 196, "dxx", "t"),
    "shmdt": (67, 197, "x", "-"),
    "shmctl": (31, 195, "dR", "-"),
    "memfd_create": (319, 279, "sx", "to"),
    "open": (2, None, "sO", "to"),
    "openat": (257, 56, "dsO", "to"),
    "openat2": (437, 437, "dsh", "to"),
    "creat": (85, None, "sx", "to"),
    "close": (3, 57, "d", "-"),
    "close_range": (436, 436, "ddE", "-"),
    "dup": (32, 23, "p", "to"),
    "dup2": (33, None, "pd", "to"),
    "dup3": (292, 24, "pdx", "to"),
    "fcntl": (72, 25, "pF", "to"),
    "pipe": (22, None, "v", "t"),
    "pipe2": (293, 59, "vx", "t"),
    "socket": (41, 198, "ddd", "to"),
    "socketpair": (53, 199, "dddv", "t"),
    "accept": (43, 202, "dxx", "to"),
    "accept4": (288, 242, "dxxx", "to"),
    "epoll_create": (213, None, "d", "to"),
    "epoll_create1": (291, 20, "x", "to"),
    "eventfd": (284, None, "d", "to"),
    "eventfd2": (290, 19, "dx", "to"),
    "timerfd_create": (283, 85, "dx", "to"),
    "signalfd": (282, None, "dxd", "to"),
    "signalfd4": (289, 74, "dxdx", "to"),
    "inotify_init": (253, None, "", "to"),
    "inotify_init1": (294, 26, "x", "to"),
    "fanotify_init": (300, 262, "xx", "to"),
    "pidfd_open": (434, 434, "dx", "to"),
    "io_uring_setup": (425, 425, "dx", "to"),
    "bpf": (321, 280, "dxd", "to"),
    "userfaultfd": (323, 282, "x", "to"),
    "perf_event_open": (298, 241, "xdddx", "to"),
    "memfd_secret": (447, 447, "x", "to"),
    "msgsnd": (69, 189, "dxdx", "t"),
    "msgrcv": (70, 188, "dxddx", "-"),
    "msgctl": (71, 187, "dRx", "-"),
    "sendmsg": (46, 211, "dmx", "t"),
    "recvmsg": (47, 212, "dmx", "t"),
    "write": (1, 64, "pxd", "t"),
    "pwrite64": (18, 68, "pxdd", "t"),
    "writev": (20, 66, "pxd", "t"),
    "pwritev": (296, 70, "pxdd", "t"),
    "ftruncate": (77, 46, "pd", "-"),
    "fallocate": (285, 47, "pddd", "t"),
    "unlink": (87, None, "s", "-"),
    "unlinkat": (263, 35, "dsx", "-"),
    "rename": (82, None, "ss", "-"),
    "renameat": (264, 38, "dsds", "-"),
    "renameat2": (316, 276, "dsdsx", "-"),
    "clone": (56, 220, "c", "t"),
    "clone3": (435, 435, "k", "t"),
    "fork": (57, None, "", "t"),
    "vfork": (58, None, "", "t"),
    "wait4": (61, 260, "dxxx", "-"),
    "waitid": (247, 95, "ddxx", "-"),
}
_MOST_PATH, _MOST_CONTROL = 4096, 4096
_THREAD = 0x10000  # CLONE_THREAD


def table(machine: str) -> dict[int, Form]:
    """By number, on a machine as os.uname() names it; empty on one whose numbers are not known."""
    column = {"x86_64": 0, "aarch64": 1}.get(machine)
    if column is None:
        return {}
    found = {}
    for name, call in _CALLS.items():
        number = call[column]
        if isinstance(number, int):
            found[number] = Form(name, call[2], "t" in call[3], "o" in call[3])
    return found


def written(form: Form, done: ptrace.Done, pid: int) -> str:
    """`openat(-100, "/tmp/x", 0x241 O_CREAT) = 5</tmp/x>`, while the thread stands where the call returned."""
    words = [
        _WRITTEN[letter](value, done, pid)
        for letter, value in zip(form.arguments, done.arguments, strict=False)
    ]
    value = str(done.value) if done.value < 1 << 31 else hex(done.value)
    if form.opens and done.value >= 0:
        value = _descriptor(done.value, done, pid)
    return f"{form.name}({', '.join(words)}) = {value}"


def plain(letter: str, value: int) -> str:
    """An argument by its number alone: descriptors without their paths, paths as empty strings."""
    if letter == "s":
        return '""'
    if letter in "dp":
        return str(value if value < 1 << 63 else value - (1 << 64))
    known = _BY_NUMBER.get(letter)
    return hex(value) if known is None else known(value)


def _size(value: int, *_: object) -> str:
    return str(value)


def _hex(value: int, *_: object) -> str:
    return hex(value)


def _descriptor(value: int, done: ptrace.Done, pid: int) -> str:
    number = str(value & 0xFFFFFFFF)
    try:
        path = os.readlink(f"/proc/{done.tid}/fd/{number}")
    except OSError:
        return number
    return f"{number}<{path.replace(chr(10), '?')}>"


def _path(value: int, done: ptrace.Done, pid: int) -> str:
    text = ptrace.read(pid, value, _MOST_PATH).partition(b"\0")[0]
    return json.dumps(os.fsdecode(text), ensure_ascii=True)


def _pair(value: int, done: ptrace.Done, pid: int) -> str:
    raw = ptrace.read(pid, value, 8)
    return str(list(struct.unpack("=ii", raw))) if len(raw) == 8 else "[]"


def _message(value: int, done: ptrace.Done, pid: int) -> str:
    """Of a struct msghdr the descriptors that it carries (cmsg(3), SCM_RIGHTS)."""
    raw = ptrace.read(pid, value, 48)
    if len(raw) < 48:
        return "{}"
    address, size = struct.unpack_from("=QQ", raw, 32)
    control, at, words = ptrace.read(pid, address, min(size, _MOST_CONTROL)), 0, []
    while at + 16 <= len(control):
        length, level, kind = struct.unpack_from("=Qii", control, at)
        if length < 16:
            break
        if (level, kind) == (1, 1):  # SOL_SOCKET, SCM_RIGHTS
            count = (min(at + length, len(control)) - at - 16) // 4
            numbers = ", ".join(map(str, struct.unpack_from(f"={count}i", control, at + 16)))
            words.append(f"{{cmsg_type=SCM_RIGHTS, cmsg_data=[{numbers}]}}")
        at += -(-length // 8) * 8
    return f"{{msg_control=[{', '.join(words)}]}}"


def _flag(mask: int, word: str) -> Callable[..., str]:
    return lambda value, *_: f"{value:#x} {word}" if value & mask else hex(value)


def _open_how(value: int, done: ptrace.Done, pid: int) -> str:
    raw = ptrace.read(pid, value, 8)
    return _flag(0o100, "O_CREAT")(int.from_bytes(raw, "little"), done, pid)


def _remove(value: int, *_: object) -> str:
    return "IPC_RMID" if value & 0xFF == 0 else str(value)


def _duplicate(value: int, *_: object) -> str:
    return "F_DUPFD" if value & 0xFFFFFFFF in (0, 1030) else str(value)


def _clone(value: int, done: ptrace.Done, pid: int) -> str:
    return cloned(value, done.arguments[1], 0)


def _clone3(value: int, done: ptrace.Done, pid: int) -> str:
    raw = ptrace.read(pid, value, 56)  # struct clone_args: flags, four others, stack, its size
    if len(raw) < 56:
        return ""
    flags, *_, stack, size = struct.unpack("=7Q", raw)
    return cloned(flags, stack, size)


def cloned(flags: int, stack: int, size: int) -> str:
    """The arguments of clone and clone3 that matter."""
    words = f"flags={flags:#x}" + (" CLONE_THREAD" if flags & _THREAD else "")
    return f"{words}, stack={stack:#x}" + (f", stack_size={size:#x}" if size else "")


_BY_NUMBER: dict[str, Callable[..., str]] = {
    "S": _flag(0x20000, "MAP_STACK"),
    "O": _flag(0o100, "O_CREAT"),
    "C": _flag(0o1000, "IPC_CREAT"),
    "E": _flag(4, "CLOSE_RANGE_CLOEXEC"),
    "R": _remove,
    "F": _duplicate,
}
_WRITTEN: dict[str, Callable[[int, ptrace.Done, int], str]] = {
    "d": _size,
    "x": _hex,
    "p": _descriptor,
    "s": _path,
    "v": _pair,
    "m": _message,
    "h": _open_how,
    "c": _clone,
    "k": _clone3,
    **_BY_NUMBER,
}
