"""One shape, three times: the C leakers, the Python leakers and memlab.model.shapes draw the same curve."""

import importlib.util
import subprocess
import sys
import time
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from memlab.lab.build import FLAGS, LIBRARIES, compiler
from memlab.lab.experiment import start
from memlab.lab.paths import leakers_folder
from memlab.model.shapes import PROFILES, SAWTOOTH, Shape

EVENTS = 2000
SHAPES = [
    Shape(rate, profile, period, jitter, seed)
    for profile in PROFILES
    for rate, period in ((20, 3), (1.25, 2), (333.3, 0.7), (0.05, 10))
    for jitter, seed in ((0, 1), (0, 77), (0.3, 4), (1, 123456789012345))
]
DECIMALS = 12  # both sides add and divide in doubles, in another order


def words(shape):
    return [
        *("--profile", shape.profile, "--rate", f"{shape.rate}/s", "--period", str(shape.period)),
        *("--jitter", str(shape.jitter), "--seed", str(shape.seed)),
    ]


def modelled(shape):
    """The first events by the model; asked for up to an ever later second."""
    seconds = 1.0
    while len(due := shape.due(seconds)) < EVENTS:
        seconds *= 2
    return due[:EVENTS]


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    """A program that has nothing of a leaker but its options and its shape."""
    program = tmp_path_factory.mktemp("due") / "due"
    source = Path(__file__).with_name("due.c")
    include = f"-I{leakers_folder() / 'c'}"
    subprocess.run([*compiler(), *FLAGS, include, "-o", program, source, *LIBRARIES], check=True)

    def due(shape):
        argv = [program, str(EVENTS), *words(shape)]
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return np.array([float(line) for line in said.splitlines()])

    return due


@pytest.fixture(scope="module")
def in_python():
    """The shape of the Python leakers, as they import it."""
    folder = str(leakers_folder() / "python")
    sys.path.insert(0, folder)
    try:
        loaded = {name: loaded_from(folder, name) for name in ("_options", "_shape", "_harness")}
    finally:
        sys.path.remove(folder)
        for name in ("_options", "_shape"):
            sys.modules.pop(name, None)

    def due(shape):
        leaker = loaded["_harness"].Leaker(
            "due", None, rate="1/s", cap=1, basis="resident", chunk=1
        )
        options = loaded["_options"].Options(leaker, words(shape))
        drawn = loaded["_shape"].Shape(options)
        first = drawn.begin(0.0)
        return np.array([first, *islice(iter(drawn.next, None), EVENTS - 1)])

    return due


def loaded_from(folder, name):
    spec = importlib.util.spec_from_file_location(name, f"{folder}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    if name != "_harness":
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: " ".join(words(shape)))
def test_every_event_is_planned_for_the_same_moment(shape, in_c, in_python):
    expected = modelled(shape)
    assert len(expected) == EVENTS
    assert np.all(np.diff(expected) >= 0)
    np.testing.assert_allclose(in_c(shape), expected, rtol=10**-DECIMALS)
    np.testing.assert_allclose(in_python(shape), expected, rtol=10**-DECIMALS)


def test_another_seed_is_another_leak():
    one, other = (Shape(20, "bursty", 1, seed=seed).due(60) for seed in (1, 2))
    assert len(one) > 80
    assert not np.array_equal(one[:80], other[:80])


def test_jitter_moves_no_burst():
    """What a draw knows of the bursts of a seed holds for all of its jitters."""
    even, moved = (Shape(200, "bursty", 1, jitter=j, seed=7).due(60) for j in (0, 1))
    assert abs(len(even) - len(moved)) <= 1
    fewest = min(len(even), len(moved))
    np.testing.assert_allclose(moved[:fewest], even[:fewest], atol=1 / 200)


# --- the leakers themselves, and what they say of it --------------------------------------------------

# A leaker that is late by more starts its shape anew (harness: `next < time - 1`).
LATE = 1.0
RUNS = [
    Shape(40, "linear"),
    Shape(40, "linear", jitter=1, seed=5),
    Shape(40, "step", 0.5),
    Shape(60, "accelerating", 1),
    Shape(60, "bursty", 0.4, seed=3),
    Shape(60, "bursty", 0.4, jitter=0.5, seed=8),
    Shape(60, SAWTOOTH, 0.5),
]
COUNT = 160  # events


@pytest.mark.live
@pytest.mark.parametrize("shape", RUNS, ids=lambda shape: " ".join(words(shape)))
def test_the_ledgers_of_both_languages_follow_the_curve(shape):
    """Never before it is due, in the right order and number, and never later than the leaker allows."""
    options = {
        "rate": f"{shape.rate}/s", "profile": shape.profile, "period": shape.period,
        "jitter": shape.jitter, "seed": shape.seed, "chunk": "4KiB", "count": COUNT,
    }  # fmt: skip
    with (
        start("anonymous", "c", paused=True, **options) as c,
        start("anonymous", "python", paused=True, **options) as python,
    ):
        for run in (c, python):
            before = time.monotonic()
            run.resume()
            run.resumed = before
        for run in (c, python):
            run.wait(lambda run=run: run.holding, 60)
            lines = [line for line in run.ledger if line["t"] >= run.resumed]
            assert lines[-1]["count"] == COUNT
            counts = np.array([line["count"] for line in lines])
            times = np.array([line["t"] for line in lines]) - run.resumed
            assert np.all(counts <= np.minimum(COUNT, shape.taken(times))), (
                "an event came too early"
            )
            late = np.minimum(COUNT, shape.taken(np.maximum(0, times - LATE)))
            assert np.all(counts >= late), "the leaker was held up for a second: a busy machine?"
            assert_what_is_kept(lines, run.ready["chunk_bytes"], shape.profile == SAWTOOTH)


def assert_what_is_kept(lines, chunk, gives_back):
    """A fall leaves a tenth of all that was taken; between falls nothing is given back."""
    falls = before = 0
    for line, after in pairwise(lines):
        taken, leaked = after["count"], after["leaked_bytes"] // chunk
        had = line["leaked_bytes"] // chunk
        if leaked != had + taken - line["count"]:
            assert leaked == taken // 10
            falls, before = falls + 1, taken
        assert leaked == before // 10 + taken - before
    assert bool(falls) == gives_back


@pytest.mark.parametrize("step", [1, 7])
def test_a_sawtooth_keeps_a_tenth_of_each_tooth(step):
    shape = Shape(20, SAWTOOTH, 2)
    times = np.arange(0, 20, 0.05) + 0.01
    taken, kept = shape.taken(times, step), shape.kept(times, step)
    for tooth in range(9):
        within = (times > 2 * tooth) & (times < 2 * tooth + 2)
        # the event that is due together with the fall comes after it
        fallen = step * max(0, 40 * tooth - 1)
        assert np.array_equal(kept[within], fallen // 10 + taken[within] - fallen)


def test_a_tooth_of_more_units_than_a_leaker_remembers_falls_early():
    shape = Shape(10_000, SAWTOOTH, 2)
    kept = shape.kept([0.8191, 0.8192, 0.8193])
    assert list(np.abs(kept - [8191, 819, 820]) <= 1) == [True] * 3
