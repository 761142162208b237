"""Files that appear on tmpfs while a process is watched: whoever made them, they stay when it ends.

Only what is new is asked about, so that thousands of old files cost a listing and no more. A listing alone tells
folders from files (d_type of getdents64(2)); a link is neither, and is not followed. How many names a folder has
is in its own size, so that is asked wherever it changed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from memlab.errors import Denied, Gone, Unsupported
from memlab.procfs.host import Host

_MOST_NAMES = 20_000  # in one look: some 10 ms
_MOST_FOLDERS = 200
_MOST_NEW = 16  # asked about in each folder at each look; of the others only the number is known
_MOST_AGAIN = 4  # of the latest, which may still be written to


@dataclass(frozen=True)
class _Folder:
    """What was in it at `changed` (st_mtime_ns): tmpfs sets that with each name that comes or goes (mm/shmem.c)."""

    changed: int
    files: frozenset[str]
    folders: tuple[str, ...]


class NewFiles:
    """Remembers which names were on one mount, and asks for the size of those that came after the first look."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._fill: dict[str, int] = {}
        self._folders: dict[str, _Folder] = {}
        self._known: set[str] | None = None
        self._new: dict[str, None] = {}  # in the order in which they came

    def look(self, host: Host, fill: dict[str, int]) -> None:
        """Stats of what is new, of what was new a moment ago, of what is gone again, and of folders that changed.

        Nothing where as many bytes and names are in use as before, by `fill` (the fields of Statvfs). A mount
        without a limit does not count them.
        """
        if fill == self._fill and fill["blocks"] and fill["files"]:
            return
        self._fill = fill
        before = self._folders
        there = self._all()
        for path, folder in self._folders.items():
            if before.get(path) is not folder:
                _ask(host, path)
        if self._known is None:
            self._known = there
            return
        self._known &= there
        gone = [path for path in self._new if path not in there]
        again = list(self._new)[-_MOST_AGAIN:]
        new = _some_of_each(there - self._known - self._new.keys())
        self._known |= there - self._new.keys() - set(new)
        self._new.update(dict.fromkeys(new))
        for path in dict.fromkeys([*gone, *again, *new]):
            _ask(host, path)
        for path in gone:
            del self._new[path]

    def _all(self) -> set[str]:
        """All regular files, by path; folders breadth first, as far as the bounds go."""
        found: set[str] = set()
        seen: dict[str, _Folder] = {}
        waiting = deque([self._place])
        while waiting and len(seen) < _MOST_FOLDERS and len(found) < _MOST_NAMES:
            path = waiting.popleft()
            if path not in seen and (folder := self._folder(path)):
                seen[path] = folder
                found |= folder.files
                waiting.extend(folder.folders)
        self._folders = seen
        return found

    def _folder(self, path: str) -> _Folder | None:
        """Read anew where it changed; None where it may not be read, or is gone."""
        try:
            place = os.lstat(path)
            known = self._folders.get(path)
            if known is not None and known.changed == place.st_mtime_ns:
                return known
            with os.scandir(path) as entries:
                return _read(entries, place)
        except OSError:
            return None


def _some_of_each(paths: Iterable[str]) -> list[str]:
    """The first so many of each folder."""
    folders: dict[str, list[str]] = {}
    for path in sorted(paths):
        folders.setdefault(os.path.dirname(path), []).append(path)
    return [path for files in folders.values() for path in files[:_MOST_NEW]]


def _ask(host: Host, path: str) -> None:
    with suppress(Denied, Gone, Unsupported):
        host.stat(path)


def _read(entries: Iterable[os.DirEntry[str]], place: os.stat_result) -> _Folder:
    files, folders = [], []
    for entry in islice(entries, _MOST_NAMES):
        if entry.is_file(follow_symlinks=False):
            files.append(entry.path)
        elif entry.is_dir(follow_symlinks=False) and entry.stat().st_dev == place.st_dev:
            folders.append(entry.path)
    return _Folder(place.st_mtime_ns, frozenset(files), tuple(folders))
