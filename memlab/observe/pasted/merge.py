"""Several pasted texts about one process, put together into one Recording.

Logs of tools become given series; the kernel's own text becomes samples. A text without a time is taken
to be of the end of what has times: that is when somebody looked closer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import BinaryIO

import numpy as np

from memlab.errors import Malformed, Refused, Unsupported
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.observe.files import reading
from memlab.observe.pasted.alike import Text, called, in_order
from memlab.observe.pasted.chosen import alike
from memlab.observe.pasted.kinds import KINDS, kind_of
from memlab.observe.pasted.taken import Taken
from memlab.observe.pasted.text import lines_of
from memlab.procfs import maps, meminfo, slabinfo, smaps, status
from memlab.procfs.host import InstantTexts
from memlab.units import format_bytes

# 16 MiB are some 200,000 lines of pidstat: a process each second for two days
MOST_BYTES = 16 << 20
_HEAD = 64 << 10
_PARSERS: dict[str, Callable[[bytes, str], object]] = {
    "PID/smaps": smaps.parse,
    "PID/maps": maps.parse,
    "PID/status": status.parse,
    "meminfo": meminfo.parse,
    "slabinfo": slabinfo.parse,
}


def open_pasted(paths: Iterable[str], pid: int | None = None) -> Recording:
    """Read texts, `-` being stdin; `pid` chooses among several processes of a log.

    Raises Gone and Denied for a file that cannot be read, Unsupported for a text that is none of the
    kinds, Refused for texts of different processes.
    """
    texts = _tables_joined([(path, lines_of(_content(path))) for path in in_order(list(paths))])
    taken = [(path, _read(path, lines, pid)) for path, lines in texts]
    if pid is None and (sure := _sure(taken)) is not None:
        # one text is of one process: what can be read for that one, is
        taken = [
            (path, _read(path, lines, sure) if sure in one.pids and one.pid != sure else one)
            for (path, lines), (_, one) in zip(texts, taken, strict=True)
        ]
    if pid is None:
        _refuse_two_programs(taken)
    _refuse_two_processes(taken)
    for path, one in taken:
        _check(path, one)
    return _merged(_one_by_kind(texts, taken), pid)


def _tables_joined(texts: Sequence[Text]) -> list[Text]:
    """Tables of many processes are one log before anybody is chosen: alone each would name its largest."""
    kinds = [kind_of(lines) for _, lines in texts]
    tables = [n for n, kind in enumerate(kinds) if kind is not None and kind.of_many]
    if len(tables) < 2:
        return list(texts)
    log = (called([texts[n][0] for n in tables]), [line for n in tables for line in texts[n][1]])
    return [log, *(text for n, text in enumerate(texts) if n not in tables)]


def _one_by_kind(
    texts: Sequence[Text], taken: Sequence[tuple[str, Taken]]
) -> list[tuple[str, Taken]]:
    """Several looks in several files are what they are in one file: what grew from one to the next is seen."""
    groups: dict[str, list[int]] = {}
    for n, (_, lines) in enumerate(texts):
        kind = kind_of(lines)
        groups.setdefault(kind.name if kind and kind.repeats else str(n), []).append(n)
    found = []
    for places in groups.values():
        path, one = taken[places[0]]
        if len(places) > 1:
            path = called([texts[n][0] for n in places])
            pid = next((taken[n][1].pid for n in places if taken[n][1].pid), None)
            one = _read(path, [line for n in places for line in texts[n][1]], pid)
        found.append((path, one))
    return found


def _read(path: str, lines: list[str], pid: int | None) -> Taken:
    kind = kind_of(lines)
    if kind is None:
        known = ", ".join(kind.name for kind in KINDS)
        raise Unsupported(
            f"{path} is nothing that memlab knows", f"it reads {known}, and recordings"
        )
    try:
        one = kind.read(lines, pid)
    except Refused as error:
        raise Refused(f"{path}: {error.message}", error.hint) from None
    except Malformed as error:
        raise Malformed(path, error.line_number, error.line, error.why) from None
    except (ValueError, LookupError) as error:
        raise Malformed(path, 0, str(error), f"looks like {kind.name}, and is damaged:") from None
    if pid is not None and one.pid is not None and pid != one.pid:
        whose = f"{one.comm} (pid {one.pid})" if one.comm else f"pid {one.pid}"
        raise Refused(f"{path} is of {whose}, not of pid {pid}", "leave it or --pid out")
    return one


def _check(path: str, one: Taken) -> None:
    """Malformed with the name of this file where the kernel's text in it cannot be parsed."""
    for _, name, text in one.texts:
        _PARSERS[name](text, path)


def _content(path: str) -> bytes:
    """What it holds. Raises Unsupported for what is no text, and for more than is read in half a minute."""
    if path == "-":
        return _checked("stdin", sys.stdin.buffer)
    with reading(path), Path(path).open("rb") as file:
        return _checked(path, file)


def _checked(path: str, file: BinaryIO) -> bytes:
    head = file.read(_HEAD)
    if not head.strip():
        raise Unsupported(f"{path} is empty", "save the text once more")
    if b"\0" in head:
        raise Unsupported(f"{path} is a binary file, no text", "memlab reads texts and recordings")
    content = head + file.read(MOST_BYTES + 1 - len(head))
    if len(content) > MOST_BYTES:
        most = format_bytes(MOST_BYTES)
        raise Unsupported(
            f"{path} is larger than the {most} of text that memlab reads",
            f"keep the lines of one process (grep -w PID) or the end (tail -c {MOST_BYTES >> 20}M)",
        )
    return content


