"""A verdict as a page, a card and a ticket: all of it there, nothing of a process's own making, no script in a card."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from memlab.diagnose import diagnose
from memlab.errors import Denied
from memlab.lab.elsewhere import elsewhere
from memlab.model.diagnosis import Attribution, Diagnosis, Share
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.observe.pasted import open_pasted
from memlab.present.card import Elsewhere, card_html
from memlab.present.explain import explain_html, explain_text
from memlab.present.growth import growth_of, growth_text
from memlab.present.page import write
from memlab.present.ticket import COLUMNS, LINES, ticket_text
from memlab.procfs.host import InstantTexts
from tests.diagnose.made import KIB, MIB, A, made, mapping

CAPTURES = sorted((Path(__file__).parent.parent / "data/captures").glob("app_server.*"))
HOSTILE = "<script>alert(1)</script>\"'&\n\x1b[31m\u202e" + "long " * 60


@pytest.fixture(scope="module")
def pasted() -> tuple[Diagnosis, Recording]:
    """The reference case: 10,244 kB of address space each minute."""
    recording = open_pasted(list(map(str, CAPTURES)), None)
    return diagnose(recording), recording


def hostile(diagnosis: Diagnosis) -> Diagnosis:
    """Whatever a process can name is markup, control characters and long."""
    finding = replace(diagnosis.findings[0], where=HOSTILE, evidence=(HOSTILE,), next=HOSTILE)
    return replace(
        diagnosis, why=HOSTILE, findings=(finding,), target={"comm": HOSTILE, "pid": 1},
        notes=(HOSTILE,), not_seen=(HOSTILE,), sources=(HOSTILE,), standing=(HOSTILE,), decide=HOSTILE,
        attribution=Attribution(HOSTILE, 10, (Share(HOSTILE, 7, HOSTILE),)),
    )  # fmt: skip


class Tags(HTMLParser):
    """The names of all tags, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)


def test_the_growth_is_that_of_the_finding(pasted: tuple[Diagnosis, Recording]) -> None:
    diagnosis, recording = pasted
    found = growth_of(recording, diagnosis)
    assert found is not None and found.finding is diagnosis.findings[0]
    assert found.values[-1] == diagnosis.findings[0].bytes == 4 * 10244 * 1024
    # a floor is a reading, and none is below the one before it
    assert set(found.floors[0]) <= set(found.times)
    assert np.all(np.diff(found.floors[1]) >= 0)


def test_the_page_says_all_of_the_verdict(pasted: tuple[Diagnosis, Recording]) -> None:
    diagnosis, recording = pasted
    there = elsewhere(diagnosis, recording)
    assert there.chapter == "07_thread_stacks.ipynb"
    assert "memlab leak thread-stack" in there.command
    html, text = (
        explain_html(diagnosis, recording, there),
        explain_text(diagnosis, recording, there),
    )
    for said in (
        *diagnosis.findings[0].evidence,
        there.command,
        there.chapter,
        "10,244 kB every 1 min",
    ):
        assert said in html and said in text
    assert "src=" not in html.replace("script-src=", "").partition("<body>")[2]


def test_a_ledger_shows_what_it_cannot_explain(pasted: tuple[Diagnosis, Recording]) -> None:
    split = Attribution("memory", 10 << 20, (Share("[heap]", 7 << 20, "smaps"),))
    html = card_html(replace(pasted[0], attribution=split))
    assert "3 MiB</td><td>explained by none of these" in html
    assert "<b>10 MiB</b>" in html


