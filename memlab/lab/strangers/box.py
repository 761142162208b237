"""A stranger in its box: guard, supervisor and memory cgroup of the lab, a folder, a free port.

What holds a leaker holds a stranger: whatever ends the caller, all processes of the stranger end
with it, and its folder is removed, now or by the next one that starts.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from memlab.errors import Gone, MemlabError, Refused, Unsupported
from memlab.lab.containment import Need
from memlab.lab.events import Events, why_it_ended
from memlab.lab.experiment import spawn_guard
from memlab.lab.options import Options
from memlab.lab.strangers import install
from memlab.lab.strangers.cases import Case
from memlab.lab.sweep import sweep
from memlab.units import GIB

_READY_SECONDS = 40.0
_PREPARE_SECONDS = 300
_END_SECONDS = 10.0
# V8, Go, the JVM and Chromium reserve up to terabytes of address space that they never touch: the
# memory cgroup and the supervisor hold a stranger, RLIMIT_AS must not
_VIRTUAL = 1 << 46
_FILE_BYTES = 2 * GIB


class Box:
    """One stranger that runs, with its load. A context manager: all of it ends with the block."""

    def __init__(self, case: Case) -> None:
        self.case = case
        _remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=_runs()))
        self.port = _free_port()
        self._load: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._events: Events | None = None

    def __enter__(self) -> Box:
        """Prepare it, start it, wait until it is ready, and load it."""
        try:
            self._write_files()
            for command in self.case.prepare:
                self._prepare(command)
            self._start()
            self._wait_until_ready()
            self._start_load()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The stranger itself."""
        ready = self._events.last("ready") if self._events else None
        if ready is None:
            raise Gone(f"{self.case.name} did not start", self.last_words())
        return int(ready["pid"])

    def check(self) -> None:
        """Raise why it ended, if it has; a program that has done its work has just ended."""
        if self._events is not None and self._events.over:
            why = why_it_ended(self.case.name, self._events.last)
            said = str(why) if why else f"{self.case.name} has ended"
            raise Gone(said, self.last_words())

    def last_words(self) -> str:
        """The end of what it printed, in one line."""
        with suppress(OSError):
            text = (self.folder / "log").read_bytes()[-2000:].decode(errors="replace")
            lines = [line for line in text.splitlines() if line.strip()]
            return lines[-1][:200] if lines else "it said nothing"
        return "it said nothing"

    def end(self) -> None:
        """End load and stranger and remove the folder; returns when nothing is left."""
        if self._load is not None and self._load.poll() is None:
            self._load.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._load.wait(5)
            if self._load.poll() is None:
                self._load.kill()
                self._load.wait()
        if self._guard is not None and self._events is not None:
            self._guard.terminate()
            if not self._events.wait_until(lambda: False, _END_SECONDS) and not self._events.over:
                self._guard.kill()
                self._events.wait_until(lambda: False, _END_SECONDS)
            if self._guard.stdin is not None:
                self._guard.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_files(self) -> None:
        for name, text in self.case.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if self._other_user():
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, self.case.user)

    def _python(self) -> str:
        return install.python(self.case)

    def _other_user(self) -> bool:
        return bool(self.case.user) and os.geteuid() == 0

    def _filled(self, words: tuple[str, ...]) -> list[str]:
        """With {port}, {dir}, {python}, {node_modules} and {user} filled in, and nothing else touched."""
        known = {
            "{port}": str(self.port),
            "{dir}": str(self.folder),
            "{user}": self.case.user or "root",
        }
        if any("{python}" in word for word in words):
            known["{python}"] = self._python()
        filled = []
        for word in words:
            for name, value in known.items():
                word = word.replace(name, value)
            filled.append(word)
        return self._as_user(filled)

    def _as_user(self, argv: list[str]) -> list[str]:
        if not self._other_user():
            return argv
        user = pwd.getpwnam(self.case.user)
        return [
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            *argv,
        ]

    def _environment(self) -> dict[str, str]:
        modules = install.node_modules(self.case)
        return {
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "LC_ALL": "C.UTF-8",
            "GOCACHE": str(install.folder() / "go-build"),
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=mod",
            "PORT": str(self.port),
            **({"NODE_PATH": modules} if modules else {}),
        }

    def _prepare(self, command: tuple[str, ...]) -> None:
        try:
            done = subprocess.run(
                ["nice", *self._filled(command)],
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_PREPARE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unsupported(f"{self.case.name} cannot be prepared: {error}") from None
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
            raise Unsupported(f"{self.case.name} cannot be prepared: {said[-1][:200]}")

    def _start(self) -> None:
        """Through a shell that says its pid and becomes the program; nice, so that others live."""
        argv = self._filled(self.case.run)
        exports = " ".join(f"{k}={shlex.quote(v)}" for k, v in self._environment().items())
        script = (
            f"cd {shlex.quote(str(self.folder))} && export {exports} && "
            'printf \'{"event":"ready","pid":%d}\\n\' $$ && '
            f"exec nice -n 10 {shlex.join(argv)} > log 2>&1 < /dev/null"
        )
        sweep()
        need = Need(resident=self.case.box_bytes, virtual=_VIRTUAL)
        self._guard = spawn_guard(
            ["/bin/sh", "-c", script], Options([], need, _FILE_BYTES), self.case.name
        )
        self._events = Events(self._guard)
        self._events.wait_until(lambda: self._events and self._events.last("ready"), _READY_SECONDS)
        self.check()
        _ = self.pid

    def _wait_until_ready(self) -> None:
        if self.case.ready != "port":
            return
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise MemlabError(f"{self.case.name} did not listen", self.last_words())

    def _start_load(self) -> None:
        """The load runs outside of the box: it is none of the stranger's memory."""
        words = self.case.load
        if not words:
            return
        if words[0] == "!":
            argv = self._filled(words[1:])
        else:
            argv = [sys.executable, "-m", "memlab.lab.strangers.load", str(self.port), *words]
        with open(self.folder / "load.log", "wb") as log:
            self._load = subprocess.Popen(
                ["nice", *argv],
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def _runs() -> Path:
    """Where strangers have their folders: short, for names of sockets are (unix(7): 108 bytes)."""
    place = Path(tempfile.gettempdir(), f"memlab-strangers-{os.getuid()}")
    place.mkdir(mode=0o755, exist_ok=True)
    if place.lstat().st_uid != os.getuid():
        raise Refused(f"{place} belongs to somebody else", "set TMPDIR to a folder of your own")
    return place


def _remove_abandoned() -> None:
    """Folders of callers that were killed: they are named after the caller's pid."""
    for path in _runs().iterdir():
        pid = path.name.partition("-")[0]
        if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(path, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
