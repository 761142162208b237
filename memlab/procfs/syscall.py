"""/proc/PID/syscall and task/TID/syscall: what a thread asked of the kernel, and its stack pointer
(fs/proc/base.c, proc_pid_syscall; proc.rst; syscalls(2) by number in asm/unistd.h).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import only_line
from memlab.procfs.host import Host

_LINE = re.compile(r"(-?[0-9]{1,9})((?: 0x[0-9a-f]{1,16}){2}|(?: 0x[0-9a-f]{1,16}){8})")


@dataclass(frozen=True)
class Syscall:
    """What a thread waits in. A running one has no fixed place: all are None then.

    number: of the system call, -1 where it waits outside one (a page fault); args: its six
    arguments, () outside one; sp, pc: its stack and instruction pointer in the program. A kernel
    thread has no program: number 0 and zeros.
    """

    number: int | None
    args: tuple[int, ...]
    sp: int | None
    pc: int | None

    @property
    def running(self) -> bool:
        """Whether it was on a CPU, or about to be."""
        return self.number is None


def parse(text: bytes, path: str = "syscall") -> Syscall:
    """`running`, or `number args… sp pc` without args where the number is -1."""
    line = only_line(text, path)
    if line == "running":
        return Syscall(None, (), None, None)
    match = _LINE.fullmatch(line)
    words = [int(word, 16) for word in match[2].split()] if match else []
    if match is None or (len(words) == 2) != match[1].startswith("-"):
        raise Malformed(path, 1, line, "is no system call, or is cut")
    *args, sp, pc = words
    return Syscall(int(match[1]), tuple(args), sp, pc)


def read(host: Host, pid: int | str, tid: int | str | None = None) -> Syscall:
    """Of a process's first thread, or of `tid`; Denied to who may not attach to it."""
    path = f"/proc/{pid}/syscall" if tid is None else f"/proc/{pid}/task/{tid}/syscall"
    return parse(host.read(path), path)
