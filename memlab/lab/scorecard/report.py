"""The scorecard as markdown: tables that a forge shows, losses by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from memlab.lab.scorecard import score
from memlab.lab.scorecard.baselines import BASELINES
from memlab.lab.scorecard.goals import goals
from memlab.lab.scorecard.judged import CONFIDENCES, LEAK, NOT_A_LEAK, UNDECIDED, WINDOWS
from memlab.lab.scorecard.metrics import Share, quantile
from memlab.lab.scorecard.score import Result
from memlab.lab.scorecard.store import Asked

Row = Sequence[object]


def report(asked: Asked, results: Sequence[Result], version: str) -> str:
    """All of it, from what has run and was judged."""
    inside = score.counted(results)
    parts = [
        _head(asked, results, version),
        "## What was to be reached\n\n" + _goals(inside),
        "## The verdicts\n\n" + _matrix(inside),
        "## Beside plain detectors\n\n" + _beside(inside),
        "## Precision against waiting\n\n" + _waiting(inside, asked.seconds),
        "## By pattern\n\n" + _patterns(inside),
        "## By stratum\n\n" + _strata(inside),
        "## What the looking cost\n\n" + _cost(inside),
        "## Apart\n\n" + _apart(results),
        "## Live\n\n" + _live(results),
        "## Every loss\n\n" + _losses(inside),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Row, rows: Iterable[Row]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _head(asked: Asked, results: Sequence[Result], version: str) -> str:
    again = f"memlab scorecard{' --quick' if asked.quick else ''} --seed {asked.seed}"
    judge = next((r.said["engine"] for r in results if r.said), "none")
    total, lasted = len(asked.cases()), f"{asked.seconds:g}"
    return f"""# Scorecard

How good the verdict is, on the bank of leakers. `{again}` draws the same cases again;
this file is what it wrote, by memlab {version}
(judge {judge}): {len(results)} of {total} cases, {lasted} s each,
{asked.workers} side by side on {asked.machine}.

Each case is a program of the bank (`memlab leakers`) with a rate, a shape in time, jitter and a start
before the watch that were drawn. It is watched by `memlab record PID --seconds {lasted}`, which is told the
pid and nothing else, and the recording is judged by the code of `memlab diagnose`. What the leaker says of
itself is kept apart, and read when the verdict is there. In brackets are counts and Wilson's 95 % interval.
Undecided counts as a miss.