def test_no_name_of_a_process_becomes_markup(pasted: tuple[Diagnosis, Recording]) -> None:
    diagnosis, recording = hostile(pasted[0]), pasted[1]
    card = card_html(
        diagnosis, growth_of(recording, diagnosis), Elsewhere(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    )
    assert "script" not in Tags(card).opened
    # a name in it adds no script to plotly.js and the figures
    page = explain_html(diagnosis, recording, Elsewhere(HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    assert page.count("<script>alert") == 0
    assert page.count("<script") == explain_html(*pasted, Elsewhere("a", "b", "c", "d")).count(
        "<script"
    )
    for one in ("details", "table", "tr", "td"):
        assert (tags := Tags(card)).opened.count(one) == tags.closed.count(one)


def test_a_card_unfolds_without_a_script(pasted: tuple[Diagnosis, Recording]) -> None:
    diagnosis, recording = pasted
    tags = Tags(card_html(diagnosis, growth_of(recording, diagnosis), elsewhere(diagnosis)))
    assert tags.opened.count("details") == tags.opened.count("summary") >= 4
    assert "svg" in tags.opened and "script" not in tags.opened


@pytest.mark.parametrize("what", ["plain", "hostile", "nothing read"])
def test_a_ticket_is_eight_lines_of_plain_text(
    pasted: tuple[Diagnosis, Recording], what: str
) -> None:
    diagnosis = pasted[0]
    if what == "hostile":
        diagnosis = hostile(diagnosis)
    elif what == "nothing read":
        diagnosis = diagnose(replace(pasted[1], given={}, samples=()))
    lines = ticket_text(diagnosis).split("\n")
    assert 2 <= len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert all(line.isprintable() for line in lines)


def test_the_picture_for_a_terminal_rises_where_the_process_did(
    pasted: tuple[Diagnosis, Recording],
) -> None:
    found = growth_of(pasted[1], pasted[0])
    assert found is not None
    top, *_, bottom, _axis, _times = growth_text(found)
    assert "40 MiB" in top and "0 B" in bottom
    assert top.count("█") < bottom.count("█")


def test_nothing_read_is_a_page_too(pasted: tuple[Diagnosis, Recording]) -> None:
    empty = replace(pasted[1], given={}, samples=())
    said = diagnose(empty)
    assert growth_of(empty, said) is None
    assert "undecided" in explain_html(said, empty, elsewhere(said, empty))
    assert "UNDECIDED" in explain_text(said, empty, elsewhere(said, empty))


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="cannot be written"):
        write("x", str(tmp_path / "none" / "page.html"))


@pytest.mark.parametrize(("uneven", "levels"), [(0, 76), (52 * KIB, 20)], ids=["steps", "blocks"])
def test_as_many_floors_are_drawn_as_the_verdict_names(uneven: int, levels: int) -> None:
    """The mappings are read seldom, and statm at each tick: the floors are those of statm then."""

    def size(t: float) -> int:
        n = round(t * 5)
        return 10 * MIB + n * 256 * KIB + n % 3 * uneven

    whole = made(
        lambda t: mapping(A, size(t), "rw-p", "[heap]", rss=size(t)), interval=0.2, rss=size
    )
    rare = [
        sample if n % 5 == 0 else replace(sample, texts=without_smaps(sample))
        for n, sample in enumerate(whole)
    ]
    recording = replace(whole, samples=tuple(rare))
    diagnosis = diagnose(recording)
    (finding,) = diagnosis.findings
    growth = growth_of(recording, diagnosis)
    assert growth is not None
    assert "of statm resident" in finding.evidence[0]
    assert len(np.unique(growth.floors[1])) == finding.levels == levels
    assert growth.floors[0][0] >= 0 and growth.floors[0][-1] <= growth.times[-1]


def without_smaps(sample: Sample) -> InstantTexts:
    files = {name: text for name, text in sample.texts.files.items() if not name.endswith("smaps")}
    return InstantTexts(files, sample.texts.calls)


@pytest.mark.browser
def test_no_toolbar_lies_over_the_page(
    pasted: tuple[Diagnosis, Recording], tmp_path: Path, chromium: str
) -> None:
    playwright_api = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "page.html"
    path.write_text(explain_html(*pasted, Elsewhere("a", "b", "c", "d")))
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(".plotly-graph-div .main-svg")
        page.hover(".plotly-graph-div .nsewdrag")
        shown = page.locator(".modebar-btn").count()
        browser.close()
    assert shown == 0
