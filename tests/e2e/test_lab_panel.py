"""The lab in a real JupyterLab: started, watched, named and stopped with the mouse."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from memlab.lab.paths import notebooks_folder
from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.timeout(300)]

LAB = "from memlab.widgets import Lab\nlab = Lab()\nlab"


def leakers_of(folder: Path) -> list[int]:
    """The leakers that kernels of this server started: they inherit its HOME."""
    home = f"HOME={folder / 'home'}\0".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if home in environ and b"MEMLAB_RUN=" in environ:
            found.append(int(pid))
    return found


def open_lab(server: Server, lab_page: LabPage, name: str) -> None:
    lab_page.open(server.add(name, LAB))
    lab_page.run_all()
    lab_page.until_charts(lambda charts: len(charts) == 4 and not any(c["failed"] for c in charts))


def press(server: Server, lab_page: LabPage, button: str, then: str) -> None:
    """Press a button until `then` is shown: a page that has just been loaded may lose a click.

    A button that has done its work may be greyed: it is not pressed again.
    """
    found = lab_page.page.get_by_role("button", name=button, exact=True)

    def shown() -> bool:
        return bool(lab_page.page.get_by_text(then).count())

    for _attempt in range(4):
        assert lab_page.dialogs() == []
        if found.is_enabled():
            found.click()
        with suppress(AssertionError):
            until(shown, seconds=20)
            return
    raise AssertionError(f"{button}: no {then!r} on the page: {lab_page.console[-10:]}")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_leak_is_started_seen_named_and_stopped(
    server: Server, lab_page: LabPage, theme: str
) -> None:
    server.set_theme(f"JupyterLab {theme}")
    open_lab(server, lab_page, f"lab-{theme}.ipynb")
    press(server, lab_page, "Start", "looking costs")
    assert len(leakers_of(server.folder)) >= 1

    charts = lab_page.until_charts(lambda charts: charts[0]["traces"][1]["points"] >= 60)
    rss = charts[0]["traces"][1]["y"]
    assert rss[-1] > rss[0] + 4 * 2**20
    private = next(t for t in charts[1]["traces"] if t["name"] == "private anonymous")
    assert private["y"][-1] > private["y"][0] + 4 * 2**20
    assert any(trace["name"] == "[heap]" for trace in charts[2]["traces"])

    press(server, lab_page, "Name it", "What the leaker says it did")
    verdict = lab_page.page.get_by_text("What memlab sees").locator("xpath=../..").inner_text()
    assert "pattern\theap" in verdict
    lab_page.picture(f"lab-{theme.lower()}", ".jp-OutputArea-output")

    press(server, lab_page, "Stop", "stopped")
    until(lambda: not leakers_of(server.folder))


def test_an_interrupt_between_cells_ends_the_leaker(server: Server, lab_page: LabPage) -> None:
    open_lab(server, lab_page, "interrupt.ipynb")
    press(server, lab_page, "Start", "looking costs")
    lab_page.command("notebook:interrupt-kernel")
    until(lambda: not leakers_of(server.folder))
    lab_page.page.get_by_text("stopped").wait_for()


def test_an_interrupted_cell_ends_the_leaker(server: Server, lab_page: LabPage) -> None:
    wait = "import time\nlab.start()\nprint('waits')\ntime.sleep(3600)"
    lab_page.open(server.add("interrupted-cell.ipynb", LAB, wait))
    lab_page.command("notebook:run-all-cells")
    lab_page.page.get_by_text("waits", exact=True).wait_for()
    until(lambda: leakers_of(server.folder))
    lab_page.command("notebook:interrupt-kernel")
    until(lambda: not leakers_of(server.folder))


def test_a_restart_ends_the_leaker(server: Server, lab_page: LabPage) -> None:
    open_lab(server, lab_page, "restart.ipynb")
    press(server, lab_page, "Start", "looking costs")
    lab_page.command("kernelmenu:restart")
    lab_page.page.locator("dialog.jp-Dialog .jp-mod-accept").click()
    until(lambda: not leakers_of(server.folder))
    # the page keeps its plotly.js: the lab of the new kernel needs no second one
    lab_page.run_all()
    lab_page.until_charts(lambda charts: len(charts) == 4 and not any(c["failed"] for c in charts))
    assert lab_page.page.evaluate("globalThis.__memlab_plotly_loads") == 1


def test_a_bad_rate_is_one_line_in_the_panel(server: Server, lab_page: LabPage) -> None:
    open_lab(server, lab_page, "bad-rate.ipynb")
    lab_page.page.get_by_role("textbox", name="rate").fill("fast")
    press(server, lab_page, "Start", "'fast' is not a rate")
    assert leakers_of(server.folder) == []


def test_the_first_notebook_works_with_the_mouse(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add_file(notebooks_folder() / "00_start_here.ipynb"))
    lab_page.run_all()
    lab_page.until_charts(lambda charts: len(charts) == 4)
    press(server, lab_page, "Start", "looking costs")
    lab_page.until_charts(lambda charts: charts[0]["traces"][1]["points"] >= 20)
    press(server, lab_page, "Stop", "stopped")
    until(lambda: not leakers_of(server.folder))
