"""Stops a process at each of its system calls, so that it can be looked at there (ptrace(2), PTRACE_SEIZE).

Nothing is written into the process, and PTRACE_O_EXITKILL is not asked for: when the tracer ends, in order or
killed, the kernel lets the process go and it runs on (kernel/ptrace.c, exit_ptrace). Its children are not followed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CONT_TO_CALL, _SEIZE, _INTERRUPT, _LISTEN, _CALL_INFO = 24, 0x4206, 0x4207, 0x4208, 0x420E
_TRACE_CALLS, _TRACE_THREADS, _TRACE_EXEC = 0x01, 0x08, 0x10  # PTRACE_O_TRACESYSGOOD, CLONE, EXEC
_EVENT_EXEC, _EVENT_STOP = 4, 128
_ALL_CHILDREN = 0x40000000  # __WALL: threads are no children to wait(2)
_GROUP_STOPS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_ENTRY, _EXIT = 1, 2
_INFO = struct.Struct("=B3xIQQ7Q")  # struct ptrace_syscall_info up to the arguments
_RESULT = struct.Struct("=qB")
_AT_RESULT = 24
# AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64: calls of 32 bits have other numbers
ARCHITECTURES = {0xC000003E: "x86_64", 0xC00000B7: "aarch64"}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


@dataclass(frozen=True)
class Done:
    """One call that has returned; its thread stands still until the one who is told returns.

    value: below zero it is an errno.
    """

    tid: int
    number: int
    arguments: tuple[int, ...]
    value: int


@dataclass
class Told:
    """Who hears what: each call that returned, each thread that ended, and an exec."""

    done: Callable[[Done], None]
    ended: Callable[[int], None]
    execed: Callable[[int], None]


def _ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    """OSError of what the kernel says. ProcessLookupError: it has ended, or is not stopped."""
    done = int(_libc.ptrace(request, tid, address, data))
    if done == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return done


def seize(pid: int) -> int:
    """Attach to all threads of a process; how many. OSError where that may not be."""
    seized: set[int] = set()
    while new := {int(name) for name in os.listdir(f"/proc/{pid}/task")} - seized:
        for tid in new:
            try:
                _ptrace(_SEIZE, tid, 0, _TRACE_CALLS | _TRACE_THREADS | _TRACE_EXEC)
                _ptrace(_INTERRUPT, tid)  # its next stop is where calls begin to be followed
            except ProcessLookupError:
                pass  # a thread that ended meanwhile
            except PermissionError:
                if not _is_ours(pid, tid):
                    raise  # and not a thread that came with the option above, or a zombie
        seized |= new
    return len(seized)


def _is_ours(pid: int, tid: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/task/{tid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return True  # it is gone
    said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return said.get("TracerPid") == str(os.getpid()) or said.get("State", "").startswith("Z")


class Loop:
    """Follows what was seized, call by call."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._entered: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._info = ctypes.create_string_buffer(128)
        self._waits = self._over = False

    def end(self) -> None:
        """For the handler of a signal: at once while it waits, else when what is being told is done."""
        self._over = True
        if self._waits:
            raise SystemExit(0)

    def run(self) -> None:
        """Until told to end, or the last thread that was seized has ended."""
        while not self._over:
            self._waits = True
            try:
                tid, status = os.waitpid(-1, _ALL_CHILDREN)
            except ChildProcessError:
                return
            finally:
                self._waits = False
            if os.WIFSTOPPED(status):
                self._stopped(tid, status)
            else:
                self._entered.pop(tid, None)
                self._told.ended(tid)

    def _stopped(self, tid: int, status: int) -> None:
        number, event = os.WSTOPSIG(status), status >> 16
        deliver = 0
        try:
            if number == signal.SIGTRAP | 0x80:
                self._at_call(tid)
            elif event == _EVENT_STOP and number in _GROUP_STOPS:
                _ptrace(_LISTEN, tid)  # stopped by a signal: it stays so until SIGCONT
                return
            elif event == _EVENT_EXEC:
                self._told.execed(tid)
            elif not event:
                deliver = number
            _ptrace(_CONT_TO_CALL, tid, 0, deliver)
        except ProcessLookupError:
            pass  # it was killed while it stood

    def _at_call(self, tid: int) -> None:
        info = self._info
        _ptrace(_CALL_INFO, tid, len(info), ctypes.addressof(info))
        kind, architecture, _, _, number, *arguments = _INFO.unpack_from(info)
        if architecture not in ARCHITECTURES:
            return
        if kind == _ENTRY:
            self._entered[tid] = number, tuple(arguments)
        elif kind == _EXIT and (begun := self._entered.pop(tid, None)) is not None:
            value, _ = _RESULT.unpack_from(info, _AT_RESULT)
            self._told.done(Done(tid, *begun, value))


def read(pid: int, address: int, size: int) -> bytes:
    """Memory of a process, as much of it as is there."""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
            file.seek(address)
            return file.read(size)
    except (OSError, ValueError, OverflowError):
        return b""
