"""The comparison of tools as a table in kB, each number over its field."""

from __future__ import annotations

from textwrap import wrap

from memlab.model.compare import TOOLS, Cell, Comparison, Question
from memlab.units import KIB

_LABEL, _COLUMN, _WIDTH = 13, 16, 109


def compare_text(comparison: Comparison) -> str:
    """Rows of questions, columns of tools, and beneath what each tool can and cannot see."""
    lines = [
        f"process {comparison.pid} ({comparison.comm}) at one instant, in kB",
        "",
        _row("", list(TOOLS)),
    ]
    for question in comparison.questions:
        lines += _question(question)
    lines.append("")
    for tool, sentence in comparison.sight.items():
        lines += wrap(
            sentence, _WIDTH, initial_indent=f"{tool:<9}", subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


def _question(question: Question) -> list[str]:
    cells = [question.cells.get(tool) for tool in TOOLS]
    lines = [
        _row(question.name, ["-" if cell is None else _amount(cell) for cell in cells]),
        _row("", ["" if cell is None else cell.field for cell in cells]),
    ]
    if question.elsewhere:
        other = question.elsewhere
        lines.append(
            f"{'':<{_LABEL}}   none of these shows the process's own: {_amount(other)} in {other.field}"
        )
    return lines


def _amount(cell: Cell) -> str:
    return cell.missing if cell.bytes is None else f"{cell.bytes // KIB:,}"


def _row(label: str, cells: list[str]) -> str:
    return (f"{label:<{_LABEL}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)).rstrip()
