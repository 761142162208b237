"""The dial in a real JupyterLab: the leaking line lights up, and the curve moves with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from memlab.lab.registry import leakers
from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage
from tests.e2e.test_lab_panel import leakers_of, press
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.timeout(300)]

DIAL = "from memlab.widgets import Dial\nDial('heap', 'tmpfs')"
# the head of the source, the line that is lit with its colour and text, and what its box shows
_SOURCE = """() => {
  const box = document.querySelector('.memlab-source');
  const lit = [...box.querySelectorAll('[data-line]')].filter(row => row.style.background !== 'transparent');
  const inside = row => row.getBoundingClientRect();
  const frame = inside(box.querySelector('pre'));
  return { head: box.querySelector('b').textContent, lit: lit.map(row => ({
    line: Number(row.dataset.line), text: row.textContent, bar: row.style.borderLeftColor,
    glows: row.getAnimations().length,
    seen: inside(row).top >= frame.top && inside(row).bottom <= frame.bottom })) };
}"""


def shown(chart: dict[str, Any]) -> dict[str, list[float]]:
    """The values of each line that has ten at least: asked for, seen, said."""
    lines = {t["name"]: [y for y in t["y"] if y is not None] for t in chart["traces"]}
    return {name: values for name, values in lines.items() if len(values) >= 10}


def test_the_line_lights_up_while_the_curve_moves(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add("dial.ipynb", DIAL))
    lab_page.run_all()
    [chart] = lab_page.until_charts(lambda charts: charts and shown(charts[0]))
    assert lab_page.page.evaluate(_SOURCE) == {"head": "heap.c", "lit": []}
    [(name, values)] = shown(chart).items()
    assert name == "asked for" and values[-1] == 64 * 2**20, "the curve that the dials ask for"

    press(server, lab_page, "Start", "looking costs")
    until(lambda: lab_page.page.evaluate(_SOURCE)["lit"])
    [line] = lab_page.page.evaluate(_SOURCE)["lit"]
    source = leakers()["heap"].source("c").splitlines()
    assert "LEAKS_HERE" in source[line["line"] - 1] and "LEAKS_HERE" in line["text"]
    assert line["seen"], "the line that leaks is not in the box's view"

    def times() -> int:
        found = re.search(r"has run ([\d,]+) times", lab_page.page.evaluate(_SOURCE)["head"])
        return int(found[1].replace(",", "")) if found else 0

    before = times()
    until(lambda: lab_page.page.evaluate(_SOURCE)["lit"][0]["glows"])
    until(lambda: times() > before + 10)
    [chart] = lab_page.until_charts(lambda charts: len(shown(charts[0])) == 3)
    for name, values in shown(chart).items():
        assert values[0] == 0 and values[-1] > 2**20, name
    lab_page.picture("dial", ".jp-OutputArea-output")

    press(server, lab_page, "Stop", "stopped")
    until(lambda: not leakers_of(server.folder))
    stood = times()
    lab_page.page.get_by_role("combobox", name="leaker").select_option("tmpfs")
    until(lambda: lab_page.page.evaluate(_SOURCE)["head"] == "tmpfs.c")
    assert lab_page.page.evaluate(_SOURCE)["lit"] == [] and stood > before


def test_a_leaker_of_another_group_is_two_clicks_away(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add("groups.ipynb", "from memlab.widgets import Lab\nLab()"))
    lab_page.run_all()
    lab_page.page.get_by_role("combobox", name="of").select_option("held by the kernel")
    leaker = lab_page.page.get_by_role("combobox", name="leaker")
    until(lambda: "fd-pipes" in leaker.inner_text())
    leaker.select_option("fd-pipes")
    lab_page.page.get_by_text("pipes that nobody closes").wait_for()
    lab_page.page.get_by_role("combobox", name="of").select_option("look-alikes: no leak")
    lab_page.page.get_by_text("tables that are filled after the start").wait_for()
    control = lab_page.page.get_by_role("button", name="control", exact=True)
    until(control.is_disabled)
