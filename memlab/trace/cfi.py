"""How to find the caller of a frame without frame pointers: the tables that compilers write for exceptions.

`.eh_frame` says for every instruction where the frame begins (the CFA) and where in it the return address and
the caller's rbp lie; `.eh_frame_hdr` is an index of it by address (LSB Core, "Exception Frames"; DWARF 5, 6.4).
Only what ordinary code on x86-64 needs is read; of the rest (expressions, other registers) no rule is known.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memlab.trace import elf

BP, SP, _RETURN = (
    6,
    7,
    16,
)  # DWARF's numbers of rbp, rsp and the return address (psABI x86-64, 3.6.2)
_OMIT = 0xFF
_FIXED = {0x00: "<Q", 0x02: "<H", 0x03: "<I", 0x04: "<Q", 0x0A: "<h", 0x0B: "<i", 0x0C: "<q"}


@dataclass(frozen=True)
class Rule:
    """register + offset is the CFA; at CFA + ra lies the return address (None: there is no caller), at CFA + bp the
    caller's rbp (None: it is still in the register).
    """

    register: int
    offset: int
    ra: int | None = -8
    bp: int | None = None


class Cursor:
    """Reads a file forward; `shift` makes an address of a position."""

    def __init__(self, data: bytes | mmap.mmap, at: int, shift: int = 0) -> None:
        self.data, self.at, self.shift = data, at, shift

    def take(self, form: str) -> int:
        """One number of struct's form."""
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def uleb(self) -> int:
        """A number in groups of seven bits, the lowest first."""
        value = bits = 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << bits
            bits += 7
            if byte < 0x80:
                return value

    def sleb(self) -> int:
        """The same, with a sign."""
        start = self.at
        value = self.uleb()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if value >> (bits - 1) else value

    def pointer(self, encoding: int, base: int = 0) -> int | None:
        """An address as the file counts them; base: what "datarel" counts from. None where it is left out."""
        if encoding == _OMIT:
            return None
        here, form = self.at + self.shift, encoding & 0x0F
        if form in _FIXED:
            value = self.take(_FIXED[form])
        elif form in (0x01, 0x09):
            value = self.uleb() if form == 0x01 else self.sleb()
        else:
            raise ValueError(f"encoding {encoding:#x}")
        value += {0x10: here, 0x30: base}.get(encoding & 0x70, 0)
        return value & (1 << 64) - 1


@dataclass(frozen=True)
class _Common:
    """A CIE: what many functions share."""

    code: int
    data: int
    encoding: int
    augmented: bool
    instructions: tuple[int, int]


