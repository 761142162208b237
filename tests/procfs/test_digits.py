"""Numbers a word at a time, against int() and what a number may look like."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.procfs.digits import decimal, hexadecimal


def judged(read, texts, size, pattern, base):
    """Every word is taken or refused as the pattern says, and read as int() does."""
    values, good = read(np.frombuffer(b"".join(texts), f"<u{size}"))
    for text, value, taken in zip(texts, values.tolist(), good.tolist(), strict=True):
        assert taken == bool(re.fullmatch(pattern, text)), text
        if taken:
            assert value == int(text, base), text


def nearly(size, alphabet):
    """Mostly what a number is made of, and any byte."""
    usual = st.sampled_from(sorted(alphabet))
    return st.lists(
        st.one_of(usual, usual, usual, usual, st.integers(0, 255)), min_size=size, max_size=size
    ).map(bytes)


def test_every_pair():
    pairs = [bytes([first, last]) for first in range(256) for last in range(256)]
    judged(decimal, pairs, 2, rb" *[0-9]+", 10)


@pytest.mark.parametrize("size", [4, 8])
@given(st.data())
def test_decimal(size, data):
    number = st.integers(0, 10**size - 1).map(lambda n: str(n).rjust(size).encode())
    texts = data.draw(
        st.lists(st.one_of(number, nearly(size, b" 0123456789/:!")), min_size=1, max_size=20)
    )
    judged(decimal, texts, size, rb" *[0-9]+", 10)


@given(
    st.lists(
        st.one_of(
            st.integers(0, 0xFFFFFFFF).map(lambda n: b"%08x" % n),
            nearly(8, b"0123456789abcdef`gG/:@"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_hexadecimal(texts):
    judged(hexadecimal, texts, 8, rb"[0-9a-f]{8}", 16)
