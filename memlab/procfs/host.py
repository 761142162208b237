"""The only opener of /proc and /sys: a machine, a folder that looks like one, or a recorded instant.

All three answer alike, with the same four errors, so that every parser and everything above
works on a live process, on a fixture and on a recording without knowing which it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.procfs.answers import Call, FileStat, InstantTexts, Statvfs
from memlab.procfs.tree import Into, Spans, Tree
from memlab.units import PAGE_BYTES

__all__ = ["Call", "FileStat", "Host", "InstantTexts", "Kept", "Statvfs", "Tee"]

T = TypeVar("T")


class Kept(Protocol):
    """A file that Host.keep holds ready to be read again and again; `path` names it."""

    path: str

    def read(self) -> bytes:
        """The whole text as it is now."""

    def close(self) -> None:
        """Give it back; more than once does no harm."""


class _Source(Protocol):
    def read(self, path: str) -> bytes: ...
    def read_each(self, paths: Iterable[str]) -> Iterator[bytes | MemlabError | None]: ...
    def pour(self, path: str, into: Into, padding: int) -> None: ...
    def read_at(self, path: str, offset: int, size: int) -> bytes: ...
    def scan(self, path: str, spans: Spans, any_of: int, returned: int) -> bytes: ...
    def keep(self, path: str, in_one_piece: bool) -> Kept: ...
    def listdir(self, path: str) -> list[str]: ...
    def readlink(self, path: str) -> str: ...
    def statvfs(self, path: str) -> Statvfs: ...
    def stat(self, path: str) -> FileStat: ...


class Host:
    """Reads what lies under absolute paths such as "/proc/42/smaps".

    `root` is "/" for this machine, a folder, or an InstantTexts. Every method raises Gone (no
    such process any more), Denied (the hint names the privilege), or Unsupported (no such file
    here, or not in this recording). `page_bytes` is the size of a page there; of a folder it is taken for
    ours. Names that are not UTF-8 are str with surrogate escapes.
    """

    def __init__(self, root: str | Path | InstantTexts = "/") -> None:
        self._source: _Source = _Instant(root) if isinstance(root, InstantTexts) else Tree(root)
        # a page of the machine that is read: statm, pagemap and others count in these
        self.page_bytes = root.page_bytes if isinstance(root, InstantTexts) else PAGE_BYTES

    def read(self, path: str) -> bytes:
        """The whole text of a file."""
        return self._source.read(path)

    def read_each(self, paths: Iterable[str]) -> Iterator[bytes | MemlabError | None]:
        """Read many files in a row, each of which the kernel makes in one piece (see `keep`).

        Yields a text, or the error that `read` would raise; None where the kernel says ESRCH: the
        process has nothing to show (a kernel thread, a zombie) or has ended, and which of the two
        would cost another call. A recording gives errors only.
        """
        return self._source.read_each(paths)

    def pour(self, path: str, into: Into, padding: int = 0) -> None:
        """Hand over the text in pieces as it comes, so that it need not be whole in memory.

        `into(buffer, length, last)` gets buffer[:length], behind which lie `padding` bytes, and
        answers how many bytes of it are done with; the rest stands in front of the next piece.
        """
        self._source.pour(path, into, padding)

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer, or none, behind the end."""
        return self._source.read_at(path, offset, size)

    def scan(self, path: str, spans: Spans, any_of: int, returned: int) -> bytes:
        """PAGEMAP_SCAN over spans of addresses: see `page_scan`, which knows what the bytes are."""
        return self._source.scan(path, spans, any_of, returned)

    def keep(self, path: str, in_one_piece: bool = False) -> Kept:
        """Leave a file open and read it from its start at every `.read()`, until `.close()`.

        Saves the opening, which costs more than the text of stat or statm. A kept file belongs to
        the one process it was opened for: when that has ended `.read()` raises Gone, also where
        another process has its pid. stat, statm and status outlive exec; maps and smaps are
        empty after it and smaps_rollup raises Gone, for the memory they were opened for is no more.
        `in_one_piece` saves a call where the kernel makes the text whole in one read (stat, statm,
        status, io: fs/proc shows these by single_open); wrong for a text of many records.
        """
        return self._source.keep(path, in_one_piece)

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


def _one_by_one(
    source: _Source | Host, paths: Iterable[str]
) -> Iterator[bytes | MemlabError | None]:
    for path in paths:
        try:
            text = source.read(path)
        except MemlabError as error:
            yield error
        else:
            yield text


class _ReadAfresh:
    """Stands for a kept file where nothing is open."""

    def __init__(self, source: _Source | Host, path: str) -> None:
        self._source = source
        self.path = path

    def read(self) -> bytes:
        return self._source.read(self.path)

    def close(self) -> None:
        pass


