"""Curves judged by eye: what was said, and what was not."""

import pytest

from memlab.widgets import ByEye


def test_nothing_is_said_until_something_is_chosen():
    assert ByEye("AB").said == {}


def test_a_choice_is_said_by_its_label():
    eye = ByEye("AB")
    eye.choose("B", "no leak")
    assert eye.said == {"B": "no leak"}
    eye.children[0].children[1].value = "leak"
    assert eye.said == {"A": "leak", "B": "no leak"}


def test_a_label_that_there_is_not():
    with pytest.raises(KeyError):
        ByEye("AB").choose("C", "leak")
