"""Many smaps_rollup at once say what each says by itself, or are left aside."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.errors import Malformed
from memlab.observe.processes import pids
from memlab.procfs import rollup_table, smaps_rollup
from memlab.procfs.host import Host

HOST = Host()
NAMES = ("Rss", "Pss", "Pss_Dirty", "Anonymous", "AnonHugePages", "Swap")


def text(start=0x558398E1C000, end=0x7FFCBB4A2000, **values):
    """As fs/proc/task_mmu.c prints it: addresses of eight digits at least, then up to column 73."""
    header = f"{start:08x}-{end:08x} ---p 00000000 00:00 0".ljust(73) + "[rollup]\n"
    lines = [f"{name}:".ljust(16) + f"{values.get(name, 0):8} kB\n" for name in NAMES]
    return (header + "".join(lines)).encode()


def test_every_process_of_this_machine():
    texts = [
        answer
        for answer in HOST.read_each(f"/proc/{pid}/smaps_rollup" for pid in pids(HOST))
        if isinstance(answer, bytes)
    ]
    table = rollup_table.parse(texts)
    mine = smaps_rollup.read(HOST, os.getpid())
    assert table.names == tuple(mine.sizes)
    assert table.alike.any()
    for at in table.alike.nonzero()[0]:
        assert table.row(at) == smaps_rollup.parse(texts[at])
        assert list(table.row(at).sizes) == list(mine.sizes)


def test_what_looks_otherwise_is_left_aside():
    texts = [
        text(Rss=1),
        text(
            start=0x400000, Rss=2
        ),  # as long as the others, its addresses are not where theirs are
        text(Rss=123456789),  # nine digits: more than 95 GiB
        text(Rss=99999999, Swap=7),
        text(start=0x7FFCBB4A2000, end=0x558398E1C000),
        b"",
        text(Rss=3)[:-7] + b" kB 0\n\n\n",
    ]
    table = rollup_table.parse(texts)
    assert table.alike.tolist() == [True, True, False, True, False, False, False]
    for row in (1, 3):
        assert table.row(row) == smaps_rollup.parse(texts[row])
    with pytest.raises(IndexError):
        table.row(2)


def test_the_order_does_not_matter_when_the_first_looks_otherwise():
    texts = [text(Rss=123456789), text(start=0x400000), text(Rss=5), text(Rss=6)]
    table = rollup_table.parse(texts)
    assert table.alike.tolist() == [False, True, True, True]
    assert table.start.tolist()[1:3] == [0x400000, 0x558398E1C000]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [b""],
        [b"x" * 30],
        [text().replace(b"Rss", b"Abc")],
        [text(Rss=123456789)] * 2,
    ],
)
def test_where_nobody_can_be_the_model_all_are_left_aside(texts):
    assert rollup_table.parse(texts).alike.tolist() == [False] * len(texts)


@given(
    at=st.integers(0, len(text()) - 1),
    put=st.binary(min_size=1, max_size=3) | st.sampled_from([b"0", b" ", b"9", b":", b"\n"]),
    first=st.integers(0, 2),
)
def test_a_damaged_text_is_left_aside_or_says_what_it_says_alone(at, put, first):
    whole = text(Rss=12345, Pss=99)
    damaged = (whole[:at] + put + whole[at + len(put) :])[: len(whole)]
    texts = [whole, whole]
    texts.insert(first, damaged)
    table = rollup_table.parse(texts)
    for alike, one, row in zip(table.alike, texts, range(3), strict=True):
        if not alike:
            continue
        try:
            alone = smaps_rollup.parse(one)
        except Malformed:
            pytest.fail(f"{one!r} was taken")
        assert table.row(row) == alone
