"""/proc/PID/smaps_rollup: the sums of smaps, made by the kernel (fs/proc/task_mmu.c, show_smaps_rollup).

Linux 4.14 on; about an eighth of the price of smaps, and a second way to the same sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import amount, key_lines, snake
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Rollup:
    """Sums in bytes by the names that `Smaps.column` uses; start of the first mapping, end of the last."""

    start: int
    end: int
    sizes: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.sizes[name]


def parse(text: bytes, path: str = "smaps_rollup") -> Rollup:
    """A header `start-end ---p … [rollup]`, then `Key: N kB` lines."""
    header, _, body = text.partition(b"\n")
    line = header.decode(errors="replace")
    if not line.endswith("[rollup]"):
        raise Malformed(path, 1, line, "is no rollup")
    start, _, end = line.split(" ")[0].partition("-")
    try:
        addresses = int(start, 16), int(end, 16)
    except ValueError:
        raise Malformed(path, 1, line, "is no rollup") from None
    sizes = {
        snake(key): amount(value, path, number + 1, f"{key}: {value}")
        for number, key, value in key_lines(body, path)
    }
    return Rollup(*addresses, sizes)


def read(host: Host, pid: int) -> Rollup:
    """Read it; Denied for the process of another user."""
    path = f"/proc/{pid}/smaps_rollup"
    return parse(host.read(path), path)
