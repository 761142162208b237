"""Programs that memlab calls or recommends: which are here, and how Debian calls their packages."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from memlab.errors import Unsupported
from memlab.lab import build

_PROGRAM = "#include <pthread.h>\n#include <stdio.h>\nint main(void) { return 0; }\n"
_COMPILE_SECONDS = 60
# what pyproject.toml asks for; checked because an environment can be taken apart again
_PACKAGES = ("anywidget", "ipykernel", "ipywidgets", "jupyterlab", "numpy", "plotly", "psutil")


class State(StrEnum):
    """How a check ended; LIMITED works, but not for everything."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True)
class Check:
    """One line of `memlab doctor`.

    found: what is there; remedy: what to do about what is not; packages: Debian's that bring it;
    essential: memlab cannot work without it.
    """

    name: str
    state: State
    found: str
    remedy: str = ""
    packages: tuple[str, ...] = ()
    essential: bool = False


@dataclass(frozen=True)
class Tool:
    """A program that memlab calls, under any of its names; or a header, by its path.

    root: only root may use it, so that nobody else is told to install it.
    """

    name: str
    programs: tuple[str, ...]
    package: str
    purpose: str
    root: bool = False


TOOLS = (
    Tool("strace", ("strace",), "strace", "who calls mmap, brk and clone"),
    Tool("pidstat", ("pidstat",), "sysstat", "samples to compare with memlab pidstat"),
    Tool("pmap", ("pmap",), "procps", "a table to compare with ours"),
    Tool("smem", ("smem",), "smem", "shares to compare with ours"),
    Tool("gdb", ("gdb",), "gdb", "stacks of a live process; heaptrack attaches with it"),
    Tool("heaptrack", ("heaptrack",), "heaptrack", "which C call leaks on the heap"),
    Tool("addr2line", ("addr2line",), "binutils", "lines of source in the stacks of memlab trace"),
    Tool("perf", ("perf",), "linux-perf", "who touches memory first"),
    Tool(
        "bpftrace",
        ("bpftrace",),
        "bpftrace",
        "who takes what in malloc and in the kernel, without touching the process",
        root=True,
    ),
    Tool("busybox", ("busybox",), "busybox", "memlab-capture in the shell of small containers"),
    Tool("qemu", ("qemu-system-x86_64",), "qemu-system-x86", "a kernel of our own (memlab kernel)"),
    Tool("flex", ("flex",), "flex", "building that kernel with kmemleak (memlab kernel full)"),
    Tool("bison", ("bison",), "bison", "the same"),
    Tool("bc", ("bc",), "bc", "the same"),
    Tool("libelf", ("/usr/include/gelf.h",), "libelf-dev", "the same"),
    Tool("shellcheck", ("shellcheck",), "shellcheck", "what a change to memlab-capture breaks"),
    Tool(
        "rsyslog",
        ("rsyslogd",),
        "rsyslog",
        "what a log file keeps of an OOM report",
    ),
    Tool("unshare", ("unshare",), "util-linux", "mounts and sysctls of a lab's own"),
    Tool(
        "browser",
        ("chromium", "chromium-browser", "google-chrome", "firefox", "firefox-esr"),
        "chromium",
        "the course, when it is read on this machine",
    ),
)


def checks() -> list[Check]:
    """Python's packages, the compiler, and each tool."""
    return [_python_packages(), _compiler(), *map(_tool, TOOLS)]


def install_command(packages: tuple[str, ...]) -> str:
    """How to get these packages on Debian and its kin."""
    return ("" if os.geteuid() == 0 else "sudo ") + f"apt-get install {' '.join(packages)}"


def which(program: str) -> str | None:
    """Where it is: on the PATH, or in the sbin beside a bin of the PATH, which ordinary users do not search."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    beside = [folder.removesuffix("bin") + "sbin" for folder in folders if folder.endswith("/bin")]
    return shutil.which(program, path=os.pathsep.join([*folders, *beside]))


def _tool(tool: Tool) -> Check:
    path = next(filter(None, map(_place, tool.programs)), None)
    if path:
        return Check(tool.name, State.OK, path)
    packages = (tool.package,)
    remedy = install_command(packages)
    if tool.root and os.geteuid() != 0:
        return Check(
            tool.name, State.MISSING, f"for {tool.purpose}", f"only root may use it: {remedy}"
        )
    return Check(tool.name, State.MISSING, f"for {tool.purpose}", remedy, packages)


def _place(name: str) -> str | None:
    if name.startswith("/"):
        return name if os.path.exists(name) else None
    return which(name)


def _python_packages() -> Check:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        remedy = f"pip install {' '.join(missing)}"
        return Check("packages", State.MISSING, ", ".join(missing), remedy, essential=True)
    return Check("packages", State.OK, f"all {len(_PACKAGES)}", essential=True)


def _compiler() -> Check:
    """A compiler without the C library's headers is common: so compile and link something."""
    packages = ("gcc", "libc6-dev")
    remedy = f"{install_command(packages)}; or pip install ziglang; or use --lang python"
    try:
        words = build.compiler()
    except Unsupported:
        return Check("compiler", State.MISSING, "no cc, gcc or clang", remedy, packages)
    with tempfile.TemporaryDirectory() as folder:
        done = _run([*words, "-x", "c", "-", "-pthread", "-o", str(Path(folder) / "program")])
    if done is None:
        return Check("compiler", State.OK, shlex.join(words))
    return Check("compiler", State.MISSING, f"{shlex.join(words)}: {done}", remedy, packages)


def _run(argv: list[str]) -> str | None:
    """None when it went well, else the last line of its complaint."""
    try:
        done = subprocess.run(
            argv, input=_PROGRAM, text=True, capture_output=True, timeout=_COMPILE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"not done after {_COMPILE_SECONDS} s"
    except OSError as error:
        return os.strerror(error.errno or 0)
    if done.returncode == 0:
        return None
    complaint = done.stderr.strip() or f"exit status {done.returncode}"
    return next((line for line in complaint.splitlines() if "error" in line), complaint[:100])
