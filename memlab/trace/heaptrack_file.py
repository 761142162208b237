"""heaptrack's two files: what was recorded (blocks, by pointer), and what `heaptrack_interpret` makes of it (names).

A line is a letter and numbers in hexadecimal. Recorded: `t IP PARENT` is the next stack, `+ BYTES STACK
POINTER` a block, `- POINTER` its end, `c MILLISECONDS` the time, `v PROGRAM FORMAT` the version. Interpreted:
`s LENGTH TEXT` is the next string, `i IP MODULE (FUNCTION FILE LINE)…` the next address with what was inlined
there, innermost first, `t ADDRESS PARENT` the next stack; all count from 1. (heaptrack: src/interpret.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from memlab.model.stacks import Frame

FORMATS = range(1, 4)


@dataclass
class Blocks:
    """Blocks that are held: by pointer, (bytes, stack, milliseconds since it began); what else was counted."""

    held: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    taken: int = 0
    freed: int = 0
    milliseconds: int = 0
    version: str = "?"
    format: int = 0


def read_blocks(lines: Iterable[str]) -> Blocks:
    """All of what was recorded; a last line that is cut is left out."""
    found = Blocks()
    for line in lines:
        if not line.endswith("\n"):
            break
        words = line.split()
        if not words:
            continue
        if words[0] == "+" and len(words) == 4:
            found.taken += 1
            found.held[words[3]] = int(words[1], 16), int(words[2], 16), found.milliseconds
        elif words[0] == "-" and len(words) == 2:
            found.freed += found.held.pop(words[1], None) is not None
        elif words[0] == "c" and len(words) == 2:
            found.milliseconds = int(words[1], 16)
        elif words[0] == "v" and len(words) == 3:
            number = int(words[1], 16)  # 0x10400 is 1.4.0
            found.version = f"{number >> 16}.{number >> 8 & 255}.{number & 255}"
            found.format = int(words[2], 16)
    return found


@dataclass
class Names:
    """Strings, addresses and stacks, each counted from 1."""

    strings: list[str] = field(default_factory=lambda: [""])
    addresses: list[tuple[Frame, ...]] = field(default_factory=lambda: [()])
    stacks: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def frames(self, stack: int) -> tuple[Frame, ...]:
        """Innermost first; () for a stack that there is not."""
        return tuple(self._frames(stack))

    def _frames(self, stack: int) -> Iterator[Frame]:
        while 0 < stack < len(self.stacks):
            address, parent = self.stacks[stack]
            yield from self.addresses[address] if address < len(self.addresses) else ()
            stack = parent if parent < stack else 0  # a parent was met before its child


def read_names(lines: Iterable[str]) -> Names:
    """What the interpreter says; lines that count blocks again are passed over."""
    found = Names()
    for line in lines:
        kind, _, rest = line.rstrip("\n").partition(" ")
        if kind == "s":
            found.strings.append(rest.partition(" ")[2])
        elif kind == "t":
            address, parent = (int(word, 16) for word in rest.split())
            found.stacks.append((address, parent))
        elif kind == "i":
            found.addresses.append(_address(found, [int(word, 16) for word in rest.split()]))
    return found


def _address(names: Names, numbers: list[int]) -> tuple[Frame, ...]:
    def text(number: int) -> str:
        return names.strings[number] if number < len(names.strings) else ""

    module = text(numbers[1]) if len(numbers) > 1 else ""
    calls = [numbers[at : at + 3] for at in range(2, len(numbers), 3)]
    frames = [
        Frame(text(call[0]), text(call[1]) or None, call[2] or None, module)
        if len(call) == 3
        else Frame(text(call[0]), module=module)
        for call in calls
    ]
    return tuple(frames) or (Frame("", module=module),)