class _Instant:
    """What was read then, answered again, refusals too."""

    def __init__(self, texts: InstantTexts) -> None:
        self._files = texts.files
        self._calls = {(call.kind, call.path): call for call in texts.calls}

    def read(self, path: str) -> bytes:
        if path not in self._files:
            self._answer("read", path)
            raise _not_recorded(path)
        return self._files[path]

    def read_each(self, paths: Iterable[str]) -> Iterator[bytes | MemlabError | None]:
        return _one_by_one(self, paths)

    def pour(self, path: str, into: Into, padding: int) -> None:
        text = self.read(path)
        into(bytearray(text) + bytes(padding), len(text), True)

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        return bytes.fromhex(self._answer("read_at", _part(path, offset, size)))

    def scan(self, path: str, spans: Spans, any_of: int, returned: int) -> bytes:
        return bytes.fromhex(self._answer("scan", _asked(path, spans, any_of, returned)))

    def keep(self, path: str, in_one_piece: bool) -> Kept:
        self.read(path)  # raises where the file could not be opened
        return _ReadAfresh(self, path)

    def listdir(self, path: str) -> list[str]:
        return list(self._answer("listdir", path))

    def readlink(self, path: str) -> str:
        return str(self._answer("readlink", path))

    def statvfs(self, path: str) -> Statvfs:
        return Statvfs(**self._answer("statvfs", path))

    def stat(self, path: str) -> FileStat:
        return FileStat(**self._answer("stat", path))

    def _answer(self, kind: str, path: str) -> Any:
        call = self._calls.get((kind, path))
        if call is None:
            raise _not_recorded(path)
        if call.error is not None:
            known = {"Gone": Gone, "Denied": Denied}.get(call.error, Unsupported)
            raise known(call.message)
        return call.result


def _part(path: str, offset: int, size: int) -> str:
    """How a recorded call names a part of a file."""
    return f"{path}@{offset:#x}+{size}"


def _asked(path: str, spans: Spans, any_of: int, returned: int) -> str:
    """How a recorded call names a scan; the spans follow from the maps of the same instant."""
    extent = f"{spans[0][0]:x}-{spans[-1][1]:x}" if spans else "nothing"
    return f"{path}@{extent}/{len(spans)}?{any_of:#x}:{returned:#x}"


def _not_recorded(path: str) -> Unsupported:
    return Unsupported(f"{path} is not in this recording", "it was not read at that instant")


class Tee(Host):
    """Passes every question to another host and keeps the answers in `texts`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.page_bytes = host.page_bytes
        self.texts = InstantTexts(page_bytes=host.page_bytes)

    def read(self, path: str) -> bytes:
        """As Host; a text is kept by its path, a refusal as a call."""
        start = time.monotonic()
        text = self._asked("read", path, self._host.read)
        self.texts.spans[path] = (start, time.monotonic())
        self.texts.files[path] = text
        return text

    def read_each(self, paths: Iterable[str]) -> Iterator[bytes | MemlabError | None]:
        """As Host; kept like `read`."""
        return _one_by_one(self, paths)

    def pour(self, path: str, into: Into, padding: int = 0) -> None:
        """As Host; the text is kept, so it is whole in memory after all."""
        text = self.read(path)
        into(bytearray(text) + bytes(padding), len(text), True)

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """As Host; kept as a call, in hexadecimal."""
        part = _part(path, offset, size)
        found = self._asked("read_at", part, lambda _: self._host.read_at(path, offset, size))
        self._keep("read_at", part, found.hex())
        return found

    def scan(self, path: str, spans: Spans, any_of: int, returned: int) -> bytes:
        """As Host; kept as a call, in hexadecimal."""
        asked, start = _asked(path, spans, any_of, returned), time.monotonic()
        found = self._asked("scan", asked, lambda _: self._host.scan(path, spans, any_of, returned))
        self.texts.spans[path] = (start, time.monotonic())
        self._keep("scan", asked, found.hex())
        return found

    def keep(self, path: str, in_one_piece: bool = False) -> Kept:
        """As Host, but opened and kept in `texts` anew at every read: a Tee lasts one instant."""
        self.read(path)
        return _ReadAfresh(self, path)

    def listdir(self, path: str) -> list[str]:
        """As Host."""
        names = self._asked("listdir", path, self._host.listdir)
        self._keep("listdir", path, list(names))
        return names

    def readlink(self, path: str) -> str:
        """As Host."""
        target = self._asked("readlink", path, self._host.readlink)
        self._keep("readlink", path, target)
        return target

    def statvfs(self, path: str) -> Statvfs:
        """As Host."""
        found = self._asked("statvfs", path, self._host.statvfs)
        self._keep("statvfs", path, vars(found).copy())
        return found

    def stat(self, path: str) -> FileStat:
        """As Host."""
        found = self._asked("stat", path, self._host.stat)
        self._keep("stat", path, vars(found).copy())
        return found

    def _asked(self, kind: str, path: str, ask: Callable[[str], T]) -> T:
        try:
            return ask(path)
        except MemlabError as error:
            refusal = Call(kind, path, error=type(error).__name__, message=str(error))
            self.texts.calls.append(refusal)
            raise

    def _keep(self, kind: str, path: str, answer: object) -> None:
        self.texts.calls.append(Call(kind, path, answer))
