"""What every leaker promises, in both languages: options, control channel, cap, last words."""

import json
import os
import signal
import subprocess
from functools import cache

import pytest

from memlab.lab import experiment as experiments
from memlab.lab.build import program
from memlab.lab.experiment import start
from memlab.lab.registry import leakers

CASES = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]
LEAKS = [case for case in CASES if not leakers()[case[0]].is_lookalike]
every_program = pytest.mark.parametrize(("name", "lang"), CASES)
every_leaker = pytest.mark.parametrize(("name", "lang"), LEAKS)
both_languages = pytest.mark.parametrize("lang", ["c", "python"])


@cache
def not_granted(name, lang):
    """Why the kernel grants this user not even one unit; None where it does."""
    if not leakers()[name].needs:
        return None
    argv = [*program(name, lang), "--count", "1", "--rate", "1000/s", "--duration", "0.2"]
    said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    events = map(json.loads, said.stdout.splitlines())
    return next((event["message"] for event in events if event.get("reason") == "refused"), None)


class Raw:
    """A leaker by hand and small, without a box: to see what it does by itself."""

    def __init__(self, name, lang, *options):
        if why := not_granted(name, lang):
            pytest.skip(f"{name} needs {leakers()[name].needs}: {why}")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MEMLAB")}
        self.process = subprocess.Popen(
            [*program(name, lang), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def hear(self, kind):
        """The next event of a kind; what comes before is skipped."""
        while line := self.process.stdout.readline():
            event = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"ended without {kind!r}: {self.process.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()  # not kill: by hand, it alone can remove what would outlive it
        self.process.communicate(timeout=10)


@every_program
def test_it_is_ready_does_what_it_is_told_and_stops(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        ready = leaker.hear("ready")
        assert (ready["pid"], ready["name"], ready["lang"]) == (leaker.process.pid, name, lang)
        assert ready["pattern"] == leakers()[name].pattern
        leaker.say("step 3")
        line = leaker.hear("ledger")
        leaks = not leakers()[name].is_lookalike
        assert (line["count"], line["leaked_units"]) == (3, 3 * leaks)
        assert line["leaked_bytes"] == line["leaked_units"] * ready["chunk_bytes"]
        leaker.say("nonsense")
        assert "not understood" in leaker.hear("error")["message"]
        leaker.say("stop")
        assert leaker.hear("end")["reason"] == "stop"
        assert leaker.process.wait(10) == 0


@every_program
def test_its_defaults_are_those_of_the_manifest_and_its_words_the_same_in_both_languages(
    name, lang
):
    with Raw(name, lang, "--paused") as leaker:
        ready = leaker.hear("ready")
        leaker.say("step")
        line = leaker.hear("ledger")
    truth = leakers()[name]
    assert (ready["chunk_bytes"], ready["cap"]) == (truth.chunk_bytes, truth.cap_bytes)
    assert ready["cap_basis"] == truth.cap_basis
    assert set(ready) == {
        "event", "pid", "name", "lang", "pattern", "control", "events_per_second", "chunk_bytes",
        "touched_bytes_per_chunk", "step", "cap", "cap_basis",
    }  # fmt: skip
    assert set(line) == {
        "event", "t", "leaked_bytes", "touched_bytes", "leaked_units", "count", "site",
    }  # fmt: skip


@every_program
def test_the_site_in_the_ledger_is_the_line_that_leaks(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        leaker.say("step 3")
        function, place = leaker.hear("ledger")["site"].split(" ")
    file, _, number = place.partition(":")
    line = leakers()[name].source(lang).splitlines()[int(number) - 1]
    assert file == leakers()[name].path(lang).name
    assert f"{function}(" in leakers()[name].source(lang)
    mark = "GROWS_HERE|# grows here" if leakers()[name].is_lookalike else "LEAKS_HERE|# leaks here"
    assert any(word in line for word in mark.split("|"))


@every_leaker
def test_at_its_cap_it_holds_and_still_obeys(name, lang):
    """Within one chunk: the unit that would pass the cap is not made."""
    truth = leakers()[name]
    cap = 4 if truth.is_counted else 4 * truth.chunk_bytes + truth.chunk_bytes // 2
    with Raw(name, lang, "--paused", "--cap", str(cap)) as leaker:
        leaker.say("step 1000")
        held = leaker.hear("hold")
        assert held["reason"] == "cap"
        line = leaker.hear("ledger")
        assert (line["count"], line["leaked_bytes"]) == (4, 4 * truth.chunk_bytes)
        leaker.say("stop")
        assert leaker.hear("end")["reason"] == "stop"


@every_program
def test_count_and_duration_end_the_leak(name, lang):
    with Raw(name, lang, "--count", "3", "--rate", "1000/s", "--duration", "0.5") as leaker:
        assert leaker.hear("hold")["reason"] == "count"
        assert leaker.hear("end")["reason"] == "duration"


@every_program
def test_a_signal_is_an_orderly_end(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        leaker.hear("ready")
        leaker.process.send_signal(signal.SIGTERM)
        assert leaker.hear("end")["reason"] == "signal"
        assert leaker.process.wait(10) == 0


@every_program
def test_when_nobody_listens_it_ends(name, lang):
    with Raw(name, lang, "--rate", "50/s") as leaker:
        leaker.hear("ready")
        leaker.process.stdout.close()
        assert leaker.process.wait(10) == 0


@every_program
def test_the_end_of_its_channel_is_no_command(name, lang):
    with Raw(name, lang, "--rate", "50/s") as leaker:
        leaker.process.stdin.close()
        assert leaker.hear("ledger")["count"] >= 1
        leaker.process.stdin = None  # so that communicate() does not close it again


@both_languages
@pytest.mark.parametrize("name", ["anonymous", "tmpfs-files", "fd-pipes", "bounded-cache"])
@pytest.mark.parametrize(
    "options",
    [
        ["--rate", "-1"], ["--rate", "0"], ["--rate", "fast"], ["--rate"], ["--chunk", "0"],
        ["--chunk", "-5"], ["--count", "-1"], ["--count", "many"], ["--cap", "0"], ["--step", "0"],
        ["--touch", "2"], ["--cap-basis", "moon"], ["--bogus"], ["file"], ["--duration", "-1"],
        ["--profile", "wild"], ["--period", "0"], ["--jitter", "2"], ["--seed", "0"],
    ],
)  # fmt: skip
def test_a_bad_option_is_one_line_and_status_2(name, lang, options):
    assert refused(name, lang, *options)


@every_program
def test_what_is_not_for_it_is_refused(name, lang):
    """Touch where it has no say, bytes where units are things, drift where nothing leaks."""
    truth = leakers()[name]
    if truth.touch != "share":
        assert "--touch is not for" in refused(name, lang, "--touch", "0.5")
    if truth.is_counted:
        assert "--chunk is not for" in refused(name, lang, "--chunk", "4KiB")
        assert "is no rate" in refused(name, lang, "--rate", "1MiB/s")
    if truth.is_lookalike:
        assert "leaks nothing" in refused(name, lang, "--profile", "sawtooth-with-drift")
        assert "leaks nothing" in refused(name, lang, "--control")
    if truth.is_counted != (truth.cap_basis == "count"):
        raise AssertionError(f"{name}: units without a size are counted, and no others")


def refused(name, lang, *options):
    """The one line with which it does not start."""
    done = subprocess.run(
        [*program(name, lang), *options],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name}: ")
    return line


@both_languages
def test_blocks_that_malloc_would_map_are_refused_by_heap(lang):
    assert "mappings" in refused("heap", lang, "--chunk", "128KiB")


@pytest.mark.live
@both_languages
@pytest.mark.parametrize("name", ["anonymous", "thread-stack"])
def test_what_the_kernel_refuses_is_held_not_crashed(name, lang):
    """A box too small for what is asked. (The heap's blocks are too small to meet it before the cap;
    tmpfs is ended by SIGXFSZ at its file size.)
    """
    leaker, chunk = leakers()[name], "300MiB" if name == "anonymous" else "100MiB"
    # the box is made for 10 MiB, the leaker is told to take more
    guard = experiments.spawn(leaker, [*program(name, lang), "--paused", "--chunk", chunk, "--cap", "8GiB",
                                       "--cap-basis", "virtual"], {"cap": "10MiB", "cap_basis": "virtual"})  # fmt: skip
    with experiments.Experiment(leaker, lang, guard) as run:
        run.wait(lambda: run.ready)
        run.step(20)
        run.wait(lambda: run.holding)
        assert run.holding == "refused"
        assert run.alive


@pytest.mark.live
@both_languages
@pytest.mark.parametrize("name", ["heap", "thread-stack", "fd-pipes", "sawtooth"])
def test_a_rate_can_be_changed_while_it_leaks(name, lang):
    with start(name, lang, rate="1/h") as run:
        run.set_rate("200/s")
        run.wait(lambda: run.ledger and run.ledger[-1]["count"] >= 20)
        run.pause()


@both_languages
def test_a_tmpfs_leaker_by_hand_leaves_nothing_even_when_killed(lang):
    with Raw("tmpfs", lang, "--paused", "--chunk", "64KiB") as leaker:
        leaker.say("step 3")
        leaker.hear("ledger")
        files = [os.readlink(fd.path) for fd in os.scandir(f"/proc/{leaker.process.pid}/fd")]
        leaker.process.kill()
    (name,) = [file for file in files if file.startswith("/dev/shm/")]
    assert name.endswith(" (deleted)")


def test_no_leaker_is_longer_than_a_hundred_lines_and_its_header_says_what_it_does():
    for leaker in leakers().values():
        for lang in leaker.languages:
            assert len(leaker.source(lang).splitlines()) < 100
            opening = "Looks like a leak: " if leaker.is_lookalike else "Leaks "
            assert leaker.source(lang).lstrip('/*" ').startswith(opening)


@both_languages
def test_the_last_event_of_a_burst_is_told_before_the_next_one_comes(lang):
    with Raw("heap", lang, "--profile", "step", "--period", "0.5", "--rate", "60/s") as leaker:
        assert 30 in [leaker.hear("ledger")["count"] for _ in range(3)]
