"""Waiting in tests: for a condition, with a generous deadline, never for a clock alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(predicate: Callable[[], T], seconds: float = 20, every: float = 0.02) -> T:
    """Ask `predicate` until its answer is true and return that answer.

    Raises AssertionError with the last answer after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            asked = getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"{asked}: still {answer!r} after {seconds} s")
        time.sleep(every)
