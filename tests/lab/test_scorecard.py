"""The scorecard's own arithmetic: draw, intervals, detectors, truth, and what is written."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest

from memlab.lab.registry import leakers
from memlab.lab.scorecard import score
from memlab.lab.scorecard.baselines import (
    change_point,
    linear_slope,
    mann_kendall,
    mann_kendall_z,
    pettitt,
    rss_threshold,
    slope_t,
    t_critical,
)
from memlab.lab.scorecard.cases import FEWEST_BURSTS, FEWEST_UNITS, Case, draw
from memlab.lab.scorecard.files import data
from memlab.lab.scorecard.goals import floors, goals
from memlab.lab.scorecard.metrics import Share, least_hits, quantile, wilson
from memlab.lab.scorecard.page import page
from memlab.lab.scorecard.report import report
from memlab.lab.scorecard.score import Result
from memlab.lab.scorecard.store import Asked, Store
from memlab.model.shapes import Shape, bursts
from memlab.units import MIB, parse_rate

X = np.arange(10.0)
Y = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
LEVEL = np.full(50, 7.0 * MIB)
TIMES = np.arange(50.0)


# --- figures: the values are those of scipy 1.17 ------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.27753279986288926),
        (9, 10, 0.5958499732047615, 0.9821237869049271),
        (197, 200, 0.9568342712073097, 0.9948857622067417),
        (50, 100, 0.4038315303659956, 0.5961684696340044),
    ],
)
def test_wilsons_interval(hits, of, low, high):
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-12)


def test_nothing_has_no_share_and_every_interval():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)


@pytest.mark.parametrize(
    ("of", "probability", "least"), [(47, 0.8, 26), (37, 0.95, 29), (200, 0.9, 163)]
)
def test_the_fewest_hits_that_chance_leaves(of, probability, least):
    assert least_hits(of, probability, 1e-4) == least


def test_a_quantile_is_a_value_that_was_there():
    assert [quantile([4.0, 1.0, 3.0, 2.0], share) for share in (0.5, 0.95, 1.0)] == [2.0, 4.0, 4.0]
    assert quantile([1.0, math.inf, math.inf], 0.5) == math.inf
    assert quantile([], 0.5) is None


def test_the_slope_and_its_error():
    assert slope_t(X, Y) == pytest.approx(1.0033500931359767)


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(8, 1.8595480375308973), (48, 1.6772241961243388), (299, 1.6499657674263895)],
)
def test_students_quantile(freedom, value):
    assert t_critical(0.05, freedom) == pytest.approx(value, abs=2e-4)


def test_mann_kendall_with_ties():
    assert mann_kendall_z(Y) == pytest.approx(0.9958932064677039)


def test_pettitt_finds_the_cut():
    """Five low and five high: every pair across the middle rises."""
    statistic, probability = pettitt(np.repeat([1.0, 2.0], 5))
    assert statistic == 25
    assert probability == pytest.approx(math.exp(-6 * 625 / 1100))


def test_a_level_line_is_a_leak_to_none_of_them():
    assert not any(
        judge(TIMES, LEVEL) for judge in (rss_threshold, linear_slope, mann_kendall, change_point)
    )


def test_a_straight_rise_is_a_leak_to_all_of_them_once_it_is_large():
    rising = 90 * MIB + TIMES * MIB
    assert all(
        judge(TIMES, rising) for judge in (rss_threshold, linear_slope, mann_kendall, change_point)
    )
    assert not rss_threshold(TIMES, rising - 50 * MIB), "which says when it is late, and no more"


def test_a_fall_is_a_leak_to_none_of_them():
    falling = 90 * MIB - TIMES * MIB
    assert not any(
        judge(TIMES, falling) for judge in (rss_threshold, linear_slope, mann_kendall, change_point)
    )


def test_what_filled_and_stayed_is_what_trends_cry_wolf_at():
    filled = np.minimum(TIMES, 20) * MIB
    assert all(judge(TIMES, filled) for judge in (linear_slope, mann_kendall, change_point))


# --- the draw ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full():
    return draw(1, False, 60.0)


def test_the_same_seed_draws_the_same(full):
    assert draw(1, False, 60.0) == full
    assert draw(2, False, 60.0) != full


def test_every_program_is_drawn_in_each_of_its_languages(full):
    drawn = {(case.name, case.lang) for case in full}
    assert drawn == {(one.name, lang) for one in leakers().values() for lang in one.languages}
    leaks = Counter((case.name, case.lang) for case in full if case.kind == "leak")
    assert min(leaks.values()) >= 2


def test_a_leak_shows_in_its_window(full):
    for case in full:
        if case.kind != "leak":
            continue
        options = case.options
        chunk = leakers()[case.name].chunk_bytes
        if "chunk" in options:
            chunk = int(options["chunk"].removesuffix("KiB")) * 1024
        events = parse_rate(options["rate"]).events(chunk or 1)
        shape = Shape(
            events, case.profile, options.get("period", 10.0), options.get("jitter", 0.0), options["seed"]
        )  # fmt: skip
        grown = shape.kept(case.lead + case.seconds) - shape.kept(case.lead)
        assert grown >= FEWEST_UNITS, case.label
        if case.profile == "bursty":
            seen = 0
            for burst in bursts(options["seed"]):
                if burst * options["period"] >= case.lead + case.seconds:
                    break
                seen += burst * options["period"] > case.lead
            assert seen >= FEWEST_BURSTS, case.label


@pytest.mark.parametrize("most", [1, 2, 3, 6, 7, 12, 50, 84])
def test_a_draw_has_as_many_cases_as_were_asked_for(most):
    drawn = draw(1, True, 30.0, most)
    assert len(drawn) == most
    assert len({case.kind for case in drawn}) == min(3, most)


def test_a_shorter_draw_has_all_kinds():
    few = draw(1, True, 30.0, 12)
    assert {case.kind for case in few} == {"leak", "control", "look-alike"}
    assert [case.number for case in few] == list(range(len(few)))


def test_a_case_survives_its_json(full):
    assert Case(**json.loads(json.dumps(full[0].to_json()))) == full[0]


# --- the score ----------------------------------------------------------------------------------------------


def result(number, kind, verdict, *, pattern="heap", ends=None, patterns=("heap",), **truth):
    """One case of ten seconds that was judged like this."""
    case = Case(
        number, "heap", "c", kind, pattern if kind == "leak" else "none", {"rate": "1MiB/s"}, 10.0,
        rate=2.0 * MIB if kind == "leak" else None, ends=ends,
    )  # fmt: skip
    window = {
        "verdict": verdict, "why": "it grew | so", "reason": None, "decide": None,
        "patterns": list(patterns) if verdict == "leak" else [],
        "baselines": dict.fromkeys(("RSS threshold", "linear slope", "Mann-Kendall", "change-point"), True),
    }  # fmt: skip
    watch = {
        "began": 100.0, "seconds": 10.0, "instants": 51, "looks": 20, "ticks": 1.0,
        "widest_gap": 0.2, "starved": False, "sampling_share": 0.004,
    }  # fmt: skip
    said = {
        "engine": "x", "windows": {"5": window, "10": window}, "watch": watch,
        "enough": {key: {"seconds": 3.0, **window} for key in ("0.8", "0.9", "0.95", "0.99", "0.999")},
    }  # fmt: skip
    plain = {"ledger": [[99.0, 1, 1], [109.0, 9, 9]], "held": None, "live": None}
    return Result(case, {**plain, "command_cpu_seconds": 1.0, **truth}, said)


RESULTS = [
    result(0, "leak", "leak"),
    result(1, "leak", "leak", patterns=("arena",)),
    result(2, "leak", "undecided"),
    result(3, "control", "not-a-leak"),
    result(4, "look-alike", "leak", ends=4.0),
    result(5, "look-alike", "leak", ends=30.0),
    result(6, "leak", "leak", ledger=[[99.0, 5, 5], [109.0, 5, 5]]),
    result(7, "leak", "leak", held="cap", ledger=[[99.0, 1, 1], [104.0, 5, 5]]),
    result(8, "leak", "leak", failed="refused, to keep this machine safe"),
]


def test_what_cannot_be_told_is_apart():
    assert [one.apart for one in RESULTS] == [
        "", "", "", "", "",
        "still growing", "leaked nothing in the window", "stopped leaking in the window", "not run",
    ]  # fmt: skip


def test_a_leak_that_stopped_after_the_window_is_a_leak():
    late = result(
        0, "leak", "leak", held="cap", ledger=[[99.0, 1, 1], [108.0, 4, 4], [110.5, 5, 5]]
    )
    assert late.apart == ""


def test_a_leak_that_has_been_silent_for_the_last_third_is_apart():
    silent = result(0, "leak", "not-a-leak", ledger=[[99.0, 1, 1], [104.0, 4, 4], [109.0, 4, 4]])
    assert silent.apart == "silent for the last third"


def test_shares():
    inside = score.counted(RESULTS)
    assert (score.precision(inside).hits, score.precision(inside).of) == (2, 3)
    assert (score.recall(inside).hits, score.recall(inside).of) == (2, 3)
    assert (score.patterns(inside).hits, score.patterns(inside).of) == (1, 3)
    assert [one.case.number for one in score.false_alarms(inside)] == [4]
    assert [one.case.number for one in score.losses(inside)] == [1, 2, 4]
    assert score.times(inside[:3]) == [3.0, 3.0, math.inf]


def test_goals_say_missed_and_met():
    said = {goal.demand.split(" ")[0]: goal.met for goal in goals(score.counted(RESULTS))}
    assert said["precision"] is False
    assert said["sampling"] is True


def test_the_floor_breaks_only_where_chance_cannot():
    good = [result(n, "leak", "leak") for n in range(40)]
    assert floors(good) == []
    bad = good[:10] + [result(n, "leak", "undecided") for n in range(30)]
    assert floors(bad) == ["leaks found: 10 of 40, and 22 are the least"]


def test_the_report_names_every_loss_and_all_that_is_apart():
    text = report(Asked(1, False, 10.0, 9, 2, "a machine"), RESULTS, "1.0")
    for one in RESULTS:
        named = f"`{one.case.label}`" in text
        assert named == (one.case.number not in (0, 3)), one.case.label
    assert "it grew \\| so" in text, "a bar would end the cell"
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 40


def test_a_page_of_nothing_that_was_found():
    quiet = [result(0, "leak", "undecided"), result(1, "control", "not-a-leak")]
    for one in quiet:
        for window in one.said["windows"].values():
            window["baselines"] = dict.fromkeys(window["baselines"], False)
    assert "Plotly.newPlot" in page(data(quiet))
    assert "Plotly.newPlot" in page(data([]))


def test_the_page_needs_no_network():
    text = page(data(RESULTS))
    assert "Plotly.newPlot" in text
    assert "src=" not in text.split("<body", 1)[1].replace("cdn", "")[:2000]


# --- what is kept ---------------------------------------------------------------------------------------------


def test_a_torn_line_is_left_out(tmp_path):
    store, asked = Store(tmp_path / "card"), Asked(1, True, 10.0, 3)
    store.begin(asked)
    one, two, *_ = asked.cases()
    store.add_truth(one, {"held": None})
    with (store.folder / "truth.jsonl").open("ab") as file:
        file.write(b'{"label":"torn","le')
    store.add_truth(two, {"held": "cap"})
    assert set(store.truths()) == {one.label, two.label}


def test_verdicts_of_another_version_are_not_added_up(tmp_path):
    store, asked = Store(tmp_path / "card"), Asked(1, True, 10.0, 3)
    store.begin(asked)
    (case, *_) = asked.cases()
    store.add_verdict(case, {"engine": "old"})
    assert store.verdicts("new") == {}
    assert set(store.verdicts("old")) == {case.label}
