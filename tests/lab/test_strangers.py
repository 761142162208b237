"""Programs that nobody here wrote: the list is well formed, and the quick ones are judged right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memlab.errors import Malformed, MemlabError, Unsupported
from memlab.lab.strangers import install, run
from memlab.lab.strangers.box import Box
from memlab.lab.strangers.cases import Case, cases, chosen, read
from memlab.lab.strangers.judged import Judged, judged
from memlab.lab.strangers.page import page, summary
from memlab.model.memory import Pattern
from tests.waiting import until

CASES = {case.name: case for case in cases()}
QUICK = [case for case in CASES.values() if case.everywhere]
LEAK = Case("x", "x", ("x",), "leak", "x", patterns=(Pattern.HEAP,))
CALM = Case("x", "x", ("x",), "not-a-leak", "x")


def answer(verdict: str, pattern: str | None = None, seconds: float = 60.0) -> dict[str, object]:
    found = {"pattern": pattern, "candidates": [pattern], "where": "w", "bytes_per_second": 1.0}
    return {
        "verdict": verdict,
        "reason": None,
        "why": "because",
        "findings": [found] if pattern else [],
        "observed_seconds": seconds,
        "cost": {"core_share": 0.001},
    }


# ---- the list --------------------------------------------------------------------------------


def test_names_are_unique_and_there_are_many_of_both_truths() -> None:
    assert len(cases()) == len(CASES)
    truths = [case.truth for case in CASES.values()]
    assert truths.count("leak") >= 15
    assert truths.count("not-a-leak") >= 25


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_says_what_it_is_and_why_we_know(case: Case) -> None:
    assert case.what
    assert case.because
    assert case.source
    assert case.needs
    # a program that is not from a registry of its own says how it names its version
    assert case.version or case.pip or case.npm


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.twin], ids=lambda case: case.name
)
def test_twins_do_the_same_and_differ_in_truth(case: Case) -> None:
    twin = CASES[case.twin]
    assert twin.twin == case.name
    assert twin.truth != case.truth


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_load_stays_bounded_and_on_loopback(case: Case) -> None:
    if case.load and case.load[0] != "!":
        assert float(case.load[1]) <= 500
    words = " ".join((*case.run, *case.load, *case.files.values()))
    assert "0.0.0.0" not in words
    assert case.box_bytes <= 2 << 30


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no list"),
        ('[[case]]\nname = "a"\nwhat = "w"\nrun = "x"\ntruth = "maybe"\nbecause = "b"', "truth"),
        ('[[case]]\nname = "a"\nwhat = "w"\nrun = "x"\ntruth = "leak"\nbecause = "b"', "patterns"),
        ('[[case]]\nname = "a"\nwhat = "w"\nrun = "x"\ncolour = "red"', "colour"),
        ('[[case]]\nname = "a"\nwhat = "w"', "required"),
    ],
)
def test_a_list_that_is_not_well_formed_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(Malformed, match=why):
        read(path)


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(Unsupported, match="no-such-program"):
        chosen(["python-http-server", "no-such-program"])


# ---- what counts as right --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "answers", "mark"),
    [
        (LEAK, [answer("leak", "heap")], "right"),
        (LEAK, [answer("leak", "arena")], "wrong pattern"),
        (LEAK, [answer("not-a-leak")], "missed"),
        (LEAK, [answer("undecided")], "undecided"),
        (CALM, [answer("leak", "heap")], "false alarm"),
        (CALM, [answer("not-a-leak")], "right"),
        # a tree leaks as soon as one of it does; children of a moment do not count
        (CALM, [answer("not-a-leak"), answer("leak", "heap")], "false alarm"),
        (CALM, [answer("not-a-leak"), answer("undecided")], "undecided"),
        (CALM, [answer("not-a-leak"), answer("undecided", seconds=1.0)], "right"),
    ],
)
def test_a_verdict_is_held_to_the_truth(
    case: Case, answers: list[dict[str, object]], mark: str
) -> None:
    assert judged(case, answers).mark(case) == mark


def test_the_page_names_what_failed_and_what_was_skipped() -> None:
    rows = [
        (LEAK, judged(LEAK, [answer("not-a-leak")])),
        (CALM, Judged("x", skipped="redis-server is not here (Debian: redis-server)")),
    ]
    assert summary(rows) == "1 missed, 1 skipped"
    text = page(rows, 60, "1")
    assert "- `x` (missed; truth: leak (heap)): because" in text
    assert "redis-server is not here" in text


def test_what_is_not_installed_is_skipped_with_its_package() -> None:
    case = Case("x", "x", ("x",), "not-a-leak", "x", needs=("no-such-program",), debian="nothing")
    found = run.run_one(case, run.Plan(1))
    assert found.skipped == "no-such-program is not here (Debian: nothing)"


# ---- boxes -----------------------------------------------------------------------------------


@pytest.mark.live
def test_nothing_stays_behind() -> None:
    with Box(CASES["make-many-targets"]) as box:
        pid, folder = box.pid, box.folder
        # a shell says its pid and becomes the program
        until(lambda: Path(f"/proc/{pid}/comm").read_text().strip() == "make")
        children = f"/proc/{pid}/task/{pid}/children"
        until(lambda: Path(children).read_text().split())
        born = [int(word) for word in Path(children).read_text().split()]
    assert not folder.exists()
    until(lambda: not any(os.path.exists(f"/proc/{one}") for one in (pid, *born)))


@pytest.mark.live
def test_a_program_that_cannot_start_says_why() -> None:
    case = Case("x", "x", ("no-such-program",), "not-a-leak", "x", ready="port")
    with pytest.raises(MemlabError, match="no-such-program"), Box(case):
        pass


@pytest.mark.live
def test_a_program_that_breaks_its_bound_is_ended() -> None:
    words = ("python3", "-c", "x = b'1' * (200 << 20); import time; time.sleep(60)")
    case = Case("x", "x", words, "leak", "x", patterns=(Pattern.HEAP,), box_bytes=64 << 20)
    with Box(case) as box:
        with pytest.raises(MemlabError, match="broke out of its box"):
            until(box.check, seconds=20)
        assert not os.path.exists(f"/proc/{box.pid}")


@pytest.mark.live
@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_quick_strangers_run_and_are_judged(case: Case) -> None:
    """A window this short may leave it open; what it may not do is to be wrong."""
    if install.missing(case):
        pytest.skip(str(install.missing(case)))
    found = run.run_one(case, run.Plan(6.0, 1))
    assert not found.failed
    assert found.mark(case) in ("right", "undecided"), found.why
