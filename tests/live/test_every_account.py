"""Leakers of kernel memory, files and address space, and their controls, judged blind.

Some run side by side, each watched by a thread of its own; all at once, they and whatever else this
machine does leave too few looks for a verdict.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.model.diagnosis import Verdict
from memlab.session import watch_and_diagnose

pytestmark = pytest.mark.soak  # forty seconds of eight leakers at a time

SECONDS, AT_ONCE = 8, 8
# half as many bytes again as leak in that time: a cap that is met would end the growth
SLOW = {"rate": "2MiB/s", "cap": "32MiB"}
OPTIONS = {
    "page-table": {"rate": "32/s", "cap": "1GiB"},
    "fd-pipes": {"rate": "5/s", "cap": 100},
    "fd-sockets": {"rate": "5/s", "cap": 100},
    "fd-files": {"rate": "10/s", "cap": 200},
    "fd-events": {"rate": "4/s", "cap": 80},
    "private-file": SLOW,
    "private-file-copied": SLOW,
    "shared-file": SLOW,
    "memfd-descriptor": SLOW,
    "process-zombies": {"rate": "4/s", "cap": 80},
    "process-children": {"rate": "2/s", "cap": 40},
    "address-space": {"rate": "64MiB/s", "cap": "1GiB"},
}
CASES = [
    (name, lang, control)
    for name in OPTIONS
    for lang in leakers()[name].languages
    for control in (False, True)
]


def judged(case):
    """The diagnosis of one case from its first event on, by what a stranger may know: its pid."""
    name, lang, control = case
    with start(name, lang, control=control, paused=True, **OPTIONS[name]) as run:
        run.resume()
        diagnosis, _ = watch_and_diagnose(run.pid, SECONDS)
        return diagnosis, run.ledger


@pytest.fixture(scope="module")
def verdicts():
    """By case: the diagnosis, and the ledger."""
    with ThreadPoolExecutor(AT_ONCE) as watchers:
        return dict(zip(CASES, watchers.map(judged, CASES), strict=True))


def label(case):
    return f"{case[0]}-{case[1]}-{'control' if case[2] else 'leak'}"


@pytest.mark.live
@pytest.mark.parametrize("case", [c for c in CASES if not c[2]], ids=label)
def test_a_leak_is_one_finding_of_its_pattern(verdicts, case):
    diagnosis, ledger = verdicts[case]
    truth = leakers()[case[0]]
    assert diagnosis.verdict is Verdict.LEAK, diagnosis.why
    assert [finding.pattern for finding in diagnosis.findings] == [truth.pattern], diagnosis.why
    finding = diagnosis.findings[0]
    assert finding.basis == truth.basis
    assert finding.evidence
    assert str(diagnosis.target["pid"]) in finding.next
    assert finding.forecast is not None
    assert finding.forecast.seconds > 0
    if not truth.is_counted:  # what grew is no more than it leaked, whatever stands beside it
        grown = finding.bytes * 512 if truth.pattern == "page-table" else finding.bytes
        assert grown == pytest.approx(ledger[-1]["leaked_bytes"], rel=0.25)


@pytest.mark.live
@pytest.mark.parametrize("case", [c for c in CASES if c[2]], ids=label)
def test_its_control_is_no_leak(verdicts, case):
    diagnosis, ledger = verdicts[case]
    assert ledger[-1]["count"] > 0, "it did the traffic"
    assert (diagnosis.verdict, diagnosis.findings) == (Verdict.NOT_A_LEAK, ()), diagnosis.why
