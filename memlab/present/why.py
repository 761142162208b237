"""An explanation as a column of figures that adds up."""

from __future__ import annotations

from textwrap import wrap

from memlab.model.why import Explanation, Step
from memlab.units import KIB

_SOURCE_WIDTH = 60
_Row = tuple[str, int, str, str]


def why_text(explanation: Explanation) -> str:
    """Start, terms, every figure on the way, the residual of each step; kB, bytes where kB would round."""
    amounts = [explanation.start.bytes, explanation.end.bytes]
    amounts += [term.bytes for term in explanation.terms]
    amounts += [figure.bytes for step in explanation.steps for figure in (step.start, step.end)]
    unit, name = (1, "B") if any(amount % KIB for amount in amounts) else (KIB, "kB")
    start, end = explanation.start, explanation.end
    rows = [("", start.bytes // unit, start.name, start.source)]
    for step in explanation.steps:
        rows += _step_rows(step, unit)
    if not explanation.steps:
        rows.append(("=", end.bytes // unit, end.name, "the same field"))
    wide = max(len(label) for _, _, label, _ in rows)
    lines = [f"{start.name} and {end.name} of process {explanation.pid}, in {name}", ""]
    for sign, amount, label, source in rows:
        first, *rest = wrap(source, _SOURCE_WIDTH) or [""]
        lines.append(f"{sign:>1} {amount:>13,}  {label:<{wide}}  {first}".rstrip())
        lines += [" " * (19 + wide) + line for line in rest]
    residual = int(explanation.residual / unit)
    lines += ["", f"residual over all: {residual:,} {name}"]
    return "\n".join(lines)


def _step_rows(step: Step, unit: int) -> list[_Row]:
    rows = [
        (_sign(term.bytes), abs(term.bytes) // unit, "  " + term.label, term.source)
        for term in step.terms
    ]
    residual, reason = step.residual, step.slack or "none: one text, an exact identity"
    if not residual and step.slack:
        reason = "none"
    elif step.apart is not None:
        reason += f"; they were read {1000 * step.apart:.2g} ms apart"
    rows.append((_sign(residual), abs(residual) // unit, "  residual", reason))
    rows.append(("=", step.end.bytes // unit, step.end.name, step.end.source))
    return rows


def _sign(amount: int) -> str:
    return "-" if amount < 0 else "+"
