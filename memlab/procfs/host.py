"""The only opener of /proc and /sys: a machine, a folder that looks like one, or a recorded instant.

All three answer alike, with the same four errors, so that every parser and everything above
works on a live process, on a fixture and on a recording without knowing which it is.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from memlab import errors
from memlab.errors import Denied, Gone, MemlabError, Unsupported

_PID = re.compile(r"/proc/(\d+)(/|$)")
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Statvfs:
    """Fill level of a mounted file system (statvfs(3)); `files` are inodes."""

    block_bytes: int
    blocks: int
    free_blocks: int
    files: int
    free_files: int

    @property
    def size_bytes(self) -> int:
        """Size of the file system."""
        return self.block_bytes * self.blocks

    @property
    def used_bytes(self) -> int:
        """What its files take."""
        return self.block_bytes * (self.blocks - self.free_blocks)


@dataclass(frozen=True)
class FileStat:
    """What stat(2) says of a file; `allocated_bytes` is st_blocks in bytes, `device` "major:minor"."""

    size_bytes: int
    allocated_bytes: int
    device: str
    inode: int
    links: int
    mode: int


@dataclass(frozen=True)
class Call:
    """A question that is no plain file, and its answer; or a read that was refused.

    `kind` is read, listdir, readlink, statvfs or stat. `error` is the name of one of the
    errors and `message` its text; `result` is None then.
    """

    kind: str
    path: str
    result: Any = None
    error: str | None = None
    message: str = ""


@dataclass
class InstantTexts:
    """The content of one instant: texts by path, and the calls."""

    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def to_jsonl(self) -> bytes:
        """The calls, one JSON object a line; undecodable names survive as lone surrogates."""
        return b"".join(
            json.dumps({k: v for k, v in asdict(call).items() if v not in (None, "")}).encode()
            + b"\n"
            for call in self.calls
        )

    @classmethod
    def from_jsonl(cls, files: Mapping[str, bytes], jsonl: bytes) -> InstantTexts:
        """The inverse; raises Malformed on a line that is no call."""
        calls = []
        for number, line in enumerate(jsonl.splitlines(), 1):
            try:
                calls.append(Call(**json.loads(line)))
            except (TypeError, ValueError):
                shown = line.decode(errors="replace")
                raise errors.Malformed(
                    "calls.jsonl", number, shown, "is no recorded call"
                ) from None
        return cls(dict(files), calls)


class _Source(Protocol):
    def read(self, path: str) -> bytes: ...
    def listdir(self, path: str) -> list[str]: ...
    def readlink(self, path: str) -> str: ...
    def statvfs(self, path: str) -> Statvfs: ...
    def stat(self, path: str) -> FileStat: ...


class Host:
    """Reads what lies under absolute paths such as "/proc/42/smaps".

    `root` is "/" for this machine, a folder, or an InstantTexts. Every method raises Gone (the
    process has ended), Denied (the hint names the privilege), or Unsupported (no such file here).
    """

    def __init__(self, root: str | Path | InstantTexts = "/") -> None:
        self._source: _Source = _Instant(root) if isinstance(root, InstantTexts) else _Tree(root)

    def read(self, path: str) -> bytes:
        """The whole text of a file."""
        return self._source.read(path)

    def listdir(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        return self._source.listdir(path)

    def readlink(self, path: str) -> str:
        """Where a symbolic link points."""
        return self._source.readlink(path)

    def statvfs(self, path: str) -> Statvfs:
        """The fill level of the file system that holds `path`."""
        return self._source.statvfs(path)

    def stat(self, path: str) -> FileStat:
        """What the kernel knows of a file, symbolic links followed."""
        return self._source.stat(path)


class _Tree:
    """The machine, or a folder that looks like one."""

    def __init__(self, root: str | Path) -> None:
        self._root = str(root).rstrip("/")

    def read(self, path: str) -> bytes:
        chunks = []
        try:
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # a seq file of /proc gives at most a page or so a read, whatever is asked
                while chunk := os.read(descriptor, _READ_BYTES):
                    chunks.append(chunk)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._translated(error, path) from None
        return b"".join(chunks)

    def listdir(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._root + path))
        except OSError as error:
            raise self._translated(error, path) from None

    def readlink(self, path: str) -> str:
        try:
            return os.readlink(self._root + path)
        except OSError as error:
            raise self._translated(error, path) from None

    def statvfs(self, path: str) -> Statvfs:
        try:
            found = os.statvfs(self._root + path)
        except OSError as error:
            raise self._translated(error, path) from None
        return Statvfs(found.f_frsize, found.f_blocks, found.f_bfree, found.f_files, found.f_ffree)

    def stat(self, path: str) -> FileStat:
        try:
            found = os.stat(self._root + path)
        except OSError as error:
            raise self._translated(error, path) from None
        device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
        return FileStat(
            found.st_size,
            found.st_blocks * 512,
            device,
            found.st_ino,
            found.st_nlink,
            found.st_mode,
        )

    def _translated(self, error: OSError, path: str) -> MemlabError:
        """An errno as one of the errors: what matters is whether the process is still there."""
        owner = _PID.match(path)
        if error.errno in (errno.EACCES, errno.EPERM):
            return Denied(f"{path} may not be read", _remedy(path))
        if error.errno in (errno.ENOENT, errno.ESRCH, errno.ENOTDIR):
            if owner and not os.path.isdir(f"{self._root}/proc/{owner[1]}"):
                return Gone(f"no process {owner[1]}", "it has ended, or never was; see ps")
            if error.errno == errno.ESRCH:
                return Gone(f"process {owner[1] if owner else '?'} has ended")
            return Unsupported(
                f"there is no {path} here", "this kernel lacks it, or it is not mounted"
            )
        return Unsupported(f"{path} cannot be read: {os.strerror(error.errno or 0)}")


def _remedy(path: str) -> str:
    if _PID.match(path):
        return "run as the process's owner or as root (CAP_SYS_PTRACE)"
    return "run as root"


class _Instant:
    """What was read then, answered again; a path that was not asked for is Unsupported."""

    def __init__(self, texts: InstantTexts) -> None:
        self._files = texts.files
        self._calls = {(call.kind, call.path): call for call in texts.calls}

    def read(self, path: str) -> bytes:
        if path in self._files:
            return self._files[path]
        self._answer("read", path)
        raise Unsupported(f"{path} is not in this instant")

    def listdir(self, path: str) -> list[str]:
        return [str(name) for name in self._answer("listdir", path)]

    def readlink(self, path: str) -> str:
        return str(self._answer("readlink", path))

    def statvfs(self, path: str) -> Statvfs:
        return Statvfs(**self._answer("statvfs", path))

    def stat(self, path: str) -> FileStat:
        return FileStat(**self._answer("stat", path))

    def _answer(self, kind: str, path: str) -> Any:
        call = self._calls.get((kind, path))
        if call is None:
            raise Unsupported(f"{path} is not in this instant")
        if call.error is not None:
            known = {"Gone": Gone, "Denied": Denied}.get(call.error, Unsupported)
            raise known(call.message)
        return call.result


class Tee(Host):
    """Passes every question to another host and keeps the answers in `texts`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.texts = InstantTexts()

    def read(self, path: str) -> bytes:
        """As Host; a text is kept once, a refusal as a call."""
        try:
            text = self.texts.files[path] = self._host.read(path)
        except MemlabError as error:
            self._refused("read", path, error)
            raise
        return text

    def listdir(self, path: str) -> list[str]:
        """As Host."""
        return list(self._kept("listdir", path, self._host.listdir))

    def readlink(self, path: str) -> str:
        """As Host."""
        return str(self._kept("readlink", path, self._host.readlink))

    def statvfs(self, path: str) -> Statvfs:
        """As Host."""
        found = self._kept("statvfs", path, self._host.statvfs)
        assert isinstance(found, Statvfs)
        return found

    def stat(self, path: str) -> FileStat:
        """As Host."""
        found = self._kept("stat", path, self._host.stat)
        assert isinstance(found, FileStat)
        return found

    def _kept(self, kind: str, path: str, ask: Any) -> Any:
        try:
            answer = ask(path)
        except MemlabError as error:
            self._refused(kind, path, error)
            raise
        plain = asdict(answer) if isinstance(answer, Statvfs | FileStat) else answer
        self.texts.calls.append(Call(kind, path, plain))
        return answer

    def _refused(self, kind: str, path: str, error: MemlabError) -> None:
        self.texts.calls.append(Call(kind, path, error=type(error).__name__, message=str(error)))
