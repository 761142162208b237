"""Our table of mappings is that of `pmap -x` and of `pmap -XX`, to the kB."""

import math

import pytest

from memlab.model.pmap import NOT_SUMMED, pmap
from memlab.observe.sampler import Sampler
from memlab.present.pmap import pmap_full_text, pmap_text
from memlab.units import KIB

pytestmark = [pytest.mark.live, pytest.mark.needs("pmap")]


# pmap is a process itself: of the files that it maps too, libc above all, each page has one user more
# while pmap looks, and what was private to ours may be shared then. These numbers do not depend on it.
STEADY = ("Size", "Rss", "Anonymous", "Swap")


def in_print(line, name):
    value = line.columns[name]
    return value if name in ("THPeligible", "ProtectionKey") else value // KIB


@pytest.fixture(scope="module")
def ours(still):
    return pmap(Sampler(still, stall=math.inf).take(must=True))


def test_every_line_and_the_total_of_pmap_x(ours, still, said):
    _, header, *lines, _, total = said("pmap", "-x", still)
    assert header.split() == ["Address", "Kbytes", "RSS", "Dirty", "Mode", "Mapping"]
    theirs = [line.split()[:5] for line in lines]
    assert [
        [f"{m.start:016x}", *(str(n // KIB) for n in (m.size, m.rss, m.dirty)), m.mode]
        for m in ours.lines
    ] == theirs
    sums = [ours.total[name] // KIB for name in ("Size", "Rss", "Dirty")]
    assert total.split() == ["total", "kB", *map(str, sums)]
    printed = pmap_text(ours).splitlines()
    assert [line.split()[:5] for line in printed[2:-2]] == theirs
    assert printed[-1].split() == total.split()


def test_names_are_those_of_pmap_but_for_its_words_for_what_has_none(ours, still, said):
    """pmap calls all memory without a file [ anon ], [vdso] and [vsyscall] too; the kernel names them."""
    lines = said("pmap", "-x", still)[2:-2]
    for mine, theirs in zip(ours.lines, lines, strict=True):
        # the address, three numbers, the mode: what follows may hold blanks
        name = theirs.split(None, 5)[5]
        if name == "[ anon ]":
            assert mine.name == "" or mine.name.startswith("[")
        elif name == "[ stack ]":
            assert mine.name == "[stack]"
        else:
            assert mine.name == name


def test_every_column_that_pmap_prints_of_smaps(ours, still, said):
    """-XX prints all that the kernel provides, VmFlags too; -X leaves some out."""
    for option in ("-X", "-XX"):
        _, header, *lines = said("pmap", option, still)
        names = header.split()
        sizes = [name for name in names[5:] if name not in ("VmFlags", "VmFlagsMapping", "Mapping")]
        assert {"Size", "Rss", "Pss", "Swap"} <= set(sizes)
        for mine, line in zip(ours.lines, lines, strict=False):
            words = line.split()
            assert int(words[0], 16) == mine.start
            numbers = dict(zip(sizes, map(int, words[5:]), strict=False))
            for name in STEADY if mine.name[:1] not in ("", "[") else sizes:
                assert numbers[name] == in_print(mine, name), (name, line)


def test_the_full_table_has_each_number_and_the_sums(ours):
    header, *lines, total = pmap_full_text(ours).splitlines()
    names = header.split()[2:-2]
    assert names == list(ours.lines[0].columns)
    for mine, line in zip(ours.lines, lines, strict=True):
        numbers = dict(zip(names, map(int, line.split()[2:]), strict=False))
        assert numbers["Pss"] == mine.columns["Pss"] // KIB
        assert numbers["THPeligible"] == mine.columns["THPeligible"]
    summed = [name for name in names if name not in NOT_SUMMED]
    assert total.split()[2:] == [str(ours.total[name] // KIB) for name in summed]
