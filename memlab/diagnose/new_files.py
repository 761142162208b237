"""Which files on tmpfs appeared while the process was watched, and which of them grew as one thing grows.

One program names its files alike: what it made is told from what others made in the same folder by the name
without its numbers. Whether a group is this process's is another question (`outside.whose`).
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs.answers import Call

# numbers, and the hexadecimal ones that are long enough not to be words
_NUMBER = re.compile(r"[0-9a-f]{8,}|[0-9]+")
_NAME_BYTES = 20  # of the size of a folder on tmpfs (mm/shmem.c, BOGO_DIRENT_SIZE)
_MOST_GROUPS = 32  # the largest; with names at random each file is a group of its own


@dataclass(frozen=True)
class Group:
    """New files of one folder, all (`stem` empty) or those of one name without its last number, or without all.

    used: bytes that they take, of those that were asked about, and of a whole folder as if the others were alike;
    files: how many they are. Both begin at 0.
    """

    folder: str
    stem: str
    used: Series
    files: Series

    @property
    def place(self) -> str:
        """As a shell would match them."""
        return f"{self.folder}/{self.stem or '*'}"


_Key = tuple[str, str]


def groups(recording: Recording, places: list[str]) -> list[Group]:
    """The groups on these mounts that hold most in the end, folders as a whole among them."""
    looks = list(_looks(recording, places))
    if not looks:
        return []
    last = looks[-1][1]
    keys = [key for key, (used, files) in last.items() if files > 0]
    keys.sort(key=lambda key: last[key], reverse=True)
    return [
        Group(
            *key,
            recording.collect("new files", _getter(looks, key, 0), source="stat st_blocks"),
            recording.collect("new files", _getter(looks, key, 1), unit="count", source="listing"),
        )
        for key in keys[:_MOST_GROUPS]
    ]


_Sums = dict[_Key, tuple[int, int]]


def _looks(recording: Recording, places: list[str]) -> Iterator[tuple[int, _Sums]]:
    """(index of the sample, (bytes, files) of each group) at each look, from the first one on."""
    devices = {mount.device for sample in recording for mount in sample.tmpfs_mounts}

    def on_mounts(call: Call) -> bool:
        if call.error is not None:
            return call.path in held
        return call.result["device"] in devices and _lies_in(call.path, places)

    held: dict[str, int] = {}
    names: dict[str, int] = {}
    used: Counter[_Key] = Counter()
    count: Counter[_Key] = Counter()
    there: Counter[str] = Counter()  # names more in a folder
    for sample in recording:
        asked = [c for c in sample.texts.calls if c.kind == "stat" and on_mounts(c)]
        if not asked:
            continue  # no look: the first one asks for all folders, and once a file is new each asks for it again
        for call in asked:
            is_there = call.error is None
            if is_there and stat.S_ISDIR(call.result["mode"]):
                now = call.result["size_bytes"] // _NAME_BYTES
                there[call.path] = now - names.setdefault(call.path, now)
                continue
            before, now = held.pop(call.path, None), 0
            if is_there:
                now = held[call.path] = call.result["allocated_bytes"]
            for key in _keys(call.path):
                used[key] += now - (before or 0)
                count[key] += is_there - (before is not None)
        sums = {key: (used[key], count[key]) for key in count}
        for folder, more in there.items():
            size, known = sums.get((folder, ""), (0, 0))
            sums[folder, ""] = (size * max(more, known) // max(known, 1), more)
        yield sample.index, sums


def _lies_in(path: str, places: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place.rstrip('/')}/") for place in places)


def _keys(path: str) -> set[_Key]:
    folder, _, name = path.rpartition("/")
    numbers = list(_NUMBER.finditer(name))
    last = name if not numbers else name[: numbers[-1].start()] + "*" + name[numbers[-1].end() :]
    return {(folder, ""), (folder, last), (folder, _NUMBER.sub("*", name))}


def _getter(
    looks: list[tuple[int, _Sums]], key: _Key, which: int
) -> Callable[[Sample], float | None]:
    values = {index: float(sums.get(key, (0, 0))[which]) for index, sums in looks}
    return lambda sample: values.get(sample.index)
