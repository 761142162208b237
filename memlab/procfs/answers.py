"""What a host answers: texts, calls, and the two records that are no kernel text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from memlab.errors import Malformed
from memlab.units import PAGE_BYTES


@dataclass(frozen=True)
class Statvfs:
    """Fill level of a mounted file system (statvfs(3)); `files` are inodes, used and free.

    A tmpfs without a size limit says 0 blocks, one without an inode limit 0 files (mm/shmem.c).
    """

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
    def free_bytes(self) -> int:
        """What is left, what is kept for root included."""
        return self.block_bytes * self.free_blocks

    @property
    def used_bytes(self) -> int:
        """What its files take."""
        return self.block_bytes * (self.blocks - self.free_blocks)


@dataclass(frozen=True)
class FileStat:
    """What stat(2) says of a file.

    size_bytes: its length; allocated_bytes: what it takes (st_blocks), less where it has holes;
    device: "major:minor" in decimal, as in mountinfo; links: 0 when it was removed and is only
    held open; mode: type and permission bits.
    """

    size_bytes: int
    allocated_bytes: int
    device: str
    inode: int
    links: int
    mode: int


@dataclass(frozen=True)
class Call:
    """A question that is no plain file, and its answer; or a read that was refused.

    kind: read, read_at and scan (path and what was asked of it, answered in hexadecimal), listdir,
    readlink, statvfs or stat. result: a list of names, a name, or the fields of Statvfs or FileStat; None for a
    refusal. error: the name of one of the errors; message: its text, the hint included.
    """

    kind: str
    path: str
    result: Any = None
    error: str | None = None
    message: str = ""


@dataclass
class InstantTexts:
    """The content of one instant: texts by path, the calls, and when each text was read.

    spans: CLOCK_MONOTONIC seconds at the start and at the end of a reading, by path; a scan stands
    under the file it asked. page_bytes: of the machine that was read. Names that are not UTF-8 are
    str with surrogate escapes, as os.fsdecode makes them.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    page_bytes: int = PAGE_BYTES

    def to_jsonl(self) -> bytes:
        """The calls, one JSON object a line, in ASCII."""
        return b"".join(json.dumps(_plain(call)).encode() + b"\n" for call in self.calls)

    @classmethod
    def from_jsonl(cls, files: Mapping[str, bytes], jsonl: bytes) -> InstantTexts:
        """The inverse; raises Malformed on a line that is no call, or has no fitting answer."""
        calls = []
        for number, line in enumerate(jsonl.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                call = Call(**json.loads(line))
                _check(call)
            except (TypeError, ValueError, KeyError, RecursionError):
                shown = line.decode(errors="replace")
                raise Malformed("calls.jsonl", number, shown, "is no recorded call") from None
            calls.append(call)
        return cls(dict(files), calls)


def _plain(call: Call) -> dict[str, Any]:
    kept = asdict(call)
    if call.error is None:
        del kept["error"], kept["message"]
    else:
        del kept["result"]
    return kept


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_statvfs(value: object) -> bool:
    names = {entry.name for entry in fields(Statvfs)}
    return isinstance(value, dict) and value.keys() == names and all(map(_is_int, value.values()))


def _is_file_stat(value: object) -> bool:
    names = {entry.name for entry in fields(FileStat)}
    return (
        isinstance(value, dict)
        and value.keys() == names
        and all(_is_text(v) if name == "device" else _is_int(v) for name, v in value.items())
    )


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_hex(value: object) -> bool:
    if not isinstance(value, str):
        return False
    bytes.fromhex(value)
    return True


_ANSWERS: Mapping[str, Callable[[object], bool]] = {
    "read": lambda value: value is None,  # a text that was read stands in `files`
    "read_at": _is_hex,
    "scan": _is_hex,
    "listdir": _is_names,
    "readlink": _is_text,
    "statvfs": _is_statvfs,
    "stat": _is_file_stat,
}


def _check(call: Call) -> None:
    """Raise where a call could not be answered again."""
    refused = call.error is not None
    fits = (call.result is None) if refused else _ANSWERS[call.kind](call.result)
    if not fits or (call.kind == "read" and not refused) or call.kind not in _ANSWERS:
        raise ValueError(call.kind)
    if not (
        _is_text(call.path) and _is_text(call.message) and (not refused or _is_text(call.error))
    ):
        raise ValueError(call.path)
