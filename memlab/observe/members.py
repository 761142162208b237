"""A tar of gzip members that a kill or a full disk cannot ruin.

Gzip files may be joined end to end, and so may tar entries: each member written here holds
whole tar entries and no end blocks, so that a file cut anywhere opens up to its last whole
member, with `tar xzf` too. The closing member holds `index.json` and tar's two zero blocks;
where it is missing, the file was not closed.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from memlab.errors import Denied, Malformed, MemlabError, Unsupported
from memlab.units import KIB, MIB, format_bytes

INDEX = "index.json"
FLUSH_SECONDS = 1.0
FLUSH_BYTES = MIB


class MemberWriter:
    """Appends groups of entries; a group is never split over two members.

    A member is written once a second or a MiB. `cap_bytes` bounds the file. Raises
    MemlabError when the disk or the cap is full, with everything before it kept and closed.
    """

    def __init__(self, path: str | os.PathLike[str], cap_bytes: int | None = None) -> None:
        self.path = Path(path)
        self.cap_bytes = cap_bytes
        self._groups = 0
        self._members: list[dict[str, int]] = []
        self._pending = io.BytesIO()
        self._pending_groups = 0
        self._flushed = time.monotonic()
        try:
            self._file = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except FileExistsError:
            raise Unsupported(
                f"{self.path} exists already",
                "choose another name: recordings are never overwritten",
            ) from None
        except OSError as error:
            raise Denied(
                f"cannot write {self.path}: {error.strerror}", "choose another folder"
            ) from None
        self._size = 0

    def add(self, entries: dict[str, bytes], mtime: float) -> None:
        """One group: names and contents that belong together."""
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), int(mtime), 0o644
            self._pending.write(info.tobuf(tarfile.PAX_FORMAT))
            self._pending.write(content)
            self._pending.write(b"\0" * (-len(content) % tarfile.BLOCKSIZE))
        self._pending_groups += 1
        since = time.monotonic() - self._flushed
        if self._pending.tell() >= FLUSH_BYTES or since >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one gzip member."""
        if self._pending_groups:
            self._members.append(
                {"offset": self._size, "first": self._groups, "count": self._pending_groups}
            )
            self._groups += self._pending_groups
            pending, self._pending, self._pending_groups = self._pending, io.BytesIO(), 0
            self._write(pending.getvalue())
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write the index and tar's end blocks; the file is whole from here on."""
        if self._file < 0:
            return
        try:
            self.flush()
            index = json.dumps({"groups": self._groups, "members": self._members}).encode()
            info = tarfile.TarInfo(INDEX)
            info.size, info.mtime = len(index), int(time.time())
            padding = b"\0" * (-len(index) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
            self._write(info.tobuf(tarfile.PAX_FORMAT) + index + padding)
            os.fsync(self._file)
        finally:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _write(self, content: bytes) -> None:
        member = gzip.compress(content, compresslevel=6, mtime=0)
        if self.cap_bytes is not None and self._size + len(member) > self.cap_bytes:
            self._give_up(f"reached its cap of {format_bytes(self.cap_bytes)}")
        try:
            written = 0
            while written < len(member):
                written += os.write(self._file, member[written:])
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            self._give_up(f"could not grow: {error.strerror}")
        self._size += len(member)

    def _give_up(self, why: str) -> None:
        """Cut back to the last whole member: what was written stays readable, and nothing is no file."""
        os.ftruncate(self._file, self._size)
        os.close(self._file)
        self._file = -1
        if not self._size:
            self.path.unlink(missing_ok=True)
            raise MemlabError(
                f"{self.path} {why}", "not even the header fits, and nothing was made"
            )
        raise MemlabError(
            f"{self.path} {why}", f"it keeps {format_bytes(self._size)} and opens up to there"
        )

    def __enter__(self) -> MemberWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass
class Losses:
    """What a reader could not use, in sentences."""

    sentences: list[str]


def read_entries(path: Path, losses: Losses) -> Iterator[tuple[str, bytes]]:
    """The (name, content) of all whole entries, in order; says in `losses` what was torn.

    Reads any tar.gz, ours or one packed by tar. Raises Malformed for what is none.
    """
    closed = False
    for content, whole in _members(path, losses):
        closed |= content.endswith(b"\0" * 2 * tarfile.BLOCKSIZE)
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
                for info in tar:
                    if not info.isfile():
                        continue
                    data = tar.extractfile(info)
                    body = data.read() if data else b""
                    if len(body) == info.size:
                        yield info.name.removeprefix("./"), body
        except tarfile.TarError as error:
            if whole:
                raise Malformed(str(path), 0, "", f"is no recording: not a tar ({error})") from None
    if not closed and not losses.sentences:
        losses.sentences.append("the recording was not closed: its writer ended abruptly")


def _members(path: Path, losses: Losses) -> Iterator[tuple[bytes, bool]]:
    """Each gzip member, decompressed, and whether it is whole."""
    raw = memoryview(path.read_bytes())
    position = 0
    while position < len(raw):
        try:
            content, end, whole = _inflate(raw, position)
        except zlib.error:
            if position == 0:
                raise Malformed(str(path), 0, "", "is no recording: not gzip") from None
            left = format_bytes(len(raw) - position)
            losses.sentences.append(f"the last {left} of the file are damaged and were left out")
            return
        if not whole:
            left = format_bytes(len(raw) - position)
            losses.sentences.append(f"the file is cut: its last {left} are not whole")
        yield content, whole
        position = end


def _inflate(raw: memoryview, start: int) -> tuple[bytes, int, bool]:
    """One gzip member from `start`: its content, where it ends, and whether it is whole."""
    inflater, content, position = zlib.decompressobj(wbits=31), bytearray(), start
    while position < len(raw) and not inflater.eof:
        chunk = raw[position : position + 256 * KIB]  # small: what follows is handed back
        content += inflater.decompress(chunk)
        position += len(chunk)
    return bytes(content), position - len(inflater.unused_data), inflater.eof
