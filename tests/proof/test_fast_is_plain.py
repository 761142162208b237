"""The fast reader of smaps says what a plain one says, however the text is cut, repeated or changed."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from memlab.errors import Malformed
from memlab.procfs import smaps, smaps_lines, smaps_stream
from memlab.procfs.fields import snake
from memlab.procfs.host import Host
from tests.proof.bending import bent
from tests.proof.smaps_texts import NEW, UNITLESS, smaps_texts

DATA = Path(__file__).parent.parent / "data"
REAL = [
    *(path.read_bytes() for path in DATA.rglob("smaps")),
    (DATA / "captures" / "app_server.smaps.txt").read_bytes(),
    Path("/proc/self/smaps").read_bytes(),
]
HEAD = re.compile(
    r"([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) (\w+):(\w+) (\d+)(?: +(.*))?", re.DOTALL
)


def plain(text):
    """What a person would write in ten minutes: a line at a time, numbers as they come."""
    rows = []
    for line in text.decode(errors="surrogateescape").split("\n")[:-1]:
        head = HEAD.fullmatch(line)
        if head:
            low, high, perms, offset, major, minor, inode, name = head.groups()
            device = f"{int(major, 16)}:{int(minor, 16)}"
            rows.append(
                (
                    int(low, 16),
                    int(high, 16),
                    perms,
                    int(offset, 16),
                    device,
                    int(inode),
                    name or "",
                    {},
                )
            )
            continue
        key, _, value = line.partition(":")
        words = value.split()
        number = words and words[0].isdigit()
        rows[-1][-1][snake(key)] = (
            int(words[0]) * (1024 if words[-1] == "kB" else 1)
            if number and key != "VmFlags"
            else value.strip()
        )
    return rows


def rows(found):
    """The same of an Smaps."""
    columns = (
        found.start,
        found.end,
        found.perms,
        found.offset,
        found.device,
        found.inode,
        found.names,
    )
    values = {name: column.tolist() for name, column in found.sizes.items()}
    values |= {name: [text.strip() for text in column] for name, column in found.texts.items()}
    return [
        (
            *(x if isinstance(x, str) else int(x) for x in row),
            {name: values[name][at] for name in values},
        )
        for at, row in enumerate(zip(*columns, strict=True))
    ]


def by_lines(text):
    """The module's own line reader, which alone says what is malformed."""
    return smaps._smaps(smaps_stream.from_table(smaps_lines.read_table(text, "smaps")))


def outcome(read):
    try:
        return rows(read())
    except Malformed:
        return "malformed"


class Dripping(Host):
    """Pours a text in pieces of these lengths, over and over."""

    def __init__(self, texts, lengths=(1 << 20,)):
        self.texts, self.lengths, self.turn = list(texts), lengths, 0

    def read(self, _path):
        return self.texts[self.turn]

    def pour(self, _path, into, padding=0):
        text, at, have, count = self.texts[self.turn], 0, b"", 0
        while True:
            piece = text[at : at + self.lengths[count % len(self.lengths)]]
            at, count = at + len(piece), count + 1
            have += piece
            last = at == len(text)
            done = into(bytearray(have) + b"\xaa" * padding, len(have), last)
            have = have[done:]
            if last:
                return


@pytest.mark.parametrize("row", [0, 1])
def test_a_line_that_a_later_kernel_prints_for_some_mappings_only(row):
    """Nobody can say of it that a block without it is cut."""
    blocks = (DATA / "proc" / "26231" / "smaps").read_text().split("VmFlags:")
    blocks[row] += "Someday:               4 kB\n"
    text = "VmFlags:".join(blocks).encode()
    someday = smaps.parse(text).sizes["someday"].tolist()
    assert someday == [4096 if at == row else 0 for at in range(len(someday))]
    assert rows(smaps.parse(text)) == rows(by_lines(text))


@given(smaps_texts())
def test_every_text_that_a_kernel_may_write(text):
    assert rows(smaps.parse(text)) == plain(text) == rows(by_lines(text))


def test_a_number_wider_than_its_place_in_the_first_mapping():
    """It must not be taken for the layout of all: the first digit would be lost in every block."""
    text = Path("/proc/self/smaps").read_bytes()
    first = text.index(b"\nRss:") + len(b"\nRss:") + len("           ")
    wide = text[:first] + b"123456789" + text[text.index(b" kB", first) :]
    assert rows(smaps.parse(wide)) == plain(wide)
    assert smaps.parse(wide).row(0).rss == 123456789 * 1024


@pytest.mark.parametrize("text", REAL, ids=range(len(REAL)))
def test_every_real_text(text):
    expected = outcome(lambda: by_lines(text))
    assert outcome(lambda: smaps.parse(text)) == expected
    if expected != "malformed":
        assert plain(text) == expected


@given(st.data())
def test_what_is_bent_is_refused_by_both_or_read_alike_by_both(data):
    text = data.draw(smaps_texts(most=4).flatmap(lambda one: bent([one or b"\n"])) | bent(REAL))
    assert outcome(lambda: smaps.parse(text)) == outcome(lambda: by_lines(text))


@given(smaps_texts(), st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_however_it_comes_in_pieces(text, lengths):
    assert rows(smaps.read(Dripping([text], lengths), 1)) == plain(text)


@given(
    st.lists(smaps_texts(most=6), min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=6)
)
def test_a_reader_that_remembers_says_what_one_that_forgets_says(texts, order):
    host = Dripping(texts, (700,))
    reader = smaps.Reader(host, 1)
    for turn in [0, *(one % len(texts) for one in order), 0]:
        host.turn = turn
        assert rows(reader.read()) == plain(texts[turn])


def many(seed, count):
    """A text of some MiB, and the same with some mappings changed, gone and new."""
    rnd, names = random.Random(seed), NEW.split()
    blocks, start = [], 0x7F0000000000
    for _ in range(count):
        start += 4096 * rnd.randint(1, 3)
        name = rnd.choice(
            ["", "", "[heap]", f"/lib/{rnd.randint(1, 40)}.so", "/VmFlags: (deleted)"]
        )
        head = f"{start:x}-{start + 4096:x} r{rnd.choice('w-')}-p 00000000 00:00 0 "
        lines = [head.ljust(73) + name if name else head]
        for key in names:
            value = rnd.choice([0, 0, 4, rnd.randint(0, 10**9)])
            lines.append(
                f"{key + ':':<16}{value % 16 if key in UNITLESS else value:>8}"
                + " kB" * (key not in UNITLESS)
            )
        lines.append("VmFlags: rd mr mw me ac ")
        blocks.append("\n".join(lines) + "\n")
        start += 4096
    changed = [block for block in blocks if rnd.random() > 0.01]
    for at in range(0, len(changed), 97):
        changed[at] = changed[at].replace("       4 kB", "       8 kB")
    return "".join(blocks).encode(), "".join(changed).encode()


@settings(max_examples=3, phases=[Phase.generate])  # to shrink one would take an hour
@given(st.integers(0, 1 << 30))
def test_texts_that_fill_the_buffer_many_times(seed):
    before, after = many(seed, 8000)
    assert len(before) > 5 << 20
    host = Dripping([before, after], (2 << 20,))
    reader = smaps.Reader(host, 1)
    for turn in (0, 1, 0, 0):
        host.turn = turn
        assert rows(reader.read()) == plain(host.texts[turn])
