"""memray, attached to Python leakers: the function of the ledger comes first, by its lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Unsupported
from memlab.lab import experiment
from memlab.lab.experiment import start
from memlab.lab.options import check
from memlab.lab.registry import get
from memlab.model.memory import Pattern
from memlab.trace import memray
from memlab.trace.watch import Watch
from tests.trace.kills import PACKAGE, helpers_of, kill_memlab, runs_untraced
from tests.trace.sites import first_site, watched
from tests.trace.test_pyspy import is_here
from tests.waiting import until

pytest.importorskip("memray")
pytestmark = [pytest.mark.live, pytest.mark.needs("gdb")]


def with_packages(name, chunk="64KiB"):
    """A Python leaker that can import memray: `start` gives it no packages at all (-S -E)."""
    leaker = get(name)
    options = check(leaker, {"rate": "8/s", **({"chunk": chunk} if chunk else {})})
    argv = [sys.executable, "-u", str(leaker.path("python")), *options.arguments]
    return experiment.Experiment(leaker, "python", experiment.spawn_guard(argv, options, name))


def names_the_ledgers_function(name, events):
    with with_packages(name) as leaker:
        leaker.wait(lambda: leaker.ready and leaker.box and leaker.ledger)
        stacks, begun, ended = watched(memray, leaker, Pattern.ANONYMOUS, events)
        assert runs_untraced(leaker.pid)
    function, _, place = ended["site"].partition(" ")
    first = stacks.stacks[0].site
    assert (first.function, first.place.partition(":")[0]) == (function, place.partition(":")[0])
    assert stacks.stacks[0].bytes >= (ended["leaked_bytes"] - begun["leaked_bytes"]) // 2
    return stacks


def test_a_mapping_is_named_by_its_line_of_python():
    stacks = names_the_ledgers_function("anonymous", 8)
    assert stacks.stacks[0].count >= 8
    assert (
        first_site(stacks) == "leak anonymous.py:24"
    )  # the call; the ledger's line keeps what it made


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", ["anonymous-objects", "anonymous-cache", "heap", "shared-anonymous"]
)
def test_others_are_named_by_the_ledgers_function(name):
    names_the_ledgers_function(name, 24)


@pytest.mark.soak
@pytest.mark.skipif(not is_here(), reason="py-spy is not here")
def test_what_an_extension_takes_passes_memray_by_and_py_spy_is_asked_next():
    with with_packages("anonymous-extension", chunk="1MiB") as leaker:
        leaker.wait(lambda: leaker.ready and leaker.box and leaker.ledger)
        done = subprocess.run(
            [sys.executable, "-m", "memlab.cli.main", "trace", str(leaker.pid), "--seconds", "4", "--json",
             "--pattern", "anonymous"],
            capture_output=True, text=True, timeout=110, check=False,
            env={**os.environ, "PYTHONPATH": PACKAGE},
        )  # fmt: skip
        function, _, place = leaker.ledger[-1]["site"].partition(" ")
    assert done.returncode == 0, done.stderr
    assert "memray explains less than half of what grew\npy-spy attaches" in done.stderr
    said = json.loads(done.stdout)
    assert said["engine"] == "py-spy"
    assert said["stacks"][0]["site"].startswith(f"{function} {place.partition(':')[0]}")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_memlab_killed_two_hundred_times_the_program_runs_on_untraced():
    """memray's own part in it ends with its time, so that each round has a program of its own."""
    for nth in range(200):
        with with_packages("anonymous-objects") as leaker:
            leaker.wait(lambda leaker=leaker: leaker.ready and leaker.box and leaker.ledger)
            kill_memlab(leaker, "memray", "ANONYMOUS", nth)
            until(lambda leaker=leaker: not helpers_of(leaker.pid, "bounded.py"), 60)
            until(lambda leaker=leaker: runs_untraced(leaker.pid), 60)
            before = leaker.ledger[-1]["count"]
            until(lambda leaker=leaker, before=before: leaker.ledger[-1]["count"] > before)


@pytest.mark.soak
def test_a_process_that_waits_is_let_go_and_runs_on():
    with with_packages("anonymous") as leaker:
        leaker.wait(lambda: leaker.ready and leaker.box)
        leaker.pause()
        with pytest.raises(Unsupported, match="to run a line of Python, and let go"):
            memray.trace(leaker.pid, Watch(5))
        assert runs_untraced(leaker.pid)
        assert leaker.step(2)["leaked_units"] >= 2


def test_a_python_that_was_found_on_its_path_is_that_of_its_environment():
    """Its exe is the one that the environment was made from, and has no packages of it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    with subprocess.Popen(
        ["python3", "-c", "import sys; print(sys.prefix, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as waits:  # fmt: skip
        try:
            assert waits.stdout.readline().strip() == sys.prefix
            memray.why_not(waits.pid)
        finally:
            waits.stdin.close()


def test_an_interpreter_without_memray_is_said_to_lack_it():
    with (
        start("anonymous", "python", paused=True) as leaker,
        pytest.raises(
            Unsupported, match=r"has no memray \(started with -S -E\): .* -m pip install memray"
        ),
    ):
        memray.why_not(leaker.pid)


def test_without_room_for_its_file_that_is_said():
    with with_packages("fd-files", chunk=None) as leaker:
        leaker.wait(lambda: leaker.ready and leaker.box and leaker.ledger)
        with pytest.raises(Unsupported, match="of 256 MiB that the process may have"):
            memray.trace(leaker.pid, Watch(2))
        assert runs_untraced(leaker.pid)


@pytest.mark.needs("gcc")
def test_what_is_no_python_is_said_to_be_none():
    with (
        start("anonymous", "c", paused=True) as leaker,
        pytest.raises(Unsupported, match="no CPython"),
    ):
        memray.why_not(leaker.pid)
