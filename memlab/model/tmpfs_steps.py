"""What `mount -o remount,size=` did to a tmpfs, step by step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One command and what came of it; sizes in bytes.

    command: as typed; done: whether the kernel took it, else `error` is errno's name and `said` what mount(8) printed;
    size: the limit of the tmpfs after it; used: what is in it; wrote: how many bytes the open file took after
    it, until `stopped` (errno's name; None where nothing was written); intact: all that was written
    before reads back as it was written.
    """

    command: str
    done: bool
    size: int
    used: int
    wrote: int = 0
    stopped: str | None = None
    error: str | None = None
    said: str = ""
    intact: bool = True


@dataclass(frozen=True)
class Resized:
    """All steps. user: the uid that did it; user_namespace: it was root in a user namespace only."""

    user: int
    user_namespace: bool
    steps: tuple[Step, ...]
