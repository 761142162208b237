"""Runs bpftrace: on a leash, for its time. The kernel takes the probes out when its last descriptor is closed."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.trace import attach, bpf_output, bpf_script, leash, tracefs
from memlab.trace.spool import folder, open_spool
from memlab.trace.watch import Watch
from memlab.units import MIB, format_bytes

NAME = "bpftrace"
PACKAGE = "bpftrace"
OUTPUT_BYTES = 256 * MIB
# compiling and attaching take 1-2 s, and more on a busy machine; printing what is held takes some seconds
_ATTACH_SECONDS, _PRINT_SECONDS = 60.0, 120.0
_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_BPF": 39, "CAP_PERFMON": 38}
# the counts that it prints ten times a second
_COUNTS, _COUNT = re.compile(r'"@n": \{([^}]*)\}'), re.compile(r'"(\d+)": (\d+)')
# at 10 us or so for a pair of malloc and free half a core; the table is full long before
MOST_CALLS = 50_000
# what a kernel may lack, by the file that shows it
_BTF = "/sys/kernel/btf/vmlinux"
_PMU = "/sys/bus/event_source/devices/uprobe"


def check() -> None:
    """Raise what keeps bpftrace from running here at all: rights, the program, the kernel."""
    if os.geteuid() != 0:
        raise Denied("bpftrace puts programs into the kernel, which only root may", "run as root")
    attach.program(NAME, PACKAGE)
    if platform.machine() != "x86_64":
        raise Unsupported(
            f"memlab reads stacks by bpftrace on x86_64 only, and this is {platform.machine()}",
            "--engine heaptrack or strace",
        )
    has = _effective()
    if not has >> _CAPABILITIES["CAP_SYS_ADMIN"] & 1 and not all(
        has >> _CAPABILITIES[name] & 1 for name in ("CAP_BPF", "CAP_PERFMON")
    ):
        raise Denied(
            "this root may not put programs into the kernel: it lacks CAP_SYS_ADMIN (or CAP_BPF and CAP_PERFMON)",
            "run memlab on the host, or start the container with --privileged --pid=host",
        )


def check_uprobes() -> None:
    """Raise Unsupported where the kernel has no uprobes."""
    if not os.path.exists(_PMU):
        raise Unsupported(
            "this kernel has no uprobes (CONFIG_UPROBE_EVENTS)",
            "--engine heaptrack, or a kernel that has them",
        )


def check_btf() -> None:
    """Raise Unsupported where the kernel does not describe its own types."""
    if not os.path.exists(_BTF):
        raise Unsupported(
            f"this kernel does not describe its types ({_BTF}, CONFIG_DEBUG_INFO_BTF), by which the line of the "
            "program is found",
            "--engine strace names who called the kernel",
        )


def tracepoints(needed: Sequence[str], may: Sequence[str] = ()) -> frozenset[str]:
    """Which of them this kernel has; Unsupported where one that is needed is missing, or all tracing is."""
    folders = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
    paths = {
        f"{folder}/events/{name.replace(':', '/')}": name
        for folder in folders
        for name in (*needed, *may)
    }
    # tracefs may be mounted for bpftrace only, so it is asked from there
    command = [sys.executable, "-I", "-S", tracefs.__file__, "ls", "-d", *folders[:1], *paths]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )
    found = frozenset(paths[line] for line in done.stdout.splitlines() if line in paths)
    if not found:
        raise Unsupported(
            "this kernel has no trace files (tracefs, CONFIG_TRACING), or they may not be mounted here",
            "as root on the host: mount -t tracefs none /sys/kernel/tracing",
        )
    if missing := [name for name in needed if name not in found]:
        raise Unsupported(
            f"this kernel has no tracepoint {', '.join(missing)}",
            "--engine strace names who called the kernel",
        )
    return found


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


class Run:
    """What bpftrace said, and how long it was in.

    seconds: from the moment it was in; began_at, ended_at: the two looks (seconds of CLOCK_MONOTONIC); lost: sentences;
    said: what it printed of its maps and itself.
    """

    def __init__(self, script: str, pid: int, watch: Watch, look: Callable[[], int]) -> None:
        """Run it. look: asked for the bytes that are to be explained, when it is in and before it goes.

        Raises Unsupported with bpftrace's own words where it does not get in.
        """
        self.lost: list[str] = []
        with (
            tempfile.NamedTemporaryFile("w", suffix=".bt", dir=folder()) as file,
            open_spool() as spool,
            open_spool() as errors,
        ):
            file.write(script)
            file.flush()
            command = [sys.executable, "-I", "-S", tracefs.__file__, NAME, "-f", "json", file.name]
            process = subprocess.Popen(
                leash.argv(watch.seconds + _ATTACH_SECONDS + _PRINT_SECONDS, command),
                stdin=subprocess.DEVNULL,
                stdout=spool.fileno(),
                stderr=errors.fileno(),
                start_new_session=True,  # Ctrl-C is for us: we let go in order
                env={**os.environ, **_limits()},
            )
            try:
                _wait_until_in(process, spool.fileno(), errors.fileno())
                before = look()
                self.began_at = time.clock_gettime(time.CLOCK_MONOTONIC)

                calls = _Calls(spool.fileno())

                def ended() -> str | None:
                    if (rate := calls.a_second()) > MOST_CALLS:
                        return (
                            f"it let go before its time was over: {rate:,} calls a second of all that it follows are "
                            "more than a machine should be burdened with"
                        )
                    if process.poll() is not None:
                        return "bpftrace ended before its time was over"
                    if not os.path.exists(f"/proc/{pid}"):
                        return "the process ended"
                    if os.fstat(spool.fileno()).st_size > OUTPUT_BYTES:
                        return f"its output had {format_bytes(OUTPUT_BYTES)}: it let go before its time was over"
                    return None

                self.seconds, early = watch.wait(ended)
                self.lost += [early] if early else []
                try:
                    self.growth = look() - before
                except MemlabError:
                    raise Gone(f"process {pid} ended while it was traced") from None
                self.ended_at = time.clock_gettime(time.CLOCK_MONOTONIC)
            finally:
                _let_go(process)
            spool.seek(0)
            self.said = bpf_output.read(spool)
            errors.seek(0)
            complaints = _complaints(errors.read())
        if process.returncode != 0 and not self.said.maps:
            raise Unsupported("bpftrace did not say what it saw", complaints or "it says nothing")
        if self.said.lost_events:
            self.lost.append(f"bpftrace itself lost {self.said.lost_events:,} events")

    def blocks(self) -> list[bpf_output.Block]:
        """What was taken between the two looks, and is held.

        Probes are taken out one after the other, and until the last is out what they note is no whole story.
        """
        return [
            one
            for one in bpf_output.blocks(self.said)
            if self.began_at <= one.when <= self.ended_at
        ]


class _Calls:
    """How often what is followed was called of late, by the counts that bpftrace prints ten times a second."""

    def __init__(self, out: int) -> None:
        self._out, self._at, self._times = out, 0, list[tuple[float, int]]()

    def a_second(self) -> int:
        """Over the last second or more; 0 until there is one."""
        text = os.pread(self._out, 1 << 20, self._at).decode(errors="replace")
        self._at += len(text.encode())
        if found := _COUNTS.findall(text):
            total = sum(int(number) for key, number in _COUNT.findall(found[-1]) if key in "02")
            self._times.append((time.monotonic(), total))
        while len(self._times) > 2 and self._times[-1][0] - self._times[1][0] >= 1:
            del self._times[0]
        if len(self._times) < 2 or self._times[-1][0] - self._times[0][0] < 1:
            return 0
        (began, first), (now, last) = self._times[0], self._times[-1]
        return round((last - first) / (now - began))


def _limits() -> dict[str, str]:
    """By either name: some have another since bpftrace 0.20."""
    window, keys = str(bpf_script.WINDOW), str(bpf_script.KEYS)
    return {
        "BPFTRACE_STRLEN": window,
        "BPFTRACE_MAX_STRLEN": window,
        "BPFTRACE_MAP_KEYS_MAX": keys,
        "BPFTRACE_MAX_MAP_KEYS": keys,
        "BPFTRACE_NO_USER_SYMBOLS": "1",
    }


def _wait_until_in(process: subprocess.Popen[bytes], out: int, errors: int) -> None:
    """Its first tick comes when all probes are attached; what it says of itself is held against what we know."""
    until = time.monotonic() + _ATTACH_SECONDS
    while time.monotonic() < until:
        text = os.pread(out, 4096, 0).decode(errors="replace")
        if '"in\\n"' in text:
            if f'"self {process.pid}\\n"' not in text:
                raise Unsupported(
                    "memlab is in a PID namespace (a container), where pids are not those that the kernel counts",
                    "run it on the host, or start the container with --pid=host",
                )
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    complaint = _complaints(os.pread(errors, 1 << 16, 0).decode(errors="replace"))
    raise Unsupported("bpftrace could not attach here", complaint or "it says nothing")


# said although it works (kernels from 5.11 on count memory of maps by cgroup), and when it has let go
_HARMLESS = ("RLIMIT_MEMLOCK", "failed to detach probe", "uprobe_events", "WARNING:")


def _complaints(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    meant = [line for line in lines if not any(word in line for word in _HARMLESS)]
    first = next((line for line in meant if "ERROR" in line), meant[0] if meant else "")
    return first[:300]


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """SIGINT: it detaches, prints its maps and ends. SIGKILL detaches too, by the end of its descriptors."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PRINT_SECONDS)
