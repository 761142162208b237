"""The source beside the chart is the source that runs, and the marked line is the one that leaks."""

from __future__ import annotations

import re

import pytest

from memlab.errors import Unsupported
from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.widgets import SourceView
from memlab.widgets.source_view import source_html

MARKED = re.compile(
    r"border-left:4px solid #[^>]*>(?:<span[^>]*>\s*(\d+)\s*</span>)([^\n]*)</span>"
)
BOTH = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]


@pytest.mark.parametrize(("name", "lang"), BOTH)
def test_the_line_of_the_ledger_is_marked_and_is_the_one_that_leaks(name: str, lang: str) -> None:
    with start(name, lang, paused=True) as leaker:
        site = leaker.step(3)["site"]  # the third request is the large one of `burst`
    view = SourceView(name, lang, site)
    found = MARKED.findall(view.value)
    assert [int(number) for number, _ in found] == [view.line]
    word = "grows" if leakers()[name].is_lookalike else "leaks"
    assert f"{word} here" in found[0][1].lower().replace("_here()", " here")


def test_nothing_is_marked_before_a_leaker_has_said_where_it_leaks() -> None:
    view = SourceView("heap")
    assert view.line is None
    assert MARKED.findall(view.value) == []


def test_a_saved_notebook_keeps_the_text() -> None:
    bundle = SourceView("heap", "python")._repr_mimebundle_()[0]
    assert bundle["text/plain"] == leakers()["heap"].source("python")
    assert "kept.append(writer)" in bundle["text/html"]


def test_source_is_text_and_never_markup() -> None:
    assert "<script>" not in source_html("a.c", "<script>&", None)


@pytest.mark.parametrize("site", ["leak tmpfs.c:3", "heap.c", "leak heap.c:x"])
def test_a_site_of_another_file_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match=r"is no line of heap\.c"):
        SourceView("heap", "c", site)


def test_a_line_lights_up_with_the_number_of_times_it_ran() -> None:
    view = SourceView("heap")
    line = next(
        number
        for number, text in enumerate(leakers()["heap"].source("c").splitlines(), 1)
        if "LEAKS_HERE" in text
    )
    view.light(f"leak heap.c:{line}", 1234)
    assert (view._lit["line"], view._lit["text"]) == (
        line,
        f"heap.c, line {line} has run 1,234 times",
    )
    assert f'data-line="{line}"' in view.value
    with pytest.raises(ValueError, match=r"is no line of heap\.c"):
        view.light("leak tmpfs.c:3", 1)
    view.show("tmpfs", "python")
    assert view._lit == {} and "tmpfs.py" in view.value


def test_an_unknown_language_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="cobol"):
        SourceView("heap", "cobol")


def test_around_the_line_that_leaks_only_its_vicinity_is_shown() -> None:
    text = "\n".join(f"line{n}" for n in range(1, 31))
    assert re.findall(r"line\d+", source_html("a.c", text, 10, around=1)) == [
        "line9",
        "line10",
        "line11",
    ]
    assert len(re.findall(r"line\d+", source_html("a.c", text))) == 30
