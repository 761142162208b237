"""An explanation as a column of figures that adds up."""

from __future__ import annotations

from textwrap import wrap

from memlab.model.why import Explanation, Step
from memlab.units import KIB


def why_text(explanation: Explanation) -> str:
    """Start, terms, every figure on the way, the residual of each step; kB, bytes where kB would round."""
    amounts = [explanation.start.bytes, explanation.end.bytes]
    amounts += [term.bytes for term in explanation.terms]
    amounts += [figure.bytes for step in explanation.steps for figure in (step.start, step.end)]
    unit, name = (1, "B") if any(amount % KIB for amount in amounts) else (KIB, "kB")
    start, end = explanation.start, explanation.end
    lines = [
        f"{start.name} and {end.name} of process {explanation.pid}, in {name}",
        "",
        _line("", start.bytes // unit, start.name, start.source),
    ]
    for step in explanation.steps:
        lines += _step_lines(step, unit)
    if not explanation.steps:
        lines.append(_line("=", end.bytes // unit, end.name, "the same field"))
    residual = int(explanation.residual / unit)
    lines += ["", f"residual over all: {residual:,} {name}"]
    return "\n".join(lines)


def _step_lines(step: Step, unit: int) -> list[str]:
    lines = [
        _line(_sign(term.bytes), abs(term.bytes) // unit, "  " + term.label, term.source)
        for term in step.terms
    ]
    reason = step.slack or "none: one text, an exact identity"
    residual = step.residual
    if not residual and step.slack:
        reason = "none"
    first, *rest = wrap(reason, 60)
    lines.append(_line(_sign(residual), abs(residual) // unit, "  residual", first))
    lines += [f"{'':72}{line}" for line in rest]
    lines.append(_line("=", step.end.bytes // unit, step.end.name, step.end.source))
    return lines


def _sign(amount: int) -> str:
    return "-" if amount < 0 else "+"


def _line(sign: str, amount: int, label: str, source: str) -> str:
    return f"{sign:>1} {amount:>14,}  {label:<54} {source}".rstrip()
