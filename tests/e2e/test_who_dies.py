"""Who dies, in a real JupyterLab: nothing runs by itself, and a press of the button lets the kernel decide."""

from __future__ import annotations

import os

import pytest

from memlab.lab import containment
from memlab.units import MIB
from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.timeout(300)]

WHO_DIES = "from memlab.widgets import WhoDies\nWhoDies()"


def test_a_learner_says_who_dies_and_sees_who_did(server: Server, lab_page: LabPage) -> None:
    folder, why_not = containment.make_group(os.urandom(6).hex(), 16 * MIB)
    if folder is None:
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    os.rmdir(folder)
    lab_page.open(server.add("who_dies.ipynb", WHO_DIES))
    lab_page.run_all()
    page = lab_page.page
    page.get_by_role("button", name="web", exact=True).click()
    assert "The kernel killed" not in page.locator(".jp-OutputArea").inner_text()
    page.get_by_role("button", name="Let it run").click()
    shown = page.locator(".jp-OutputArea")
    until(lambda: "The kernel killed database" in shown.inner_text(), seconds=60)
    assert "You said web." in shown.inner_text()
    if folder := os.environ.get("MEMLAB_SHOTS"):
        page.screenshot(path=f"{folder}/who_dies.png")
