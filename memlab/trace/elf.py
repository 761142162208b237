"""What an ELF file says that tracing needs: where its bytes are loaded, and what names it holds (elf(5))."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_LOAD, _INTERP = 1, 3
_SECTIONS = 1 << 16


@dataclass(frozen=True)
class Elf:
    """loads: (offset in the file, address, bytes in the file) of what is loaded; sections: their names.

    static: it has no interpreter, so the loader puts nothing in between.
    """

    loads: tuple[tuple[int, int, int], ...]
    sections: frozenset[str]
    static: bool

    @property
    def has_lines(self) -> bool:
        """Whether it holds the lines of its source (DWARF)."""
        return bool({".debug_line", ".zdebug_line"} & self.sections)

    @property
    def has_names(self) -> bool:
        """Whether it holds the names of its functions, besides those it exports."""
        return ".symtab" in self.sections

    def address(self, offset: int) -> int:
        """The address, as the file counts them, of an offset in the file."""
        for start, address, size in self.loads:
            if start <= offset < start + size:
                return offset - start + address
        return offset


def read(path: str) -> Elf | None:
    """None where it is no ELF file of 64 bits, little-endian; OSError where it cannot be read."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return None
        programs, sections = struct.unpack_from("<QQ", head, 32)
        _, each, count, size, number, names = struct.unpack_from("<6H", head, 52)
        file.seek(programs)
        table = file.read(each * count)
        loads, interpreted = [], False
        for at in range(0, len(table) - 55, each or 56):
            kind, _, offset, address, _, filesz = struct.unpack_from("<IIQQQQ", table, at)
            interpreted |= kind == _INTERP
            if kind == _LOAD:
                loads.append((offset, address, filesz))
        file.seek(sections)
        rows = file.read(size * number)
        headers = [struct.unpack_from("<IIQQQQ", rows, at) for at in range(0, len(rows) - 63, 64)]
        strings = b""
        if names < len(headers):
            file.seek(headers[names][4])
            strings = file.read(min(headers[names][5], _SECTIONS))
    found = frozenset(
        strings[header[0] :].partition(b"\0")[0].decode(errors="replace") for header in headers
    )
    return Elf(tuple(loads), found, not interpreted)
