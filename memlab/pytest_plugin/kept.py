"""What pytest itself keeps of a call, in memory or on tmpfs: forgotten before each round, or it would be found."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import pytest
from _pytest.logging import LogCaptureHandler


class Kept:
    """Output, log records and warnings of the rounds: the last one's stay for the report.

    pytest holds captured output in a file for temporary files, which may lie on tmpfs, and log records and
    warnings in lists. A context manager, round all rounds.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._capture: Any = item.config.pluginmanager.getplugin("capturemanager")
        self._warnings = warnings.catch_warnings(record=True)
        self._warned: list[warnings.WarningMessage] = []
        self._before: tuple[str, str] | None = None

    def __enter__(self) -> Kept:
        self._before = self._output()
        warned = self._warnings.__enter__()
        assert warned is not None  # it records
        self._warned = warned
        return self

    def forget(self) -> None:
        """What the rounds so far left with pytest."""
        self._output()
        self._warned.clear()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogCaptureHandler):
                handler.clear()

    def __exit__(self, *_error: object) -> None:
        last, warned = self._output(), list(self._warned)
        self._warnings.__exit__(None, None, None)
        for message in warned:
            warnings.warn_explicit(
                message.message,
                message.category,
                message.filename,
                message.lineno,
                source=message.source,
            )
        for texts in (self._before, last):
            if texts is not None:
                sys.stdout.write(texts[0])
                sys.stderr.write(texts[1])

    def _output(self) -> tuple[str, str] | None:
        if self._capture is None or not self._capture.is_globally_capturing():
            return None
        out, err = self._capture.read_global_capture()
        return out, err
