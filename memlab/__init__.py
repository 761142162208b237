"""memlab: see, learn and name Linux memory leaks.

Importing this package loads nothing heavy; the names below are fetched from
their modules on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Recording": "memlab.model.recording",
    "Sample": "memlab.model.sample",
    "Series": "memlab.model.series",
    "Diagnosis": "memlab.model.diagnosis",
    "open_recording": "memlab.observe.files",
    "LiveRecorder": "memlab.observe.live",
    "diagnose": "memlab.diagnose",
    "watch_and_diagnose": "memlab.session",
    "start": "memlab.lab.experiment",
    "mimic": "memlab.lab.mimic",
    "oom_scores": "memlab.observe.oom_scores",
    "rehearse": "memlab.lab.rehearsal",
    "guest": "memlab.lab.guest",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'memlab' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext memlab`: a diagnosis is shown as its card, and `%%memlab` judges a cell."""
    import_module("memlab.widgets.extension").load(ipython)


def __dir__() -> list[str]:
    return sorted(__all__)
