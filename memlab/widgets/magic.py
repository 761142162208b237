"""`%%memlab`: run any cell in rounds, and say what it keeps."""

from __future__ import annotations

import argparse
import ast
import shlex
from collections.abc import Callable
from types import CodeType
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display
from IPython.utils.capture import capture_output

from memlab.errors import MemlabError
from memlab.lab.elsewhere import elsewhere
from memlab.model.diagnosis import Diagnosis
from memlab.model.recording import Recording
from memlab.present.card import Measured, card_html
from memlab.present.growth import growth_of
from memlab.present.text import diagnosis_text
from memlab.rounds.one import Round, watch_one
from memlab.rounds.watching import FEWEST_ROUNDS, observer, watch_rounds
from memlab.widgets.cell_words import in_repeats, once, repeat_rows, round_rows

_LIMIT = 10.0  # seconds for all repeats, unless told otherwise
_WINDOWS = 2  # that a leak must show in
_MOST = 200  # rounds of a window: of a cell that takes a millisecond more would tell little more


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"%%memlab: {message}")


def _parser() -> _Parser:
    parser = _Parser(prog="%%memlab", add_help=False)
    parser.add_argument("-n", type=int, help="rounds of a window; 1 runs the cell once")
    parser.add_argument(
        "-t", type=float, default=_LIMIT, help="seconds for all repeats (default 10)"
    )
    return parser


class CellVerdict:
    """What came of a cell: `diagnosis`, `recording`, and the rows above them; shown as a card."""

    def __init__(self, diagnosis: Diagnosis, recording: Recording, rows: Measured) -> None:
        self.diagnosis, self.recording, self._rows = diagnosis, recording, rows

    def _repr_html_(self) -> str:
        growth = growth_of(self.recording, self.diagnosis)
        return card_html(self.diagnosis, growth, elsewhere(self.diagnosis), self._rows)

    def __repr__(self) -> str:
        rows = "\n".join(f"  {name:<11} {text}" for name, text in self._rows.rows)
        return f"{rows}\n{diagnosis_text(self.diagnosis)}"


def memlab_cell(shell: Any, line: str, cell: str) -> None:
    """Run the cell in the user's namespace: once to be seen, then in silence, as often as it takes.

    An exception of the cell passes through. Output and value are those of the first run.
    """
    asked = _parser().parse_args(shlex.split(line))
    if (asked.n is not None and asked.n < 1) or not asked.t > 0:
        raise UsageError("%%memlab: -n and -t take numbers above zero")
    run = _runner(shell, cell)
    try:
        value, first = watch_one(run)
        if value is not None and not cell.rstrip().endswith(";"):
            display(value)  # type: ignore[no-untyped-call]
        del value
        shown = _repeated(run, first, asked.n, asked.t)
    except MemlabError as error:
        raise UsageError(f"%%memlab: {error}") from None
    display(shown)  # type: ignore[no-untyped-call]


def _repeated(
    run: Callable[[], object], first: Round, asked: int | None, limit: float
) -> CellVerdict:
    rounds = asked or min(_MOST, int(limit / _WINDOWS / max(first.seconds, 1e-4)))
    if rounds < FEWEST_ROUNDS:
        why = "one run shows what was kept, and not whether each run keeps more"
        takes = f"%%memlab -n {FEWEST_ROUNDS}, which takes {FEWEST_ROUNDS * first.seconds:.3g} s and more"
        return CellVerdict(once(first, why, takes), first.recording, Measured(round_rows(first)))
    windows = watch_rounds(_silent(run), rounds)
    rows = Measured((*round_rows(first), *repeat_rows(windows)))
    return CellVerdict(in_repeats(windows[-1]), observer().recording(), rows)


def _silent(run: Callable[[], object]) -> Callable[[], None]:
    def silent() -> None:
        with capture_output():
            run()

    return silent


def _runner(shell: Any, cell: str) -> Callable[[], Any]:
    """The cell, compiled once; what it returns is the value of its last expression."""
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    tree = ast.parse(source, name)
    last: CodeType | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        expression = ast.Expression(tree.body.pop().value)
        last = compile(expression, name, "eval")
    body = compile(tree, name, "exec")

    def run() -> Any:
        __tracebackhide__ = "__ipython_bottom__"  # a traceback begins with the cell
        exec(body, shell.user_ns)
        return None if last is None else eval(last, shell.user_ns)

    return run
