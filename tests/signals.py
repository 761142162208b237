"""Signals in tests: whoever runs these in the background has made their children ignore some."""

from __future__ import annotations

import signal


def heed_signals() -> None:
    """For preexec_fn of a child that is sent them: they end it, and a shell may trap them, as in a terminal."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
