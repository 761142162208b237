"""Unwind tables: ours against readelf's reading of the same file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memlab.procfs.maps import Mapping
from memlab.trace import cfi, elf, walk
from memlab.trace.cfi import BP, SP, Table

pytestmark = pytest.mark.needs("readelf")
_CFA = re.compile(r"r(sp|bp)\+(\d+)$")
_PLACE = re.compile(r"c[+-]\d+$")
_SPAN = re.compile(r"pc=[0-9a-f]+\.\.([0-9a-f]+)")
REGISTERS = {"sp": SP, "bp": BP}


def rules_by_readelf(path):
    """(address, rule or None) of each row that readelf prints."""
    out = subprocess.run(["readelf", "-wF", path], capture_output=True, text=True).stdout
    columns, found, end = [], [], 0
    for line in out.splitlines():
        words = line.split()
        if " CIE" in line or " FDE " in line:
            columns, span = [], _SPAN.search(line)
            end = int(span[1], 16) if span else 0  # a last row may stand behind the function
        elif words[:1] == ["LOC"]:
            columns = words
        elif columns and len(words) == len(columns) and int(words[0], 16) < end:
            found.append((int(words[0], 16), _rule(dict(zip(columns, words, strict=True)))))
    return found


def _rule(row):
    cfa, bp, ra = _CFA.match(row["CFA"]), row.get("rbp", "u"), row["ra"]
    if cfa is None or (bp != "u" and not _PLACE.match(bp)):
        return None
    where = None if ra == "u" else int(ra[1:])
    return cfi.Rule(REGISTERS[cfa[1]], int(cfa[2]), where, None if bp == "u" else int(bp[1:]))


def mapped(name):
    """The file of this very process that has that in its name."""
    lines = (line.split() for line in Path("/proc/self/maps").read_text().splitlines())
    return next((line[5] for line in lines if len(line) > 5 and name in line[5]), None)


@pytest.mark.parametrize("name", ["libc.so", "libm.so", "libpython"])
def test_every_rule_is_the_one_that_readelf_finds(name):
    path = mapped(name)
    if path is None:
        pytest.skip(f"no {name} here")
    table, rows = Table(path), rules_by_readelf(path)
    step = max(1, len(rows) // 2000)
    wrong = [
        (hex(address), table.rule(address), rule)
        for address, rule in rows[::step]
        if table.rule(address) != rule
    ]
    assert wrong == []
    assert len(rows[::step]) > 500


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_program_without_an_index_has_the_same_rules(tmp_path):
    """As linkers leave static ones: the tables are searched instead."""
    source, program = tmp_path / "x.c", tmp_path / "x"
    source.write_text(
        "int f(int n) { return n ? f(n - 1) + n : 0; }\nint main(int c, char **v) { return f(c); }\n"
    )
    subprocess.run(
        ["gcc", "-O1", "-Wl,--no-eh-frame-hdr", "-o", program, source],
        check=True, capture_output=True,
    )  # fmt: skip
    assert elf.read(str(program)).eh_frame_hdr is None
    table, rows = Table(str(program)), rules_by_readelf(program)
    assert rows
    assert [(address, table.rule(address)) for address, _ in rows] == rows


def test_names_that_a_file_has_itself_are_found():
    libc = mapped("libc.so")
    if libc is None:
        pytest.skip("no shared C library here")
    assert elf.defines(libc, ("malloc", "free", "no_such_function")) == {"malloc", "free"}
    # one function by two names
    assert elf.defines(libc, ("free", "cfree")) == {"free"}
    assert elf.defines(__file__, ("malloc",)) == frozenset()


def test_a_stack_without_tables_is_walked_by_frame_pointers_and_ends_where_the_copy_does():
    code = Mapping(0x1000, 0x9000, "r-xp", 0, "0:0", 0, "")
    words = [0x7010, 0x1111, 0x7020, 0x2222, 0x7FF0, 0x3333]
    stack = b"".join(word.to_bytes(8, "little") for word in words)
    space = walk.Space(1, [code])
    found = []
    space.mapping = lambda address: found.append(address) or (code if address < 0x9000 else None)
    assert space.walk(walk.Top(0x1234, 0x6FF8, 0x7000, b"\0" * 8 + stack)) == ()
    # each rbp leads to the next, and beside it lies the address to return to; the last lies beyond the copy
    assert found == [0x1234, 0x1111, 0x2222, 0x3333]
