"""Every chapter in a real page: all cells run, figures are drawn, and nothing is fetched from outside."""

from pathlib import Path

import pytest

from memlab.lab.paths import notebooks_folder
from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CHAPTERS = sorted(
    {*notebooks_folder().glob("[0-9][0-9]_*.ipynb")} - {*notebooks_folder().glob("00_*")}
)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_a_chapter_runs_and_draws_without_the_outside(
    server: Server, lab_page: LabPage, chapter: Path
) -> None:
    lab_page.page.set_viewport_size({"width": 1100, "height": 9000})
    lab_page.open(server.add_file(chapter))
    lab_page.run_all()
    drawn = lab_page.page.locator(".js-plotly-plot .main-svg")
    drawn.first.wait_for(timeout=120_000)
    lab_page.picture(f"chapter-{chapter.stem}", ".jp-Notebook")
    assert lab_page.strangers() == []


def test_a_failing_cell_fails_the_page(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add("failing.ipynb", "x = 1", "1 / 0", "y = 2"))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab_page.run_all()
