"""The tables of pmap keep their columns whatever stands in them."""

from memlab.model.memory import MemoryType, RegionKind
from memlab.model.pmap import Line, Pmap
from memlab.present.pmap import pmap_full_text, pmap_text

KIB = 1024


def line(size, name):
    columns = {"Size": size, "Rss": 4 * KIB}
    kind, type_ = RegionKind.PLAIN_ANONYMOUS, MemoryType.PRIVATE_ANONYMOUS
    return Line(0x7F0000000000, size, 4 * KIB, 0, "rw---", name, type_, kind, columns)


def test_ten_digits_of_address_space_move_the_whole_column():
    # a browser's address space in kB has ten
    found = Pmap(7, "chromium", (line(1518390036 * KIB, "cage"), line(8 * KIB, "small")))
    _, *short = pmap_text(found).splitlines()
    for lines, head in ((short, "Kbytes"), (pmap_full_text(found).splitlines(), "Size")):
        header, wide, small, total = lines[0], lines[1], lines[2], lines[-1]
        ends = {
            header.index(head) + len(head), wide.index("1518390036") + 10,
            small.index(" 8 ") + 2, total.index("1518390044") + 10,
        }  # fmt: skip
        assert len(ends) == 1, lines
        assert wide.index("cage") == small.index("small")
