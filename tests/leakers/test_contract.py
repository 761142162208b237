"""What every leaker promises, in both languages: options, control channel, cap, last words."""

import json
import os
import signal
import subprocess

import pytest

from memlab.lab import experiment as experiments
from memlab.lab.build import program
from memlab.lab.experiment import start
from memlab.lab.registry import leakers

CASES = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]
every_leaker = pytest.mark.parametrize(("name", "lang"), CASES)


class Raw:
    """A leaker by hand, small and paused, without a box: to see what it does by itself."""

    def __init__(self, name, lang, *options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MEMLAB")}
        self.process = subprocess.Popen(
            [*program(name, lang), "--cap", "16MiB", "--cap-basis", "virtual", *options],
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
        self.process.kill()
        self.process.communicate()


@every_leaker
def test_it_is_ready_leaks_by_count_and_stops(name, lang):
    size = ["--chunk", "1MiB"] if name != "heap" else []
    with Raw(name, lang, "--paused", *size) as leaker:
        ready = leaker.hear("ready")
        assert (ready["pid"], ready["name"], ready["lang"]) == (leaker.process.pid, name, lang)
        assert ready["pattern"] == leakers()[name].pattern
        leaker.say("step 3")
        line = leaker.hear("ledger")
        assert (line["count"], line["leaked_bytes"]) == (3, 3 * ready["chunk_bytes"])
        assert line["site"].startswith("leak ")
        leaker.say("nonsense")
        assert "not understood" in leaker.hear("error")["message"]
        leaker.say("stop")
        assert leaker.hear("end")["reason"] == "stop"
        assert leaker.process.wait(10) == 0


@every_leaker
def test_both_languages_say_the_same_words(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        ready = leaker.hear("ready")
        leaker.say("step")
        line = leaker.hear("ledger")
    assert set(ready) == {
        "event", "pid", "name", "lang", "pattern", "control", "events_per_second", "chunk_bytes",
        "touched_bytes_per_chunk", "step", "cap_bytes", "cap_basis",
    }  # fmt: skip
    assert set(line) == {"event", "t", "leaked_bytes", "touched_bytes", "count", "site"}


@every_leaker
def test_the_site_in_the_ledger_is_the_line_that_leaks(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        leaker.say("step")
        function, place = leaker.hear("ledger")["site"].split(" ")
    file, _, number = place.partition(":")
    line = leakers()[name].source(lang).splitlines()[int(number) - 1]
    assert (function, file) == ("leak", leakers()[name].path(lang).name)
    assert "LEAKS_HERE" in line or "# leaks here" in line


@every_leaker
def test_at_its_cap_it_holds_and_still_obeys(name, lang):
    size = "1MiB" if name != "heap" else "64KiB"
    with Raw(name, lang, "--paused", "--chunk", size) as leaker:
        leaker.say("step 1000")
        held = leaker.hear("hold")
        assert held["reason"] == "cap"
        assert leaker.hear("ledger")["leaked_bytes"] == 16 << 20
        leaker.say("stop")
        assert leaker.hear("end")["reason"] == "stop"


@every_leaker
def test_count_and_duration_end_the_leak(name, lang):
    with Raw(
        name, lang, "--count", "3", "--rate", "1000/s", "--chunk", "64KiB", "--duration", "0.5"
    ) as leaker:
        assert leaker.hear("hold")["reason"] == "count"
        assert leaker.hear("end")["reason"] == "duration"


@every_leaker
def test_a_signal_is_an_orderly_end(name, lang):
    with Raw(name, lang, "--paused") as leaker:
        leaker.hear("ready")
        leaker.process.send_signal(signal.SIGTERM)
        assert leaker.hear("end")["reason"] == "signal"
        assert leaker.process.wait(10) == 0


@every_leaker
def test_when_nobody_listens_it_ends(name, lang):
    with Raw(name, lang, "--rate", "1000/s", "--chunk", "64KiB") as leaker:
        leaker.hear("ready")
        leaker.process.stdout.close()
        assert leaker.process.wait(10) == 0


@every_leaker
def test_the_end_of_its_channel_is_no_command(name, lang):
    with Raw(name, lang, "--rate", "100/s", "--chunk", "64KiB") as leaker:
        leaker.process.stdin.close()
        assert leaker.hear("ledger")["count"] >= 1
        leaker.process.stdin = None  # so that communicate() does not close it again


@every_leaker
@pytest.mark.parametrize(
    "options",
    [
        ["--rate", "-1"], ["--rate", "0"], ["--rate", "fast"], ["--rate"], ["--chunk", "0"],
        ["--chunk", "-5"], ["--count", "-1"], ["--count", "many"], ["--cap", "0"], ["--step", "0"],
        ["--touch", "2"], ["--cap-basis", "moon"], ["--bogus"], ["file"], ["--duration", "-1"],
    ],
)  # fmt: skip
def test_a_bad_option_is_one_line_and_status_2(name, lang, options):
    done = subprocess.run(
        [*program(name, lang), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"{name}: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("lang", ["c", "python"])
def test_blocks_that_malloc_would_map_are_refused_by_heap(lang):
    done = subprocess.run(
        [*program("heap", lang), "--chunk", "128KiB"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "mappings of their own" in done.stderr


@pytest.mark.live
@pytest.mark.parametrize("lang", ["c", "python"])
@pytest.mark.parametrize("name", ["anonymous", "thread-stack"])
def test_what_the_kernel_refuses_is_held_not_crashed(name, lang):
    """A box too small for what is asked. (The heap's blocks are too small to meet it before the cap;
    tmpfs is ended by SIGXFSZ at its file size.)
    """
    leaker, chunk = leakers()[name], "300MiB" if name == "anonymous" else "100MiB"
    # the box is made for 1 MiB, the leaker is told to take more
    guard = experiments.spawn(leaker, [*program(name, lang), "--paused", "--chunk", chunk, "--cap", "8GiB",
                                       "--cap-basis", "virtual"], {"cap": "1MiB", "cap_basis": "virtual"})  # fmt: skip
    with experiments.Experiment(leaker, lang, guard) as run:
        run.wait(lambda: run.ready)
        run.step(20)
        run.wait(lambda: run.holding)
        assert run.holding == "refused"
        assert run.alive


@every_leaker
def test_a_rate_can_be_changed_while_it_leaks(name, lang):
    options = {"chunk": "64KiB", "cap": "32MiB", "rate": "1/h"}
    with start(name, lang, **options) as run:
        run.set_rate("200/s")
        run.wait(lambda: run.ledger and run.ledger[-1]["count"] >= 20)
        run.pause()
        run.wait(lambda: run.ledger[-1]["count"] >= 20)


def test_a_tmpfs_leaker_by_hand_leaves_nothing_even_when_killed():
    for lang in ("c", "python"):
        before = set(os.listdir("/dev/shm"))
        with Raw("tmpfs", lang, "--paused", "--chunk", "64KiB") as leaker:
            leaker.say("step 3")
            leaker.hear("ledger")
        assert {
            name for name in os.listdir("/dev/shm") if "tmpfs" in name or name == "leak"
        } <= before


def test_no_leaker_is_longer_than_a_hundred_lines():
    for leaker in leakers().values():
        for lang in leaker.languages:
            assert len(leaker.source(lang).splitlines()) < 100
            assert "Leaks " in leaker.source(lang)[:120], "the header opens with what it leaks"
