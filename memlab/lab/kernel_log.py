"""The kernel's log from a moment on (/dev/kmsg, else dmesg, else the journal), and one cgroup's OOM reports in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

from memlab.model.oom_words import group_of
from memlab.procfs import oom_report

_KMSG = "/dev/kmsg"
_RECORD = 8192  # CONSOLE_EXT_LOG_MAX
_SECONDS = 10
# the syslog interface of dmesg wants another privilege than the device; the journal wants a group only
_TOOLS = (
    ["dmesg", "--syslog"],
    [
        "journalctl",
        "--dmesg",
        "--boot",
        "--no-pager",
        "--quiet",
        "--output=short-monotonic",
        "--lines=5000",
    ],
)


class KernelLog:
    """Begins at its making. source: where it is read, or why it cannot be. A context manager."""

    def __init__(self, path: str = _KMSG) -> None:
        self._descriptor: int | None = None
        self._tool: list[str] | None = None
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._descriptor, 0, os.SEEK_END)
            self.source = path
        except OSError as error:
            self._close()
            self._tool = next((tool for tool in _TOOLS if _said(tool)), None)
            why = f"{path}: {error.strerror}"
            self.source = " ".join(self._tool) if self._tool else f"not read ({why}); run as root"

    def of_group(self, name: str, pids: set[int]) -> str:
        """The lines of all OOM reports of the memory cgroup called `name`, or that killed one of `pids` of it.

        The name is a run's and stands nowhere else; beyond its reports nothing of the log is kept.
        """
        text = self._text()
        lines = text.split(b"\n")
        kept: list[bytes] = []
        for report in oom_report.parse(text):
            group = group_of(report)
            ours = (
                group.rsplit("/", 1)[-1] == name
                if group
                else bool(pids & {one.pid for one in report.killed})
            )
            if ours:
                kept += lines[report.first_line - 1 : report.last_line]
        return b"\n".join(kept).decode(errors="backslashreplace")

    def _text(self) -> bytes:
        if self._tool is not None:
            return _said(self._tool)
        records = []
        while self._descriptor is not None:
            try:
                record = os.read(self._descriptor, _RECORD)
            except BrokenPipeError:
                continue  # overwritten before we came to it
            except OSError:
                break  # no more yet
            records.append(record.partition(b"\n")[0])
        return b"\n".join(records)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> KernelLog:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._close()


def _said(tool: list[str]) -> bytes:
    """What it prints; nothing where it is not there, refuses or is silent."""
    if shutil.which(tool[0]):
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                tool, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
            )
            if done.returncode == 0:
                return done.stdout
    return b""