These are programs written to leak in one way each. How the verdict fares with programs of others is
another matter."""


def _goals(results: Sequence[Result]) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    return table(
        ("goal", "", "found"), [(one.demand, words[one.met], one.found) for one in goals(results)]
    )


def _matrix(results: Sequence[Result]) -> str:
    counts = score.confusion(results)
    rows = [
        (words, *(counts[is_leak, verdict] for verdict in (LEAK, NOT_A_LEAK, UNDECIDED)))
        for is_leak, words in ((True, "a leak"), (False, "no leak"))
    ]
    alarms = score.false_alarms(results)
    named = ", ".join(f"`{one.case.label}`" for one in alarms) or "none"
    return (
        table(("in truth", "called a leak", "called not a leak", "undecided"), rows)
        + f"\n\nPrecision {score.precision(results).text}, recall {score.recall(results).text}, "
        f"the right pattern in {score.patterns(results).text} of the leaks.\nFalse alarms: {named}."
    )


def _beside(results: Sequence[Result]) -> str:
    rows: list[Row] = [
        (
            "memlab", score.precision(results).text, score.recall(results).text,
            *_alarm_counts(results, lambda r: r.verdict == LEAK),
        )
    ]  # fmt: skip
    sources = []
    for name, judge in BASELINES.items():
        says = _says(name)
        rows.append(
            (
                name,
                *(share.text for share in score.two_way(results, says)),
                *_alarm_counts(results, says),
            )
        )
        sources.append(f"- {name}: {(judge.__doc__ or '').strip()}")
    head = ("", "precision", "recall", "controls called a leak", "look-alikes called a leak")
    return (
        table(head, rows)
        + "\n\nThe same recordings, judged by their resident memory (statm) as a chart of it would be:\n\n"
        + "\n".join(sources)
    )


def _says(name: str) -> Callable[[Result], bool]:
    return lambda result: bool(result.at()["baselines"][name])


def _alarm_counts(results: Sequence[Result], says: Callable[[Result], bool]) -> Row:
    shares = []
    for kind in ("control", "look-alike"):
        there = [result for result in results if result.case.kind == kind]
        shares.append(f"{sum(map(says, there))} of {len(there)}")
    return shares


def _waiting(results: Sequence[Result], seconds: float) -> str:
    rows: list[Row] = []
    for window in (*(w for w in WINDOWS if w < seconds), seconds):
        there = score.in_window(results, window)
        verdicts = [(r.is_leak, str(r.at(window)["verdict"])) for r in there]
        rows.append((f"{window:g} s", *_shares(verdicts)))
    text = "A watch of fixed length:\n\n" + table(
        ("watched", "precision", "recall", "undecided"), rows
    )
    rows = []
    for confidence in (f"{one:g}" for one in CONFIDENCES):
        every = [(r, r.said["enough"][confidence]) for r in results if r.said]
        stops = [(r, s) for r, s in every if not score.grew_at(r, s)]
        verdicts = [(r.is_leak, s["verdict"]) for r, s in stops]
        lasted = [s["seconds"] for _, s in stops]
        middle, late = quantile(lasted, 0.5) or 0.0, quantile(lasted, 0.95) or 0.0
        rows.append(
            (
                confidence,
                *_shares(verdicts),
                f"{middle:.1f} s",
                f"{late:.1f} s",
                len(every) - len(stops),
            )
        )
    text += "\n\nA watch that ends when the evidence suffices (`--confidence`):\n\n" + table(
        ("confidence", "precision", "recall", "undecided", "median", "p95", "called while growing"),
        rows,
    )
    text += (
        "\n\nThe last column counts look-alikes that were called a leak while they still grew: the watch ended"
        " before they did. Nobody can tell those yet, so they are in no other column; who wants to rule them out"
        " watches for as long as a program may take to fill: `--confidence 1`."
    )
    return text + "\n\n" + _times(results)


def _shares(verdicts: Sequence[tuple[bool, str]]) -> Row:
    counts = Counter(verdicts)
    called, leaks = counts[True, LEAK] + counts[False, LEAK], sum(leak for leak, _ in verdicts)
    open_ones = counts[True, UNDECIDED] + counts[False, UNDECIDED]
    return [
        Share(counts[True, LEAK], called).text,
        Share(counts[True, LEAK], leaks).text,
        Share(open_ones, len(verdicts)).text,
    ]


def _times(results: Sequence[Result]) -> str:
    leaks = [result for result in results if result.is_leak]
    groups = {
        "leaks of 1 MiB/s and more": [r for r in leaks if r.is_fast],
        "slower leaks, and counted ones": [r for r in leaks if not r.is_fast],
        "no leaks": [r for r in results if not r.is_leak],
    }
    rows = []
    for name, group in groups.items():
        seconds = score.times(group)
        shown = [_seconds(quantile(seconds, share)) for share in (0.5, 0.95)]
        rows.append((name, len(group), *shown))
    return (
        f"Seconds after which a watch would have ended with the right verdict, by itself or at its end (confidence"
        f" {score.CONFIDENCE}; only a leak ends it early); – where so many never came to it:\n\n"
        + table(("", "cases", "median", "p95"), rows)
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None or value == float("inf") else f"{value:.1f} s"


def _patterns(results: Sequence[Result]) -> str:
    leaks = [result for result in results if result.is_leak]
    rows = []
    for pattern in sorted({result.case.pattern for result in leaks}):
        there = [result for result in leaks if result.case.pattern == pattern]
        others = Counter(
            (r.at()["patterns"] or [None])[0] or "no single one"
            for r in there
            if r.verdict == LEAK and not r.pattern_right
        )
        wrong = ", ".join(f"{name} ×{count}" for name, count in others.most_common())
        rows.append((pattern, score.recall(there).text, score.patterns(there).text, wrong))
    return table(("pattern", "found", "named rightly", "named otherwise"), rows)


def _strata(results: Sequence[Result]) -> str:
    rows: list[Row] = []
    for way, groups in score.by_stratum(results).items():
        for key, there in groups.items():
            alarms = len(score.false_alarms(there))
            right = Share(sum(result.right for result in there), len(there))
            rows.append((way, key, right.text, score.recall(there).text, alarms))
    return table(("", "", "right", "recall", "false alarms"), rows)


def _cost(results: Sequence[Result]) -> str:
    sampling = [r.said["watch"]["sampling_share"] or 0.0 for r in results if r.said]
    whole = [r.truth["command_cpu_seconds"] / r.case.seconds for r in results]
    late = [1 - r.said["watch"]["ticks"] for r in results if r.said]
    rows = [
        (name, *(f"{quantile(values, share) or 0:.2%}" for share in (0.5, 0.95, 1.0)))
        for name, values in (
            ("reading the process, after the first look, share of a core", sampling),
            ("all of `memlab record`, with its start and its compressing, share of a core", whole),
            ("ticks that were missed", late),
        )
    ]
    return table(("", "median", "p95", "most"), rows)


def _apart(results: Sequence[Result]) -> str:
    there = [result for result in results if result.apart]
    if not there:
        return "Nothing: every case is in the figures above."
    rows = []
    for result in sorted(there, key=lambda r: (r.apart, r.case.number)):
        said = result.said and "failed" not in result.said
        rows.append(
            (result.apart, f"`{result.case.label}`", result.verdict if said else result.why_apart)
        )
    growing = [r for r in there if r.apart == "still growing"]
    called = Counter(result.verdict for result in growing)
    return (
        "These are not in the figures above. A look-alike that grows until after the window cannot be told from"
        f" a leak yet; of {len(growing)} such, {called[LEAK]} were called a leak, {called[UNDECIDED]} undecided,"
        f" {called[NOT_A_LEAK]} not a leak. A watch was starved when it missed a fifth of its ticks, or one for"
        " over two seconds.\n\n" + table(("why", "case", "verdict"), rows)
    )


def _live(results: Sequence[Result]) -> str:
    rows, same, watched = [], 0, 0
    for result in results:
        live = result.truth.get("live")
        if live is None or result.said is None or "failed" in result.said:
            continue
        watched += 1
        said = result.said["enough"][score.CONFIDENCE]
        first = next(iter(said["patterns"]), None)
        alike = (live["verdict"], live["pattern"]) == (said["verdict"], first)
        same += alike
        rows.append(
            (
                f"`{result.case.label}`", live["verdict"], live["pattern"] or "",
                f"{live['seconds']:.1f} s", said["verdict"], first or "", f"{said['seconds']:.1f} s",
            )
        )  # fmt: skip
    text = (
        f"{watched} cases were watched by `memlab diagnose PID` as well, by another process at the same time;"
        f" {same} times it said what was said of the recording, pattern included. It begins a moment"
        " later or sooner, so that the seconds may differ by a tenth."
    )
    head = ("case", "live", "", "ended after", "recording", "", "would have ended after")
    return text + ("\n\n" + table(head, rows) if rows else "")


def _losses(results: Sequence[Result]) -> str:
    lost = sorted(score.losses(results), key=lambda r: (not r.is_leak, r.case.name, r.case.number))
    if not lost:
        return "None."
    rows = []
    for result in lost:
        patterns = ", ".join(str(p) for p in result.at()["patterns"])
        said = result.verdict + (f" ({patterns})" if patterns else "")
        truth = result.case.pattern if result.is_leak else "no leak"
        rows.append(
            (f"`{result.case.label}`", truth, said, result.at()["why"], f"`{result.case.command}`")
        )
    return (
        "Each with the command that starts the same again; then `memlab diagnose PID --seconds"
        f" {results[0].case.seconds:g}`.\n\n"
        + table(("case", "in truth", "said", "why it said so", "again"), rows)
    )
