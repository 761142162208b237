"""What an ELF file says that tracing needs: where its bytes are loaded, and what names it holds (elf(5))."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LOAD, _INTERP, _EH_FRAME = 1, 3, 0x6474E550
_SYMBOLS = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_SECTIONS = 1 << 16


@dataclass(frozen=True)
class Elf:
    """loads: (offset in the file, address, bytes in the file) of what is loaded; sections: their names.

    static: it has no interpreter, so the loader puts nothing in between. eh_frame_hdr: (offset in the file, address) of
    the index of unwind tables; eh_frame: (offset, address, bytes) of the tables.
    """

    loads: tuple[tuple[int, int, int], ...]
    sections: frozenset[str]
    static: bool
    eh_frame_hdr: tuple[int, int] | None = None
    eh_frame: tuple[int, int, int] | None = None

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
        loads, interpreted, unwind = [], False, None
        for at in range(0, len(table) - 55, each or 56):
            kind, _, offset, address, _, filesz = struct.unpack_from("<IIQQQQ", table, at)
            interpreted |= kind == _INTERP
            if kind == _LOAD:
                loads.append((offset, address, filesz))
            elif kind == _EH_FRAME:
                unwind = offset, address
        file.seek(sections)
        rows = file.read(size * number)
        headers = [struct.unpack_from("<IIQQQQ", rows, at) for at in range(0, len(rows) - 63, 64)]
        strings = b""
        if names < len(headers):
            file.seek(headers[names][4])
            strings = file.read(min(headers[names][5], _SECTIONS))
    named = {
        strings[header[0] :].partition(b"\0")[0].decode(errors="replace"): header
        for header in headers
    }
    frame = named.get(".eh_frame")
    tables = None if frame is None else (frame[4], frame[3], frame[5])
    return Elf(tuple(loads), frozenset(named), not interpreted, unwind, tables)


def defines(path: str, names: Sequence[str]) -> frozenset[str]:
    """Those of these functions that the file itself has, by its tables of symbols; OSError where it cannot be read.

    Of several names for one function only that which was asked for first.
    """
    wanted, found = [name.encode() for name in names], dict[str, int]()
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return frozenset()
        (start,) = struct.unpack_from("<Q", head, 40)
        size, number = struct.unpack_from("<2H", head, 58)
        file.seek(start)
        rows = file.read(size * number)
        headers = [struct.unpack_from("<IIQQQQI", rows, at) for at in range(0, len(rows) - 63, 64)]
        for header in headers:
            if header[1] not in _SYMBOLS or header[6] >= len(headers):
                continue
            file.seek(headers[header[6]][4])
            strings = file.read(headers[header[6]][5])
            # names share their tails: malloc may be the end of __libc_malloc
            places = {at: name for name in wanted for at in _places(strings, name + b"\0")}
            file.seek(header[4])
            for at, info, _, section, address, _ in struct.iter_unpack(
                "<IBBHQQ", file.read(header[5] // 24 * 24)
            ):
                if section and info & 15 in _FUNCTIONS and at in places:
                    found[places[at].decode()] = address
    return frozenset({found[name]: name for name in reversed([*names]) if name in found}.values())


def _places(text: bytes, part: bytes) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
