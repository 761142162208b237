"""Several pasted texts about one process, put together into one Recording.

Logs of tools become given series; the kernel's own text becomes samples. A text without a time is taken
to be of the end of what has times: that is when somebody looked closer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from memlab.errors import Malformed, Refused, Unsupported
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.observe.files import reading
from memlab.observe.pasted.kinds import KINDS, kind_of
from memlab.observe.pasted.taken import Taken
from memlab.observe.pasted.text import lines_of
from memlab.procfs.host import InstantTexts

MOST_BYTES = 256 << 20


def open_pasted(paths: Iterable[str], pid: int | None = None) -> Recording:
    """Read texts, `-` being stdin; `pid` chooses among several processes of a log.

    Raises Gone and Denied for a file that cannot be read, Unsupported for a text that is none of the
    kinds, Refused for texts of different processes.
    """
    taken: list[tuple[str, Taken]] = []
    for path in paths:
        lines = lines_of(_content(path))
        kind = kind_of(lines)
        if kind is None:
            known = ", ".join(kind.name for kind in KINDS)
            raise Unsupported(
                f"{path} is nothing that memlab knows", f"it reads {known}, and recordings"
            )
        try:
            taken.append((path, kind.read(lines, pid or _pid(taken))))
        except (ValueError, LookupError) as error:
            raise Malformed(
                path, 0, str(error), f"looks like {kind.name}, and is damaged:"
            ) from None
    return _merged(taken)


def _content(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MOST_BYTES)
    with reading(path), Path(path).open("rb") as file:
        return file.read(MOST_BYTES)


def _pid(taken: Sequence[tuple[str, Taken]]) -> int | None:
    """Of the texts so far."""
    return next((one.pid for _, one in taken if one.pid is not None), None)


def _merged(taken: Sequence[tuple[str, Taken]]) -> Recording:
    pids = {one.pid: path for path, one in taken if one.pid is not None}
    if len(pids) > 1:
        words = " and ".join(f"pid {pid} in {path}" for pid, path in pids.items())
        raise Refused(f"these are of different processes: {words}", "hand in the files of one")
    pid = next(iter(pids), 0)
    comm = next((one.comm for _, one in taken if one.comm), None)
    given: dict[str, Series] = {}
    for _, one in taken:
        given |= {name: series for name, series in one.series.items() if name not in given}
    end = max((float(series.times[-1]) for series in given.values() if len(series)), default=0.0)
    target = {"pid": pid, "comm": comm or "?"}
    return Recording(
        Header(target=target, asked={"pasted": True}),
        _samples(taken, pid, end),
        given=given,
        sources=tuple(f"{path}: {sentence}" for path, one in taken for sentence in _sources(one)),
        told=tuple(sentence for _, one in taken for sentence in one.told),
    )


def _sources(one: Taken) -> Iterable[str]:
    yield one.what
    yield from one.cannot


def _samples(taken: Sequence[tuple[str, Taken]], pid: int, end: float) -> tuple[Sample, ...]:
    """One for each time; texts without a time are of the end, each kind once a sample."""
    instants: dict[float, dict[str, bytes]] = {}
    for _, one in taken:
        for time, name, text in one.texts:
            at = end if time is None else time
            path = "/proc/" + name.replace("PID", str(pid), 1)
            while path in instants.get(at, {}):
                at += 1.0  # a second look without a time comes after the first one
            instants.setdefault(at, {})[path] = text
    blank = Sample(0, pid, 0.0, 0.0, 0.0, 0.0, InstantTexts({}, []))
    return tuple(
        replace(blank, index=n, monotonic=at, texts=InstantTexts(instants[at], []))
        for n, at in enumerate(sorted(instants))
    )
