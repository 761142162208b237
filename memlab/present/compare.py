"""The comparison of tools as a table in kB, each number over its field."""

from __future__ import annotations

from textwrap import wrap

from memlab.model.compare import TOOLS, Cell, Comparison, Question
from memlab.units import KIB

_LABEL, _WIDTH = 13, 100


def compare_text(comparison: Comparison) -> str:
    """Rows of questions, columns of tools, and beneath what each tool can and cannot see."""
    widths = [_width(comparison, tool) for tool in TOOLS]
    lines = [
        f"process {comparison.pid} ({comparison.comm}) at one instant, in kB",
        "",
        _row("", list(TOOLS), widths),
    ]
    for question in comparison.questions:
        lines += _question(question, widths)
    lines.append("")
    for tool, sentence in comparison.sight.items():
        lines += wrap(
            sentence, _WIDTH, initial_indent=f"{tool:<9}", subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


def _width(comparison: Comparison, tool: str) -> int:
    cells = [question.cells[tool] for question in comparison.questions if tool in question.cells]
    words = [tool, *(cell.field for cell in cells), *map(_amount, cells)]
    return max(map(len, words)) + 2


def _question(question: Question, widths: list[int]) -> list[str]:
    cells = [question.cells.get(tool) for tool in TOOLS]
    lines = [
        _row(question.name, ["-" if cell is None else _amount(cell) for cell in cells], widths),
        _row("", ["" if cell is None else cell.field for cell in cells], widths),
    ]
    if question.elsewhere:
        other = question.elsewhere
        lines.append(
            f"{'':<{_LABEL}}   none of these shows the process's own: {_amount(other)} in {other.field}"
        )
    return lines


def _amount(cell: Cell) -> str:
    return cell.missing if cell.bytes is None else f"{cell.bytes // KIB:,}"


def _row(label: str, cells: list[str], widths: list[int]) -> str:
    row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return (f"{label:<{_LABEL}}" + row).rstrip()
