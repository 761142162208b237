"""May we attach? One clear sentence with the remedy where not, before anything is attached."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress

from memlab.errors import Denied, Gone, MemlabError, Refused, Unsupported
from memlab.procfs import comm, maps, status
from memlab.procfs.host import Host
from memlab.procfs.privilege import needed

_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
_YAMA = {
    "1": "Yama lets only a parent attach (kernel.yama.ptrace_scope is 1)",
    "2": "Yama lets only the administrator attach (kernel.yama.ptrace_scope is 2)",
}


def check(pid: int, host: Host | None = None) -> None:
    """Raise Gone, Refused, Unsupported or Denied where ptrace(2) will not do; attaches nothing.

    Reading /proc/PID/mem asks the kernel the same question as an attach does (fs/proc/base.c,
    mem_open: PTRACE_MODE_ATTACH), Yama and other security modules included.
    """
    host = host or Host()
    said = running(pid, host)
    if tracer := tracer_of(pid, host):
        raise Refused(
            f"process {pid} is traced by {_named(tracer, host)} already, and one tracer is all there can be",
            "end that first",
        )
    try:
        host.read_at(f"/proc/{pid}/mem", 0, 1)
    except Denied:
        raise _why_denied(said.uid[0], pid, host) from None
    except Unsupported:
        pass  # nothing is mapped at 0: that is an answer


def running(pid: int, host: Host) -> status.Status:
    """Raise Gone, Refused or Unsupported where there is no program that works."""
    said = status.read(host, pid)
    if said.tgid not in (None, pid):
        raise Refused(f"{pid} is a thread of process {said.tgid}", f"trace {said.tgid}")
    if pid == os.getpid():
        raise Refused("that is this memlab itself", "trace another process")
    if said.state.startswith("Z"):
        raise Gone(f"process {pid} has ended and waits for its parent (zombie)")
    if said.vm_size is None:
        raise Unsupported(f"{pid} is a kernel thread", "no tool of user space attaches to it")
    if said.state.startswith(("T", "t")) and not tracer_of(pid, host):
        raise Refused(f"process {pid} is stopped", f"let it go on first: kill -CONT {pid}")
    return said


def _why_denied(owner: int, pid: int, host: Host) -> MemlabError:
    what = f"memlab may not attach to process {pid}"
    if os.geteuid() not in (0, owner):
        return Denied(f"{what} of {_user(owner)}", "run as that user, or as root")
    scope = ""
    with suppress(MemlabError):
        scope = host.read(_SCOPE).decode().strip()
    if scope == "3":
        return Denied(
            f"{what}: kernel.yama.ptrace_scope is 3, no process may be traced until the next boot"
        )
    if os.geteuid() != 0 and scope in _YAMA:
        return Denied(
            f"{what}: {_YAMA[scope]}", "run as root, or: sudo sysctl kernel.yama.ptrace_scope=0"
        )
    advice = (
        "run as root" if os.geteuid() else "start the container with --cap-add=SYS_PTRACE"
    )  # it gave up its own privileges, or is not dumpable
    return Denied(what, f"{needed('CAP_SYS_PTRACE', advice)}; in a container: --cap-add=SYS_PTRACE")


def tracer_of(pid: int, host: Host | None = None) -> int:
    """The pid of who traces it; 0 for nobody."""
    return int(status.read(host or Host(), pid).others.get("tracer_pid", "0"))


def _named(pid: int, host: Host) -> str:
    try:
        return f"{comm.read(host, pid)} (pid {pid})"
    except MemlabError:
        return f"pid {pid}"


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def check_glibc(pid: int, host: Host) -> None:
    """Raise Unsupported where it has no glibc that gdb could call, or does not see the files that we see."""
    if not any("/libc.so.6" in one.name for one in maps.read(host, pid)):
        raise Unsupported(
            f"process {pid} has no shared glibc (it is static, or of another C library)",
            "--engine strace follows any program",
        )
    if host.readlink(f"/proc/{pid}/ns/mnt") != host.readlink("/proc/self/ns/mnt"):
        raise Unsupported(
            f"process {pid} sees other files than memlab (it is in a container)",
            "run memlab in that container, or --engine strace",
        )


def program(name: str, package: str) -> str:
    """The path of a tool; Unsupported with what would bring it where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise Unsupported(f"{name} is not here", f"apt-get install {package}")
    return path


def version(name: str) -> str:
    """What `name --version` says of itself; "?" where that has no number."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [name, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
        found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
        return found[0] if found else "?"
    return "?"
