"""Many lines at once say what each says by itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.errors import Gone, Malformed, MemlabError, Unsupported
from memlab.observe.processes import pids
from memlab.procfs import stat, statm, tables
from memlab.procfs.digits import spans
from memlab.procfs.host import Host

HOST = Host()
STATM = b"2049 301 277 23 0 110 0\n"
STAT = (
    b"42 (a) S 1 42 42 0 -1 4194560 139 0 3 0 7 9 0 0 20 0 1 0 66123 2703360 301 "
    b"18446744073709551615 94 95 96 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 97 98 99 100 101 102 103 0\n"
)


def alone(module, names, texts):
    """The same table, a line at a time."""
    records = [module.parse(text) for text in texts]
    return [[getattr(record, name) for name in names] for record in records]


def texts_of_all(name):
    for pid in pids(HOST):
        try:
            yield HOST.read(f"/proc/{pid}/{name}")
        except (Gone, Unsupported):
            continue


def fast(monkeypatch):
    """Make the slow way fail: what is answered then came the fast way."""
    for module in (stat, statm):
        monkeypatch.delattr(module, "parse")


@pytest.mark.parametrize("count", [1, 2, None])
def test_every_process_of_this_machine(count, monkeypatch):
    for module, name, parse, names in (
        (statm, "statm", tables.parse_statm, tables.STATM),
        (stat, "stat", tables.parse_stat, tables.STAT),
    ):
        texts = list(texts_of_all(name))[:count]
        expected = alone(module, names, texts)
        with monkeypatch.context() as patched:
            fast(patched)
            assert parse(texts, range(len(texts))).tolist() == expected


HOSTILE = [
    b"a) S 1 (",
    b") ",
    b"(",
    b")",
    b"a b",
    b"\n",
    b") R 1\n2 (x) S 3",
    b"\xff\xfe",
    b"",
    b"-1",
]


@pytest.mark.parametrize("comm", HOSTILE)
def test_a_name_may_hold_anything(comm, monkeypatch):
    texts = [STAT, STAT.replace(b"(a)", b"(" + comm + b")"), STAT]
    expected = alone(stat, tables.STAT, texts)
    fast(monkeypatch)
    assert tables.parse_stat(texts, (1, 2, 3)).tolist() == expected


def test_a_live_process_with_a_hostile_name():
    code = (
        "import sys; open('/proc/self/comm', 'wb').write(b') Z 1 2 (3\\n4'); print(1, flush=True);"
        "sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        child.stdout.readline()
        text = Path(f"/proc/{child.pid}/stat").read_bytes()
        assert b"() Z 1 2 (3" in text
        texts = [text, Path("/proc/self/stat").read_bytes()]
        assert tables.parse_stat(texts, (1, 2)).tolist() == alone(stat, tables.STAT, texts)
    finally:
        child.kill()
        child.communicate()


def outcome(make):
    """A number beyond 63 bits has no place in a table."""
    try:
        return np.array(make(), np.int64).tolist()
    except (Malformed, OverflowError):
        return "malformed"


# of a stat line only what stands behind the name, for the table does not look at what is before
CASES = {
    "statm": (statm, tables.parse_statm, tables.STATM, STATM, 0),
    "stat": (stat, tables.parse_stat, tables.STAT, STAT, STAT.rindex(b") ") + 2),
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_damaged_line_is_taken_or_refused_as_by_itself(name, data):
    module, parse, names, line, first = CASES[name]
    at = data.draw(st.integers(first, len(line)))
    gone = data.draw(st.integers(0, 30))
    put = data.draw(st.binary(max_size=2) | st.sampled_from([b" ", b"\n", b"-", b"9" * 20, b"0 1"]))
    texts = [line, line[:at] + put + line[at + gone :], line]
    whole = data.draw(st.permutations(texts))
    assert outcome(lambda: parse(whole, (1, 2, 3))) == outcome(lambda: alone(module, names, whole))


def test_words_that_slip_into_the_neighbours_line_are_refused():
    six, eight = b"1 2 3 4 5 6\n", b"1 2 3 4 5 6 7 8\n"
    for texts in ([six, eight], [eight, six], [b"1 2 3 4 5 6 7\n1 2 3 4 5 6 7\n", b""]):
        with pytest.raises(Malformed, match="statm"):
            tables.parse_statm(texts, (1, 2))


def test_a_count_below_zero_printed_unsigned_is_zero():
    assert tables.parse_statm([b"9 18446744073709551615 0 1 0 1 0\n"] * 2, (1, 2))[0].tolist() == [
        9 * 4096,
        0,
        0,
    ]


def test_no_process_makes_an_empty_table():
    assert tables.parse_statm([], ()).shape == (0, 3)
    assert tables.parse_stat([], ()).shape == (0, 4)


def test_a_number_too_large_is_refused():
    with pytest.raises(MemlabError):
        tables.parse_statm([b"999999999999999999 1 1 1 0 1 0\n"], (1,))


@given(st.lists(st.integers(0, 10**20) | st.sampled_from([b"", b"-1", b"1a", b"a"]), min_size=1))
def test_numbers_of_any_width(parts):
    words = [part if isinstance(part, bytes) else b"%d" % part for part in parts]
    text = np.frombuffer(b" ".join(words) + b" ", np.uint8)
    last = np.cumsum([len(word) + 1 for word in words]) - 1
    values, good = spans(text, last - [len(word) for word in words], last)
    right = [word.isdigit() and len(word) <= 18 for word in words]
    assert good.tolist() == right
    assert values[good].tolist() == [int(w) for w, ok in zip(words, right, strict=True) if ok]
