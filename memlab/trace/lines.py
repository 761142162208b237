"""From addresses to functions and lines of source: binutils' addr2line, where debug info allows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from memlab.model.stacks import Frame
from memlab.trace import elf

_SECONDS = 60


@dataclass(frozen=True)
class Place:
    """An address that a stack names: offset in the file of its module, and the function that the tool gave."""

    module: str
    offset: int
    function: str = ""


@dataclass
class Lines:
    """Knows the frames of places: one for each, or several where the compiler inlined. Counts what it lacks.

    pid: whose root and program the paths are of; it must still run.
    """

    pid: int
    _known: dict[Place, tuple[Frame, ...]] = field(default_factory=dict)
    _without_lines: set[str] = field(default_factory=set)
    _stripped: set[str] = field(default_factory=set)
    _unread: set[str] = field(default_factory=set)

    def learn(self, places: Iterable[Place]) -> None:
        """Look up all that are not known yet, a module at a time."""
        modules: dict[str, list[Place]] = defaultdict(list)
        for place in places:
            if place not in self._known:
                self._known[place] = (Frame(place.function, module=place.module),)
                modules[place.module].append(place)
        for module, wanted in modules.items():
            self._learn(module, wanted)

    def frames(self, places: Iterable[Place]) -> tuple[Frame, ...]:
        """Innermost first, as the places are."""
        return tuple(frame for place in places for frame in self._known[place])

    def doubts(self) -> list[str]:
        """What was not to be had, of modules that are not the C library's."""
        said = []
        if shutil.which("addr2line") is None:
            said.append("addr2line is not here, so there are no lines: apt-get install binutils")
        else:
            said += [
                f"{name} has no debug info, so it has no lines: build it with -g, or install its -dbgsym package"
                for name in sorted(self._without_lines - self._stripped)
            ]
        said += [
            f"{name} is stripped: only functions that it exports have names, and these may be the wrong ones; "
            "build it with -g and without -s"
            for name in sorted(self._stripped)
        ]
        said += [
            f"{name} cannot be read from here, so it has no lines" for name in sorted(self._unread)
        ]
        return said

    def _learn(self, module: str, wanted: list[Place]) -> None:
        own = not Frame("", module=module).is_runtime
        try:
            path = self._path(module)
            file = elf.read(path)
        except OSError:
            if own:
                self._unread.add(module)
            return
        if file is None:
            return
        if own and not file.has_lines:
            self._without_lines.add(module)
        if own and not file.has_names:
            self._stripped.add(module)
        # a return address is that of the next instruction, which may be of the next line
        found = _addr2line(path, [file.address(place.offset) - 1 for place in wanted])
        for place, frames in zip(wanted, found, strict=False):
            named = [Frame(name or place.function, *where, module) for name, where in frames]
            if named and (named[-1].line is not None or not place.function):
                self._known[place] = tuple(named)

    def _path(self, module: str) -> str:
        """As this process sees it: its own root, and a program that was replaced since, by /proc."""
        there = f"/proc/{self.pid}/root{module}"
        if os.path.exists(there):
            return there
        program = f"/proc/{self.pid}/exe"
        return program if os.readlink(program).startswith(module) else module


_Named = tuple[str, tuple[str | None, int | None]]
_ADDRESS = re.compile(r"0x[0-9a-f]+$")


def _addr2line(path: str, addresses: list[int]) -> list[list[_Named]]:
    """For each address the functions, innermost first, that were inlined there, each with file and line."""
    if shutil.which("addr2line") is None:
        return []
    try:
        done = subprocess.run(
            ["addr2line", "-a", "-f", "-i", "-C", "-e", path],
            input="\n".join(map(hex, addresses)),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    answers: list[list[_Named]] = []
    function = None
    for line in done.stdout.splitlines():
        if _ADDRESS.match(line):
            answers.append([])
            function = None
        elif function is None:
            function = line
        elif answers:
            answers[-1].append(("" if function == "??" else function, _where(line)))
            function = None
    return answers


def _where(text: str) -> tuple[str | None, int | None]:
    """`/src/heap.c:17 (discriminator 2)`; `??:?` is nowhere."""
    file, _, number = text.partition(" (")[0].rpartition(":")
    if file in ("", "??"):
        return None, None
    return file, int(number) if number.isdigit() and number != "0" else None
