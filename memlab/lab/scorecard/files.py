"""What a scorecard leaves to be read: markdown, the figures' data as JSON, and a page.

The figures are plotly's. A page that needs no network carries plotly.js, 4.8 MB, so it stays in the
scorecard's folder; the repository gets the markdown, whose tables have the same numbers, and beside the
notebooks a few kilobytes of JSON, from which chapter 12 draws the same figures. A picture of them
would need a browser (plotly renders with one): not for a command that runs on servers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memlab import __version__
from memlab.errors import Gone
from memlab.lab.paths import docs_folder, in_checkout, notebooks_folder
from memlab.lab.scorecard import score
from memlab.lab.scorecard.baselines import BASELINES
from memlab.lab.scorecard.judged import CONFIDENCES, LEAK, WINDOWS
from memlab.lab.scorecard.metrics import quantile
from memlab.lab.scorecard.report import report
from memlab.lab.scorecard.score import Result
from memlab.lab.scorecard.store import Store


def write(folder: Path, results: Sequence[Result]) -> list[Path]:
    """Write all of it into `folder`, and a full draw into docs/ of a checkout; returns what was written."""
    from memlab.lab.scorecard.page import page

    store = Store(folder)
    asked = store.asked()
    text, told = report(asked, results, __version__), data(results)
    written = _texts(folder, folder, text, told)
    (folder / "scorecard.html").write_text(page(told))
    written.append(folder / "scorecard.html")
    is_whole = not asked.quick and asked.most is None and len(results) == len(asked.cases())
    if in_checkout() and is_whole:
        written += _texts(docs_folder(), notebooks_folder() / "recordings", text, told)
    return written


def _texts(texts: Path, plain: Path, text: str, told: dict[str, Any]) -> list[Path]:
    (texts / "scorecard.md").write_text(text)
    (plain / "scorecard.json").write_text(json.dumps(told, indent=1) + "\n")
    return [texts / "scorecard.md", plain / "scorecard.json"]


def shipped() -> dict[str, Any]:
    """The data of the last full run, which comes with memlab. Gone where it was left out."""
    path = notebooks_folder() / "recordings" / "scorecard.json"
    if not path.is_file():
        raise Gone(f"there is no file {path}", "make it with `memlab scorecard`, in an hour")
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def data(results: Sequence[Result]) -> dict[str, Any]:
    """What the figures show: the matrix, everybody's precision and recall by window, and by confidence."""
    inside = score.counted(results)
    if not inside:
        return {"cases": 0, "matrix": [], "windows": [], "confidences": []}
    seconds = inside[0].case.seconds
    counts = score.confusion(inside)
    return {
        "cases": len(inside),
        "seconds": seconds,
        "matrix": [[leak, verdict, count] for (leak, verdict), count in sorted(counts.items())],
        "windows": [
            one
            for window in (*(w for w in WINDOWS if w < seconds), seconds)
            for one in _by_window(inside, window)
        ],
        "confidences": [_by_confidence(inside, f"{one:g}") for one in CONFIDENCES],
    }


def _by_window(results: Sequence[Result], seconds: float) -> list[dict[str, Any]]:
    there = score.in_window(results, seconds)
    says = {"memlab": lambda r: r.at(seconds)["verdict"] == LEAK}
    says |= {
        name: lambda r, name=name: r.at(seconds)["baselines"][name]  # type: ignore[misc]
        for name in BASELINES
    }
    rows = []
    for name, judge in says.items():
        precision, recall = score.two_way(there, judge)
        rows.append(
            {
                "who": name, "seconds": seconds,
                "precision": [precision.hits, precision.of], "recall": [recall.hits, recall.of],
                "false_alarms": [precision.of - precision.hits, len(there) - recall.of],
            }
        )  # fmt: skip
    return rows


def _by_confidence(results: Sequence[Result], confidence: str) -> dict[str, Any]:
    every = [(r, r.said["enough"][confidence]) for r in results if r.said]
    stops = [(r, stop) for r, stop in every if not score.grew_at(r, stop)]
    said = [(r.is_leak, s["verdict"]) for r, s in stops]
    called = [leak for leak, verdict in said if verdict == LEAK]
    leaks = [verdict for leak, verdict in said if leak]
    lasted = [s["seconds"] for _, s in stops]
    return {
        "confidence": float(confidence),
        "precision": [sum(called), len(called)],
        "recall": [leaks.count(LEAK), len(leaks)],
        "median_seconds": quantile(lasted, 0.5),
        "p95_seconds": quantile(lasted, 0.95),
    }
