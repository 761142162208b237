"""The controls make a line-up, the kernel decides about it, and what goes wrong is one line."""

import json
import os
from pathlib import Path

import pytest

from memlab.errors import Refused
from memlab.lab import containment
from memlab.model.oom_line_up import FIRST_LESSON, line_up
from memlab.model.oom_rehearsal import from_dict
from memlab.present.rehearsal_card import rehearsal_card
from memlab.units import MIB
from memlab.widgets import WhoDies
from tests.waiting import until

RECORDINGS = Path(__file__).resolve().parents[2] / "notebooks" / "recordings"


def test_the_controls_stand_as_the_line_up_and_change_it():
    panel = WhoDies()
    assert panel.line_up() == line_up(FIRST_LESSON)
    panel.sizes["web"].value, panel.adjs["web"].value, panel.on_tmpfs["leaker"].value = (
        12,
        500,
        True,
    )
    made = panel.line_up()
    assert (made.task("web").size, made.task("web").adj) == (12 * MIB, 500)
    assert made.task("leaker").on_tmpfs and made.grows == "leaker"
    assert panel.told is None, "nothing runs by itself"


def test_what_does_not_fit_is_refused():
    panel = WhoDies()
    panel.sizes["web"].value = 60
    with pytest.raises(Refused, match="full before anybody grows"):
        panel.run()


def test_a_refusal_is_a_line_in_the_panel():
    panel = WhoDies()
    panel.sizes["web"].value = 60
    panel.go.click()
    until(lambda: "full before anybody grows" in panel.shown.value and not panel.go.disabled)


@pytest.mark.live
def test_the_button_lets_the_kernel_decide():
    folder, why_not = containment.make_group(os.urandom(6).hex(), 16 * MIB)
    if folder is None:
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    os.rmdir(folder)
    panel = WhoDies(["a:8MiB", "b:2MiB:grows"])
    panel.sizes["a"].value, panel.said.value = 60, "b"
    panel.go.click()
    until(lambda: panel.told is not None and not panel.go.disabled, seconds=60)
    assert panel.told.victim == "a"
    assert "You said b." in panel.shown.value and "The kernel killed a" in panel.shown.value
    assert "The kernel killed a" in panel._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("name", ["oom_database.json", "oom_tmpfs.json"])
def test_a_card_tells_who_died(name):
    told = from_dict(json.loads((RECORDINGS / name).read_text()))
    card = rehearsal_card(told)
    assert f"The kernel killed {', then '.join(one.name for one in told.deaths)}" in card
    assert card.count("†") == len(told.deaths)
