"""Calls back when the reader interrupts the kernel, whether a cell runs or not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

_callbacks: list[Callable[[], None]] = []
_installed = False


def on_interrupt(call: Callable[[], None]) -> Callable[[], None]:
    """Call `call`, in a thread of its own, at each interrupt from now on; returns how to end that.

    In an interrupted cell IPython says so when the cell is over. Between cells ipykernel
    ignores SIGINT (kernelapp.py, `init_signal`); there a handler takes its place, which
    ipykernel itself puts aside while a cell runs. Outside a kernel nothing is installed.
    """
    _callbacks.append(call)
    _install()
    return lambda: _callbacks.remove(call) if call in _callbacks else None


def _install() -> None:
    global _installed
    from IPython import get_ipython

    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if _installed or kernel is None:
        return
    _installed = True
    shell.events.register("post_run_cell", _after_cell)
    kernel.io_loop.add_callback(_replace_ignored)


def _replace_ignored() -> None:
    """In the main thread, between two cells."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda _number, _frame: _tell())


def _after_cell(result: Any) -> None:
    if isinstance(result.error_in_exec, KeyboardInterrupt):
        _tell()


def _tell() -> None:
    for callback in tuple(_callbacks):
        threading.Thread(target=callback, name="memlab-interrupt", daemon=True).start()
