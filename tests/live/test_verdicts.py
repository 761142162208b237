"""Every leaker and its look-alike, judged blind by `memlab diagnose PID --seconds 15 --json`.

All sixteen run side by side, so that the whole table takes one window; each is judged by a
process of its own that knows nothing but the pid.
"""

import json
import subprocess
import sys
import time

import pytest

from memlab.lab.experiment import start
from memlab.lab.registry import leakers

SECONDS = 15
# room for 15 s and the start of sixteen processes at the default rate of each
CAPS = {"heap": "96MiB", "anonymous": "160MiB", "tmpfs": "160MiB", "thread-stack": "1GiB"}
CASES = [
    (name, lang, control)
    for name in CAPS
    for lang in leakers()[name].languages
    for control in (False, True)
]


@pytest.fixture(scope="module")
def verdicts():
    """By case: the diagnosis, and the rate that the leaker's own ledger shows meanwhile."""
    running = {case: start(case[0], case[1], control=case[2], cap=CAPS[case[0]]) for case in CASES}
    try:
        begun = time.monotonic()
        judges = {
            case: subprocess.Popen(
                [sys.executable, "-m", "memlab.cli.main", "diagnose", str(experiment.pid),
                 "--seconds", str(SECONDS), "--json"],
                stdout=subprocess.PIPE,
            )
            for case, experiment in running.items()
        }  # fmt: skip
        said = {
            case: json.loads(judge.communicate(timeout=120)[0]) for case, judge in judges.items()
        }
        return {case: (said[case], ledger_rate(running[case], begun)) for case in CASES}
    finally:
        for experiment in running.values():
            experiment.stop()


def ledger_rate(experiment, begun):
    """Bytes per second by the leaker's account, kernel overhead per unit included."""
    lines = [line for line in experiment.ledger if line["t"] >= begun]
    first, last = lines[0], lines[-1]
    overhead = experiment.leaker.overhead_bytes if experiment.leaker.basis == "virtual" else 0
    leaked = last["leaked_bytes"] - first["leaked_bytes"]
    units = last["count"] - first["count"] if leaked else 0
    return (leaked + units * overhead) / (last["t"] - first["t"])


def label(case):
    return f"{case[0]}-{case[1]}-{'control' if case[2] else 'leak'}"


@pytest.mark.live
@pytest.mark.parametrize("case", [c for c in CASES if not c[2]], ids=label)
def test_a_leak_is_named_and_its_rate_is_within_a_tenth_of_the_ledger(verdicts, case):
    diagnosis, rate = verdicts[case]
    assert diagnosis["verdict"] == "leak", diagnosis
    first = diagnosis["findings"][0]
    assert first["pattern"] == leakers()[case[0]].pattern
    assert first["basis"] == leakers()[case[0]].basis
    assert first["bytes_per_second"] == pytest.approx(rate, rel=0.1)
    assert first["evidence"]
    assert first["next"]
    assert len(diagnosis["findings"]) == 1, "one leak is one finding"


@pytest.mark.live
@pytest.mark.parametrize("case", [c for c in CASES if c[2]], ids=label)
def test_its_look_alike_is_no_leak(verdicts, case):
    diagnosis, rate = verdicts[case]
    assert rate == 0, "a control's ledger shows no leak"
    assert (diagnosis["verdict"], diagnosis["findings"]) == ("not-a-leak", []), diagnosis
    assert diagnosis["reason"] in ("flat", "cyclic", "warm-up")


@pytest.mark.live
@pytest.mark.parametrize("lang", ["c", "python"])
def test_thread_stacks_come_in_steps_of_stack_and_guard(verdicts, lang):
    finding = verdicts["thread-stack", lang, False][0]["findings"][0]
    assert finding["step"]["bytes"] == 10244 * 1024
    assert finding["step"]["period_seconds"] == pytest.approx(0.5, rel=0.1)
    assert any("nobody joined" in sentence for sentence in finding["evidence"])
    assert finding["resident_bytes_per_second"] < finding["bytes_per_second"] / 50
