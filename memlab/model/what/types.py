"""What an explanation is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How to take a remark: as it should be, worth a look, or something to know."""

    NORMAL = "normal"
    ALARMING = "alarming"
    NOTE = "note"


@dataclass(frozen=True)
class Remark:
    """One sentence about the values at hand."""

    tone: Tone
    text: str


def normal(text: str) -> Remark:
    """As it should be."""
    return Remark(Tone.NORMAL, text)


def alarming(text: str) -> Remark:
    """Worth a look."""
    return Remark(Tone.ALARMING, text)


def note(text: str) -> Remark:
    """Something to know."""
    return Remark(Tone.NOTE, text)


@dataclass(frozen=True)
class Field:
    """One row: name, value in words ("" where only the name was asked), meaning, source."""

    name: str
    value: str
    meaning: str
    source: str


@dataclass(frozen=True)
class Item:
    """One recognised piece of the text: what it is, its fields, what to think of their values.

    resident: the largest resident size of one process in it, in bytes; None where it tells none.
    known: the same by the MemTotal of the machine it is from, in bytes, where that tells more.
    """

    title: str
    fields: tuple[Field, ...]
    remarks: tuple[Remark, ...] = ()
    resident: int | None = None
    known: Callable[[int], Item] | None = None


@dataclass(frozen=True)
class Explanation:
    """The pieces in the order of the text, and the lines (number from 1, text) of none of them."""

    items: tuple[Item, ...]
    unknown: tuple[tuple[int, str], ...] = ()
