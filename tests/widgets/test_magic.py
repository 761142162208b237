"""`%%memlab` in a real IPython of its own: the process that it judges must be no test run's."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.live

PROGRAM = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
import memlab.widgets.magic as magic

shell, shown, results = InteractiveShell.instance(), [], []
magic.display = shown.append
shell.run_line_magic("load_ext", "memlab")
for cell in json.loads(sys.argv[1]):
    shown.clear()
    done = shell.run_cell(cell)
    error = done.error_in_exec or done.error_before_exec
    last = shown[-1] if shown else None
    results.append({
        "error": error and type(error).__name__,
        "values": [repr(one) for one in shown[:-1]],
        "verdict": last and last.diagnosis.verdict,
        "reason": last and last.diagnosis.reason,
        "patterns": last and [one.pattern for one in last.diagnosis.findings],
        "rows": last and dict(last._rows.rows),
        "html": last and last._repr_html_(),
    })
formatter = shell.display_formatter.formatters["text/html"]
card = formatter(last.diagnosis) if last else None
print("RESULTS" + json.dumps([results, {k: shell.user_ns.get(k) for k in ("runs", "left")}, card]))
"""


def run_cells(*cells: str) -> tuple[list[dict[str, object]], dict[str, object], str | None]:
    """What each cell came to, the user's variables, and the card of the last diagnosis."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(cells)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "RESULTS" in done.stdout, done.stdout[-1000:] + done.stderr[-1000:]
    results, names, card = json.loads(done.stdout.partition("RESULTS")[2])
    return results, names, card


def test_a_list_that_grows_is_a_leak_and_its_variables_stay() -> None:
    (_, leak), names, card = run_cells(
        "kept, runs = [], 0",
        "%%memlab -n 20\nkept.append(bytearray(400_000)); runs += 1\nlen(kept)",
    )
    assert leak["verdict"] == "leak"
    assert leak["patterns"] and set(leak["patterns"]) <= {"heap", "anonymous"}  # type: ignore[call-overload]
    # the value of the first run is the one that is shown, and the second window confirms the first
    assert leak["values"] == ["1"] and names["runs"] == 41
    rows = leak["rows"]
    assert isinstance(rows, dict)
    # 400,000 bytes are 391 KiB; a page and malloc's head more or less
    assert any(f"keeps {kib} KiB" in rows["each repeat"] for kib in (389, 390, 391, 392, 393))
    assert card is not None and "<details>" in card
    assert "<svg" in str(leak["html"])
    assert "more repeats the machine" in str(leak["html"])
    assert "at this rate" not in str(leak["html"])


def test_what_is_freed_and_what_only_fills_is_no_leak() -> None:
    filling = "if len(cache) < 8: cache.append(bytearray(300_000))"
    (freed, _, filled), _, _ = run_cells(
        "%%memlab -n 30\nsum(bytearray(400_000))", "cache = []", f"%%memlab -n 60\n{filling}"
    )
    assert freed["verdict"] == "not-a-leak"
    assert (filled["verdict"], filled["reason"]) == ("not-a-leak", "warm-up")


def test_one_run_tells_peak_and_what_was_kept_and_no_verdict() -> None:
    (_, once), names, _ = run_cells(
        "runs = 0", "%%memlab -n 1\nruns += 1\nbig = bytearray(60 << 20); del big\nleft = 'x' * 10"
    )
    assert once["verdict"] == "undecided" and names == {"runs": 1, "left": "x" * 10}
    rows = once["rows"]
    assert isinstance(rows, dict)
    assert "MiB above" in rows["peak"] or "not known" in rows["peak"]
    assert "private anonymous" in rows["kept"]


def test_errors_of_the_cell_and_of_the_line_pass_through() -> None:
    results, names, _ = run_cells(
        "%%memlab\nruns = 7\n1 / 0", "%%memlab -n 0\n1", "%%memlab --what\n1", "%%memlab\n1 +"
    )
    errors = [result["error"] for result in results]
    assert errors == ["ZeroDivisionError", "UsageError", "UsageError", "SyntaxError"]
    assert names["runs"] == 7  # what ran before stays
