"""Recordings on disk: a folder of instants, or the same packed as `.tar.gz`.

header.json                     what holds for all instants
000000000/proc/4242/smaps …     the kernel's text, under the path it was read from
000000000/calls.jsonl           what is no file: readlink, statvfs, directory walks, denials
000000000/events.jsonl          what the leaker said, marks and notes
000000000/instant.json          times (of each reading too) and cost; written last, so its presence means whole
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from memlab.errors import Denied, Gone, Malformed, Unsupported
from memlab.model.recording import FORMAT, Header, Recording
from memlab.model.sample import Sample
from memlab.observe import capture
from memlab.observe.members import INDEX, Losses, MemberWriter, read_entries
from memlab.procfs.host import InstantTexts

_CLOCK = ("monotonic", "wall", "read_seconds", "cpu_seconds")


class RecordingWriter:
    """Writes samples to a `.tar.gz` as they come; a context manager.

    Whatever happens to the writer, the file opens up to its last whole second. Raises
    Unsupported where the file exists, Denied where it cannot be made, MemlabError when the
    disk (or `cap_bytes`) is full.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Header, cap_bytes: int | None = None
    ) -> None:
        self._members = MemberWriter(path, cap_bytes)
        self._members.add({"header.json": _json(asdict(header))}, mtime=0)
        self._members.flush()

    def add(self, sample: Sample) -> None:
        """Append one instant."""
        folder = f"{sample.index:09d}"
        entries = {folder + path: content for path, content in sample.texts.files.items()}
        if sample.texts.calls:
            entries[f"{folder}/calls.jsonl"] = sample.texts.to_jsonl()
        if sample.events:
            entries[f"{folder}/events.jsonl"] = b"".join(_json(e) for e in sample.events)
        clock: dict[str, Any] = {name: getattr(sample, name) for name in _CLOCK}
        clock["readings"] = sample.texts.spans
        entries[f"{folder}/instant.json"] = _json(clock)
        self._members.add(entries, mtime=sample.wall)

    def close(self) -> None:
        """Write what is pending and the index."""
        self._members.close()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def save_recording(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write a recording that is held in memory."""
    with RecordingWriter(path, recording.header) as writer:
        for sample in recording.samples:
            writer.add(sample)


def open_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording, folder or tar.gz, cut or whole.

    What was lost is in `.losses`. Raises Gone where there is no such file, Denied, and
    Malformed for a file that is no recording.
    """
    place = Path(path)
    losses = Losses([])
    with reading(place):
        entries = _walk(place) if place.is_dir() else read_entries(place, losses)
        header, samples = _assemble(place, entries)
    if losses.sentences:
        losses.sentences.append(f"{len(samples)} whole instants were opened")
    return Recording(header, tuple(samples), tuple(losses.sentences))


@contextmanager
def reading(place: str | os.PathLike[str]) -> Iterator[None]:
    """Raises Gone, Denied and Unsupported for what the system says of a file that somebody handed in."""
    try:
        yield
    except FileNotFoundError:
        raise Gone(f"there is no file {place}") from None
    except PermissionError:
        raise Denied(f"{place} may not be read", "ask its owner, or run as root") from None
    except OSError as error:
        raise Unsupported(f"{place} cannot be read: {error.strerror}") from None


def _walk(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The entries of an unpacked recording; what `memlab-capture` keeps for itself has a hidden name."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if not file.name.startswith("."):
            yield file.relative_to(folder).as_posix(), file.read_bytes()


def _assemble(place: Path, entries: Iterable[tuple[str, bytes]]) -> tuple[Header, list[Sample]]:
    header: Header | None = None
    instants: dict[int, dict[str, bytes]] = {}
    for name, content in entries:
        folder, _, path = name.partition("/")
        if name == "header.json":
            header = _header(place, content)
        elif folder.isdigit() and path:
            instants.setdefault(int(folder), {})["/" + path] = content
        elif name != INDEX:
            raise Malformed(str(place), 0, name, "is no recording: it holds")
    if header is None:
        raise Malformed(str(place), 0, "", "is no recording: it has no header.json")
    # whoever was killed while writing its last line has not ended it
    whole = sorted(
        index
        for index, files in instants.items()
        if files.get("/instant.json", b"").endswith(b"\n")
    )
    samples = [_sample(place, header, index, instants[index]) for index in whole]
    return (capture.with_facts(header, samples) if capture.wrote(header) else header), samples


def _header(place: Path, content: bytes) -> Header:
    fields = _parse(place, "header.json", content)
    if fields.get("format") != FORMAT:
        raise Unsupported(
            f"{place} has recording format {fields.get('format')!r}, this memlab reads {FORMAT}",
            "update memlab",
        )
    try:
        header = Header(**fields)
        _ = header.pid, header.page_bytes
    except (AttributeError, TypeError, KeyError, ValueError):
        raise Malformed(str(place), 0, "", "has a header.json that names no target") from None
    return header


def _sample(place: Path, header: Header, index: int, files: dict[str, bytes]) -> Sample:
    clock = _parse(place, f"{index:09d}/instant.json", files.pop("/instant.json"))
    calls = files.pop("/calls.jsonl", b"")
    events = files.pop("/events.jsonl", b"").splitlines()
    try:
        times = {name: float(clock[name]) for name in _CLOCK}
        readings = clock.get("readings", {}).items()  # a capture by shell has none
        spans = {path: (float(begin), float(end)) for path, (begin, end) in readings}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Malformed(
            str(place), 0, f"{index:09d}/instant.json", "has an instant without times:"
        ) from None
    texts = InstantTexts.from_jsonl(_unpacked(place, files), calls)
    if capture.wrote(header):
        texts = capture.with_real_names(texts)
    return Sample(
        index=index,
        pid=header.pid,
        texts=replace(texts, spans=spans, page_bytes=header.page_bytes),
        events=tuple(_parse(place, "events.jsonl", line) for line in events),
        **times,
    )


def _unpacked(place: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of an instant, which may be gzipped one by one."""
    plain = {}
    for name, content in files.items():
        if name.endswith(".gz") and content[:2] == b"\x1f\x8b":
            try:
                name, content = name.removesuffix(".gz"), gzip.decompress(content)
            except (EOFError, OSError, zlib.error):
                raise Malformed(str(place), 0, name, "has a damaged file in it:") from None
        plain[name] = content
    return plain


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _parse(place: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Malformed(str(place), 0, name, "holds damaged JSON in")
    return value
