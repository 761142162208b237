"""A guest from start to end: QEMU with its keeper, the channels, and what one does with them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from memlab.errors import Gone, MemlabError, Refused
from memlab.lab.containment import Need, refusal, room_of
from memlab.lab.guest import cache, initrd, qemu
from memlab.lab.guest.channels import Answer, Console, Control, Shell, pair
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.observe.guest import GuestStream
from memlab.procfs.host import Host

_BOOT_SECONDS = 240.0  # 5 alone; two busy cores that ten share take over a minute
_END_SECONDS = 10.0


class Guest:
    """A Linux kernel of our own that runs; a context manager, and gone with its block.

    `console` is what its kernel writes to the serial line, `stream` its /proc once a second, `control`
    QEMU's monitor. It has no network, no disk, and its memory is all that it can take.
    """

    def __init__(self, kernel: cache.Kernel, machine: qemu.Machine) -> None:
        self.kernel, self.machine = kernel, machine
        self._nonce = secrets.token_hex(8)
        self.stream = GuestStream(self._nonce)
        self._watched = "meminfo vmstat zoneinfo slabinfo vmallocinfo"
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Guest:
        """Start it and wait until it answers."""
        self.boot_seconds = self._start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.end()

    # ---- what one does with it -----------------------------------------------------------------

    def run(self, command: str, seconds: float = 60) -> Answer:
        """Run a shell's command as root in the guest; its answer, whatever its exit status."""
        return self.shell.run(command, seconds)

    def sh(self, command: str, seconds: float = 60) -> str:
        """The same, and what it printed. Raises MemlabError where its exit status is not 0."""
        answer = self.run(command, seconds)
        if answer.status:
            lines = [line for line in answer.text.splitlines() if line.strip()]
            last = lines[-1] if lines else "it said nothing"
            raise MemlabError(f"in the guest {command!r} ended with {answer.status}: {last}")
        return answer.text

    def load(self, module: str, **parameters: Any) -> None:
        """Insert one of our modules with these parameters: `load("kleak", kmalloc_kb=1024)`."""
        words = [f"{name}={value}" for name, value in parameters.items()]
        self.stream.mark(event="load", module=module, **parameters)
        self.sh(shlex.join(["insmod", f"/modules/{module}.ko", *words]), 120)

    def unload(self, module: str) -> None:
        """rmmod it."""
        self.stream.mark(event="unload", module=module)
        self.sh(shlex.join(["rmmod", module]))

    def parameter(self, module: str, name: str) -> int:
        """A number that a loaded module shows under /sys/module, as kleak's `events`."""
        return int(self.sh(f"cat /sys/module/{module}/parameters/{name}"))

    def step(self, times: int = 1) -> None:
        """Let a loaded kleak leak so many more events."""
        self.stream.mark(event="step", times=times)
        self.sh(f"echo {times} > /sys/module/kleak/parameters/step", 120)

    def start(self, *argv: str, adj: int = 0) -> int:
        """Start a program in the background, with this oom_score_adj; its pid there."""
        quoted = shlex.join(argv)
        start = (
            f"(echo {adj} > /proc/self/oom_score_adj; exec {quoted}) < /dev/null > /dev/null 2>&1"
        )
        return int(self.sh(f"{start} & echo $!"))

    def watch(self, pid: int) -> None:
        """Sample this process of the guest too, mappings included: `recording` is then of it."""
        names = " ".join(f"{pid}/{name}" for name in ("stat", "statm", "status", "smaps"))
        self._sample(f"{self._watched} {names}")
        self.stream.pid = pid

    def sample_every(self, seconds: float) -> None:
        """Another pause between two samples than a second; reading takes 0.1 to 0.3 s on top."""
        self.sh(f"echo {seconds:g} > /run/every")

    def reboot(self) -> None:
        """Reboot the guest, and wait until it answers: the same QEMU, an empty memory."""
        self.control.ask("set-action", reboot="reset")
        self.stream.mark(event="reboot")
        self.control.ask("system_reset")
        self.shell.wait_until_ready(_BOOT_SECONDS)
        self.control.ask("set-action", reboot="shutdown")

    def dmesg(self) -> str:
        """The kernel's ring buffer, which has every line whatever the console's loglevel."""
        return self.sh("dmesg")

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Its /proc, an instant each second."""
        return self.stream.samples

    def next_sample(self, seconds: float = 20) -> Sample:
        """One that begins from now on. Raises Gone where none comes."""
        return self.wait_for(lambda _: True, seconds)

    def wait_for(self, predicate: Callable[[Sample], bool], seconds: float = 30) -> Sample:
        """The first sample from now on that fits. Raises Gone where none comes."""
        sample = self.stream.wait_for(predicate, seconds)
        if sample is None:
            raise Gone("the guest sent no such sample", f"waited for {seconds:.0f} s")
        return sample

    @property
    def recording(self) -> Recording:
        """All samples so far, for every view and verdict of memlab."""
        return self.window()

    def window(self, first: int = 0, last: int | None = None) -> Recording:
        """The same of the samples from this index to that."""
        host = {
            "name": f"guest, Linux {self.kernel.release}",
            "kernel": self.kernel.release,
            "page_bytes": 4096,
            "cpus": self.machine.cpus,
            "accelerator": "tcg",
        }
        asked = {"memory": self.machine.memory, "append": list(self.machine.append)}
        return self.stream.recording(host, asked, first, last)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._keeper is not None and self._keeper.poll() is None

    def wait_until_over(self, seconds: float) -> bool:
        """Whether it ends by itself in that time: a panic, or poweroff."""
        if self._keeper is not None:
            try:
                self._keeper.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
        return True

    def end(self) -> None:
        """Switch it off; returns when nothing of it is left."""
        if self._keeper is None:
            return
        self._keeper.terminate()
        try:
            self._keeper.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()  # PDEATHSIG then ends QEMU
            self._keeper.wait()
        for channel in (self.shell, self.control, self.console):
            channel.close()
        with contextlib.suppress(OSError):
            self._samples_end.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._samples_end.close()
        if self._keeper.stderr is not None:
            self._keeper.stderr.close()
        self._keeper = None

    # ---- how it starts ---------------------------------------------------------------------------

    def _start(self) -> float:
        _refuse_what_hurts(self.machine)
        began = time.monotonic()
        ours: dict[str, socket.socket] = {}
        theirs: dict[str, socket.socket] = {}
        for name in qemu.CHANNELS:
            ours[name], theirs[name] = pair(small=name == "console")
        archive = initrd.in_memory(initrd.make(self.kernel))
        driver = os.pidfd_open(os.getpid())
        inherited = [archive, driver, *(end.fileno() for end in theirs.values())]
        ends = {name: end.fileno() for name, end in theirs.items()}
        keeper = [sys.executable, "-I", str(Path(__file__).with_name("keeper.py")), str(driver)]
        try:
            self._keeper = subprocess.Popen(
                [*keeper, *qemu.argv(self.kernel, self.machine, archive, ends, self._nonce)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                pass_fds=inherited, start_new_session=True,
            )  # fmt: skip
        finally:
            _close(end for end in theirs.values())
            os.close(archive)
            os.close(driver)
        self.console, self.shell = Console(ours["console"]), Shell(ours["shell"])
        self.control, self._samples_end = Control(ours["control"]), ours["samples"]
        self._reader = threading.Thread(
            target=self._read_samples, name="guest samples", daemon=True
        )
        self._reader.start()
        try:
            self.shell.wait_until_ready(_BOOT_SECONDS)
        except BaseException as error:
            said, alive = self._last_words(), self.alive
            self.end()
            if (
                isinstance(error, MemlabError) and alive
            ):  # what it last said is where it was, not why
                where = f"try again when the machine is less busy (its console had come to: {said})"
                raise Gone(error.message, where) from None
            if isinstance(error, MemlabError):
                raise Gone("the guest ended while it booted", said) from None
            raise
        return time.monotonic() - began

    def _sample(self, names: str) -> None:
        self.sh(f"echo {names} > /run/watched.new; mv /run/watched.new /run/watched")

    def _read_samples(self) -> None:
        while True:
            try:
                piece = self._samples_end.recv(1 << 16)
            except OSError:
                return
            if not piece:
                return
            self.stream.feed(piece)

    def _last_words(self) -> str:
        """The end of the console, or QEMU's complaint."""
        assert self._keeper is not None and self._keeper.stderr is not None
        text = self.console.text
        if not self.alive:
            text += self._keeper.stderr.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it said nothing"


def _close(ends: Iterable[socket.socket]) -> None:
    for end in ends:
        end.close()


def _refuse_what_hurts(machine: qemu.Machine) -> None:
    need = Need(resident=machine.memory + qemu.OVERHEAD, virtual=0)
    why = refusal(need, room_of(Host()))
    if why:
        raise Refused(
            f"refused, to keep this machine safe: of a guest, {why}", "give it less memory"
        )
