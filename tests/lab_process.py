"""A real `memlab lab` for tests: started with a home of its own, ended with all it started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from memlab.procfs import status
from memlab.procfs.host import Host
from tests.waiting import until

ADDRESS = re.compile(r"(http://127\.0\.0\.1:(\d+))/lab/tree/(\S+)\?token=(\S+)")


class LabProcess:
    """Runs `argv lab …`; `base`, `port`, `notebook`, `token` come from the address it printed."""

    def __init__(
        self, argv: Sequence[str], home: Path, *options: str, cwd: Path | None = None, **env: str
    ) -> None:
        # nothing of the machine's own Jupyter, nor of an outer test run
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "XDG_"))}
        self.process = subprocess.Popen(
            [*argv, "lab", "--no-browser", *options],
            env={**kept, "HOME": str(home), **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)

    def __enter__(self) -> LabProcess:
        try:
            until(lambda: self.address() or self.process.poll() is not None, 60)
            found = self.address()
            assert found, self.text
            self.base, port, self.notebook, self.token = found.groups()
            self.port = int(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            try:
                self.end(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(10)

    def address(self) -> re.Match[str] | None:
        """The address it has printed, if it has."""
        return ADDRESS.search(self.text)

    @property
    def text(self) -> str:
        """All it has said so far."""
        return "".join(self.said)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def ask(self, path: str, token: str | None = None, data: Any = None) -> tuple[int, str]:
        """(status, body) of a request, a POST when there is data; without a token if it is ""."""
        secret = self.token if token is None else token
        request = urllib.request.Request(
            self.base + path,
            headers={"Authorization": f"token {secret}"} if secret else {},
            data=None if data is None else json.dumps(data).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def start_kernel(self) -> psutil.Process:
        """Start a kernel of the default kind and return its process."""
        status, body = self.ask("/api/kernels", data={})
        assert status == 201, body
        kernel = json.loads(body)["id"]

        def ready() -> list[psutil.Process]:
            children = psutil.Process(self.process.pid).children(recursive=True)
            return [
                child
                for child in children
                if any(kernel in word for word in words(child)) and ignores_interrupts(child.pid)
            ]

        return until(ready, 60)[0]


def words(process: psutil.Process) -> list[str]:
    """The command line of a process; none when it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def ignores_interrupts(pid: int) -> bool:
    """A kernel does so from when it is made until it runs a cell (ipykernel, init_signal)."""
    mask = int(status.read(Host(), pid).others["sig_ign"], 16)
    return bool(mask >> (signal.SIGINT - 1) & 1)
