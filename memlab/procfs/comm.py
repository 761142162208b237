"""/proc/PID/comm and task/TID/comm: the name of a thread (fs/proc/base.c, comm_show; proc.rst 3.6)."""

from __future__ import annotations

from memlab.errors import Malformed
from memlab.procfs.host import Host


def parse(text: bytes, path: str = "comm") -> str:
    """All but the newline at the end: a name may hold one itself, and be empty.

    status writes a newline and a backslash in it as two characters; this file does not.
    """
    if not text.endswith(b"\n") or b"\0" in text:
        raise Malformed(path, 1, text.decode(errors="surrogateescape"), "is cut, or is no name")
    return text[:-1].decode(errors="surrogateescape")


def read(host: Host, pid: int | str, tid: int | str | None = None) -> str:
    """Of a process's first thread, or of `tid`; may be read of every process."""
    path = f"/proc/{pid}/comm" if tid is None else f"/proc/{pid}/task/{tid}/comm"
    return parse(host.read(path), path)
