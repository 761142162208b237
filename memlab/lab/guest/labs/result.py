"""What an experiment brings home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memlab.model.recording import Recording


@dataclass(frozen=True)
class Result:
    """lines: what is printed; recording: the guest's /proc; log: its kernel's whole log (dmesg)."""

    lines: tuple[str, ...]
    recording: Recording | None = None
    log: str = ""

    def text(self) -> str:
        """All of it."""
        return "\n".join(line.rstrip() for line in self.lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    all_rows = [head, *rows]
    widths = [max(len(row[n]) for row in all_rows) for n in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in all_rows
    ]
