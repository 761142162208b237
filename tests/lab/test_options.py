"""What people ask of a leaker is checked before anything starts."""

import json
import os
import subprocess

import pytest

from memlab.errors import MemlabError, Refused
from memlab.lab import experiment
from memlab.lab.build import program
from memlab.lab.options import check, rate_argument
from memlab.lab.registry import get
from memlab.units import MIB, parse_rate

HEAP = get("heap")


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        ({}, []),
        ({"rate": None, "control": False, "paused": False}, []),
        ({"rate": "2MiB/s"}, ["--rate", "2097152.000b/s"]),
        ({"rate": 4}, ["--rate", "4.000000000/s"]),
        ({"rate": parse_rate("1/min")}, ["--rate", "0.016666667/s"]),
        ({"cap": "8MiB", "chunk": 4096}, ["--cap", "8388608", "--chunk", "4096"]),
        ({"cap": 8.0 * MIB}, ["--cap", "8388608"]),
        ({"duration": "200ms"}, ["--duration", "0.200000000"]),
        ({"duration": 3}, ["--duration", "3.000000000"]),
        ({"touch": 1e-5, "cap_basis": "virtual"}, ["--touch", "0.000010000", "--cap-basis", "virtual"]),
        ({"touch": "0.25"}, ["--touch", "0.250000000"]),
        ({"count": "3", "step": 2}, ["--count", "3", "--step", "2"]),
        ({"control": True, "paused": True}, ["--control", "--paused"]),
    ],
)  # fmt: skip
def test_options_are_written_as_the_leakers_read_them(asked, arguments):
    assert check(HEAP, asked).arguments == arguments


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rate": "-1"}, "--rate -1: '-1' is not a rate"),
        ({"rate": 0}, "no rate"),
        ({"rate": True}, "--rate True"),
        ({"cap": "0"}, "--cap 0: a size must be"),
        ({"cap": -5}, "--cap -5: a size must be"),
        ({"cap": 1.5}, "--cap 1.5: a size must be"),
        ({"cap": "lots"}, "--cap lots: 'lots' is not a size"),
        ({"cap": float("inf")}, "--cap inf"),
        ({"cap": [1]}, "--cap"),
        ({"stack_size": "1MB"}, "--stack-size is not for heap"),
        ({"cap": "10KiB"}, "--cap 10 KiB is less than one unit of 64 KiB"),
        ({"count": -1}, "--count -1: must be a whole number"),
        ({"count": 1.5}, "--count 1.5: must be a whole number"),
        ({"step": 0}, "--step 0: must be a whole number"),
        ({"touch": 2}, "--touch 2: must be a number from 0 to 1"),
        ({"touch": "some"}, "--touch some"),
        ({"touch": 0}, "a resident cap would never hold"),
        ({"duration": "soon"}, "--duration soon: 'soon' is not a duration"),
        ({"duration": -1}, "--duration -1"),
        ({"cap_basis": "moon"}, "--cap-basis moon: must be virtual or resident"),
    ],
)
def test_nonsense_is_one_line_that_names_the_option(asked, says):
    with pytest.raises(Refused) as caught:
        check(HEAP, asked)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("thread-stack", {"chunk": "1MB", "stack_size": "1MB"}, "one thing"),
        ("fd-pipes", {"rate": "1MiB/s"}, "the units of fd-pipes have no size: say how many: --rate 20/s"),
        ("fd-pipes", {"cap": "100MiB"}, "--cap 104,857,600: the units of fd-pipes are counted"),
        ("warm-up", {"control": True}, "--control is not for warm-up: it leaks nothing"),
    ],
)  # fmt: skip
def test_what_is_not_for_a_leaker_says_what_is(name, asked, says):
    with pytest.raises(Refused) as caught:
        check(get(name), asked)
    assert says in str(caught.value)


def test_a_stack_has_a_size_of_its_own():
    assert check(get("thread-stack"), {"stack_size": "64KiB"}).arguments == [
        "--stack-size",
        "65536",
    ]


@pytest.mark.parametrize("name", ["thread-stack", "thread-stack-running"])
def test_a_stack_below_the_least_is_named_as_the_cause(name):
    least = os.sysconf("SC_THREAD_STACK_MIN")
    for size in (1, least - 1):
        with pytest.raises(Refused, match=r"--stack-size .* smaller than .*PTHREAD_STACK_MIN"):
            check(get(name), {"stack_size": size})
    assert check(get(name), {"stack_size": least, "cap": "1MiB"}).arguments


@pytest.mark.parametrize("name", ["thread-stack", "thread-stack-running"])
def test_the_program_refuses_such_a_stack_too(name):
    said = subprocess.run(
        [*program(name), "--stack-size", "1"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "PTHREAD_STACK_MIN" in said.stderr


@pytest.mark.parametrize("lang", ["c", "python"])
@pytest.mark.parametrize("rate", ["1/h", "2MiB/s", "0.5/s", "1GiB/h", "3/min"])
def test_both_harnesses_understand_every_rate_that_passes(lang, rate):
    argv = [*program("heap", lang), "--rate", rate_argument(rate), "--duration", "0.01"]
    done = subprocess.run([*argv, "--paused"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ready = json.loads(done.stdout.splitlines()[0])
    asked = parse_rate(rate).events(ready["chunk_bytes"])
    assert ready["events_per_second"] == pytest.approx(asked, rel=1e-5)


def test_a_refused_option_starts_nothing(monkeypatch):
    monkeypatch.setattr(experiment, "spawn_guard", lambda *_: pytest.fail("something was started"))
    with pytest.raises(MemlabError):
        experiment.start("heap", rate="fast")
    with pytest.raises(MemlabError):
        experiment.start("no-such-leaker")
    with pytest.raises(TypeError, match="nonsense"):
        experiment.start("heap", nonsense=1)
