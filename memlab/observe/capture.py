"""What `memlab-capture`, the recorder in shell, leaves to whoever opens its recording.

It keeps the kernel's texts and computes nothing: the limits that live in a header are read here from the
first instant. Names that are no plain ASCII it spells byte by byte.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from memlab.model.recording import Header
from memlab.model.sample import Sample
from memlab.procfs import facts
from memlab.procfs.host import Host, InstantTexts

SCRIPT = Path(__file__).with_name("memlab-capture")
_OF_THE_READER = ("machine", "page_bytes", "ticks_per_second", "libc")


def wrote(header: Header) -> bool:
    """Whether this recording was made by `memlab-capture`."""
    return header.memlab.startswith("capture ")


def with_facts(header: Header, samples: Sequence[Sample]) -> Header:
    """The header with what its first instant says of the limits; what the header says itself stays."""
    comm = os.fsdecode(os.fsencode(str(header.target.get("comm", ""))))
    header = replace(header, target={**header.target, "comm": comm})
    if not samples:
        return header
    read = facts.read(Host(samples[0].texts), header.pid)
    known: dict[str, Any] = {
        name: value
        for name, value in read.items()
        if name not in _OF_THE_READER and value is not None
    }
    return replace(header, host={**known, **header.host})


def with_real_names(texts: InstantTexts) -> InstantTexts:
    """Names of bytes as `os.fsdecode` makes them: those that are UTF-8 become letters."""
    calls = [replace(call, result=_as_letters(call.result)) for call in texts.calls]
    return replace(texts, calls=calls)


def _as_letters(result: Any) -> Any:
    if isinstance(result, list):
        return [_as_letters(name) for name in result]
    return os.fsdecode(os.fsencode(result)) if isinstance(result, str) else result