class Table:
    """Rules of one ELF file; OSError where it cannot be read. Without tables it knows none."""

    def __init__(self, path: str) -> None:
        self._known: dict[int, Rule | None] = {}
        self._starts: Sequence[int] = ()
        self._entries: Sequence[int] = ()
        found = elf.read(path)
        self._loads = () if found is None else found.loads
        if found is None or not (found.eh_frame_hdr or found.eh_frame):
            return
        with open(path, "rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            if found.eh_frame_hdr is None or not self._indexed(*found.eh_frame_hdr):
                self._searched(*(found.eh_frame or (0, 0, 0)))
        except (ValueError, struct.error, IndexError):
            return  # what was found until then will do

    def _indexed(self, at: int, address: int) -> bool:
        """By .eh_frame_hdr, of the only kind that linkers write: pairs of signed ints, counted from its own place."""
        head = Cursor(self._data, at, address - at)
        version, frame, count, table = (head.take("B") for _ in range(4))
        head.pointer(frame, address)
        rows = head.pointer(count, address)
        if version != 1 or table != 0x3B or not rows:
            return False
        pairs = struct.unpack_from(f"<{2 * rows}i", self._data, head.at)
        self._starts = [start + address for start in pairs[::2]]
        self._entries = [entry + address for entry in pairs[1::2]]
        return True

    def _searched(self, at: int, address: int, size: int) -> None:
        """All of .eh_frame, as the linker of a static program leaves it without an index."""
        found, cursor = list[tuple[int, int]](), Cursor(self._data, at, address - at)
        while cursor.at + 4 < at + size:
            entry = cursor.at
            length = cursor.take("<I")
            if length in (0, 0xFFFFFFFF):
                break
            here = cursor.at
            back = cursor.take("<I")
            if back:  # not a CIE
                try:
                    encoding = self._common(here - back, cursor.shift).encoding
                    begin = cursor.pointer(encoding)
                except ValueError:
                    begin = None
                if begin is not None:
                    found.append((begin, entry + cursor.shift))
            cursor.at = here + length
        found.sort()
        self._starts = [start for start, _ in found]
        self._entries = [entry for _, entry in found]

    def address(self, offset: int) -> int:
        """As the file counts them, of an offset in the file."""
        for start, address, size in self._loads:
            if start <= offset < start + size:
                return offset - start + address
        return offset

    def rule(self, address: int) -> Rule | None:
        """For the instruction at an address as the file counts them; None where nothing is known of it."""
        if address not in self._known:
            try:
                self._known[address] = self._look(address)
            except (ValueError, struct.error, IndexError):
                self._known[address] = None
        return self._known[address]

    def _look(self, address: int) -> Rule | None:
        at = bisect_right(self._starts, address) - 1
        return self._function(self._entries[at], address) if at >= 0 else None

    def _cursor(self, address: int) -> Cursor:
        for offset, start, size in self._loads:
            if start <= address < start + size:
                return Cursor(self._data, address - start + offset, start - offset)
        raise ValueError(hex(address))

    def _function(self, entry: int, address: int) -> Rule | None:
        """Of an FDE: the rules at this address of its function."""
        cursor = self._cursor(entry)
        size = cursor.take("<I")
        if size in (0, 0xFFFFFFFF):
            return None
        end = cursor.at + size
        at = cursor.at
        common = self._common(at - cursor.take("<I"), cursor.shift)
        begin = cursor.pointer(common.encoding)
        length = cursor.pointer(common.encoding & 0x0F)
        if begin is None or length is None or not begin <= address < begin + length:
            return None
        if common.augmented:
            skip = cursor.uleb()
            cursor.at += skip
        first = _State(common).run(
            Cursor(self._data, common.instructions[0]), common.instructions[1]
        )
        state = _State(common, replace(first.row), first.row)
        state.location = begin
        return state.run(cursor, end, address).row.rule()

    def _common(self, at: int, shift: int) -> _Common:
        cursor = Cursor(self._data, at, shift)
        size = cursor.take("<I")
        end = cursor.at + size
        cursor.take("<I")
        version = cursor.take("B")
        text_end = self._data.find(b"\0", cursor.at)
        letters = self._data[cursor.at : text_end].decode("latin-1")
        cursor.at = text_end + 1
        code, data = cursor.uleb(), cursor.sleb()
        back = cursor.take("B") if version == 1 else cursor.uleb()
        if back != _RETURN:
            raise ValueError("return address")
        encoding, augmented = 0, letters.startswith("z")
        if augmented:
            cursor.uleb()
        for letter in letters[1:]:
            if letter == "R":
                encoding = cursor.take("B")
            elif letter == "P":
                cursor.pointer(cursor.take("B"))
            elif letter == "L":
                cursor.take("B")
            elif letter == "S":  # the frame of a signal: its caller did not call
                raise ValueError("signal")
        return _Common(code, data, encoding, augmented, (cursor.at, end))


@dataclass
class _Row:
    """The rules so far; saved: by register, CFA + offset; None where it is not on the stack as a plain value."""

    register: int | None = SP
    offset: int = 8
    ra: int | None = None
    bp: int | None = None
    ended: bool = False
    strange: bool = False

    def rule(self) -> Rule | None:
        if self.register not in (BP, SP) or self.strange:
            return None
        return Rule(self.register, self.offset, None if self.ended else self.ra, self.bp)


class _State:
    """Runs the instructions of DWARF 5, 6.4.2, up to an address."""

    def __init__(
        self, common: _Common, row: _Row | None = None, initial: _Row | None = None
    ) -> None:
        self.common, self.row, self.initial = common, row or _Row(), initial or _Row()
        self.location = 0
        self._kept: list[_Row] = []

    def run(self, cursor: Cursor, end: int, until: int | None = None) -> _State:
        while cursor.at < end:
            byte = cursor.take("B")
            high, low = byte & 0xC0, byte & 0x3F
            if high == 0x40:
                self.location += low * self.common.code
            elif high == 0x80:
                self._save(low, cursor.uleb() * self.common.data)
            elif high == 0xC0:
                self._restore(low)
            elif low in (0x02, 0x03, 0x04):
                form = {0x02: "B", 0x03: "<H", 0x04: "<I"}[low]
                self.location += cursor.take(form) * self.common.code
            else:
                self._other(low, cursor)
            if until is not None and self.location > until:
                break
        return self

    def _other(self, code: int, cursor: Cursor) -> None:
        data = self.common.data
        if code == 0x0A:
            self._kept.append(replace(self.row))
        elif code == 0x0B:
            self.row = self._kept.pop()
        elif code in (0x0C, 0x12):  # def_cfa, def_cfa_sf
            self.row.register = cursor.uleb()
            self.row.offset = cursor.uleb() if code == 0x0C else cursor.sleb() * data
        elif code == 0x0D:
            self.row.register = cursor.uleb()
        elif code in (0x0E, 0x13):
            self.row.offset = cursor.uleb() if code == 0x0E else cursor.sleb() * data
        elif code == 0x0F:  # the CFA is an expression
            self.row.register = None
            size = cursor.uleb()
            cursor.at += size
        elif code in (0x05, 0x11):  # offset_extended, and with a sign
            self._save(cursor.uleb(), (cursor.uleb() if code == 0x05 else cursor.sleb()) * data)
        elif code == 0x06:
            self._restore(cursor.uleb())
        elif code == 0x07:  # undefined: of the return address, that there is no caller
            register = cursor.uleb()
            self.row.ended |= register == _RETURN
            self.row.strange |= register == BP
        elif code == 0x08:
            if cursor.uleb() == BP:
                self.row.bp = None
        elif code in (0x10, 0x16):  # the place of a register is an expression, or its value is
            self.row.strange |= cursor.uleb() in (BP, _RETURN)
            size = cursor.uleb()
            cursor.at += size
        elif code in (0x09, 0x14, 0x15):  # in another register; a value that is no place
            self.row.strange |= cursor.uleb() in (BP, _RETURN)
            cursor.uleb()
        elif code == 0x2E:  # GNU_args_size
            cursor.uleb()
        elif code != 0:
            raise ValueError(f"instruction {code:#x}")

    def _save(self, register: int, offset: int) -> None:
        if register == BP:
            self.row.bp = offset
        elif register == _RETURN:
            self.row.ra = offset

    def _restore(self, register: int) -> None:
        if register == BP:
            self.row.bp = self.initial.bp
        elif register == _RETURN:
            self.row.ra = self.initial.ra