def _sure(taken: Sequence[tuple[str, Taken]]) -> int | None:
    """The pid of the texts that are of one process; else of the first that has several."""
    named = [one for _, one in taken if one.pid is not None]
    return next((one.pid for one in sorted(named, key=lambda one: len(one.pids) > 1)), None)


def _refuse_two_programs(taken: Sequence[tuple[str, Taken]]) -> None:
    """Where a text has no pid, the name of its program tells. A script has its own name, and maps its interpreter."""
    named = [(path, one.comm or one.program, one) for path, one in taken]
    for (path, name, one), (other_path, other_name, other) in combinations(named, 2):
        if name is None or other_name is None or None not in (one.pid, other.pid):
            continue
        if not alike(name, other_name):
            pid = one.pid or other.pid
            how = f"if they are of one process: --pid {pid}" if pid else "judge each by itself"
            raise Refused(
                f"these are of different programs: {name} in {path} and {other_name} in {other_path}",
                f"hand in the files of one; {how}" if pid else how,
            )


def _refuse_two_processes(taken: Sequence[tuple[str, Taken]]) -> None:
    pids = {one.pid: path for path, one in taken if one.pid is not None}
    if len(pids) > 1:
        words = " and ".join(f"pid {pid} in {path}" for pid, path in pids.items())
        raise Refused(f"these are of different processes: {words}", "hand in the files of one")


def _merged(taken: Sequence[tuple[str, Taken]], asked: int | None) -> Recording:
    pid = next((one.pid for _, one in taken if one.pid is not None), asked or 0)
    names = [one.comm for _, one in taken] + [one.program for _, one in taken]
    comm = next((name for name in names if name), None)
    end = _end_of_clock([one for _, one in taken])
    given: dict[str, Series] = {}
    for _, one in taken:
        series = one.series if one.timed or end is None else _at(end, one.series)
        given |= {name: of for name, of in series.items() if name not in given}
    samples, copies = _samples([one for _, one in taken], pid, end)
    killed = any(one.killed for _, one in taken)
    recording = Recording(
        Header(target={"pid": pid, "comm": comm or "?"}, asked={"pasted": True, "killed": killed}),
        samples,
        given=given,
        sources=tuple(f"{path}: {sentence}" for path, one in taken for sentence in _sources(one))
        + tuple(_unnamed(taken)),
        told=tuple(sentence for _, one in taken for sentence in one.told),
        copies=copies,
    )
    if end is None and recording.instants > 1:
        asked_of = {**recording.header.asked, "untimed": True}
        recording = replace(recording, header=replace(recording.header, asked=asked_of))
    return recording


def _end_of_clock(taken: Sequence[Taken]) -> float | None:
    """The last time that is known, in seconds; None where none is."""
    ends = [
        float(of.times[-1]) for one in taken if one.timed for of in one.series.values() if len(of)
    ]
    ends += [time for one in taken for time, _, _ in one.texts if time is not None]
    return max(ends, default=None)


def _at(end: float, series: Mapping[str, Series]) -> dict[str, Series]:
    """The last of looks whose times are not known, among others that have times: taken to be of the end of these."""
    return {
        name: replace(of, times=np.array([end]), values=of.values[-1:])
        for name, of in series.items()
        if len(of)
    }


def _sources(one: Taken) -> Iterable[str]:
    yield one.what
    yield from one.cannot


def _unnamed(taken: Sequence[tuple[str, Taken]]) -> Iterable[str]:
    """What was put together on trust."""
    of_process = [(path, one) for path, one in taken if not one.of_machine]
    if len(of_process) > 1:
        for path, one in of_process:
            if one.pid is None:
                yield f"{path}: no pid stands in it: taken to be of the same process"


def _samples(
    taken: Sequence[Taken], pid: int, end: float | None
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Instants, and copies from before the last one of their kind, of which nobody knows when they were taken.

    Where no text has a time they are counted, and each is an instant. Else a text without one is of the end of
    what has times, and those before it are copies.
    """
    instants: dict[float, dict[str, bytes]] = {}
    earlier: dict[int, dict[str, bytes]] = {}
    for one in taken:
        unknown: dict[str, list[bytes]] = {}
        for time, name, text in one.texts:
            path = "/proc/" + name.replace("PID", str(pid), 1)
            if time is None:
                unknown.setdefault(path, []).append(text)
            else:
                instants.setdefault(time, {})[path] = text
        for path, looks in unknown.items():
            for n, text in enumerate(looks):
                if end is None:
                    instants.setdefault(float(n), {})[path] = text
                elif text is looks[-1]:
                    instants.setdefault(end, {})[path] = text
                else:
                    earlier.setdefault(n, {})[path] = text
    return _numbered(instants, pid), _numbered(earlier, pid)


def _numbered(
    texts: Mapping[float, dict[str, bytes]] | Mapping[int, dict[str, bytes]], pid: int
) -> tuple[Sample, ...]:
    blank = Sample(0, pid, 0.0, 0.0, 0.0, 0.0, InstantTexts({}, []))
    return tuple(
        replace(blank, index=n, monotonic=float(at), texts=InstantTexts(found, []))
        for n, (at, found) in enumerate(sorted(texts.items()))
    )
