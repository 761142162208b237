"""What all leakers of a user take together is bounded, also when several start at once."""

import threading

import pytest

from memlab.errors import Refused
from memlab.lab import experiment
from memlab.lab.containment import MARGIN, Need, Room, refusal, room_of
from memlab.lab.experiment import start
from memlab.lab.runs import living, promised
from memlab.procfs import meminfo
from memlab.procfs.host import Host
from memlab.units import GIB, MIB
from tests.lab.private import in_own_shm
from tests.waiting import until

pytestmark = pytest.mark.live


def test_half_of_the_memory_is_for_all_leakers_together(monkeypatch):
    monkeypatch.delenv("MEMLAB_TOTAL", raising=False)
    assert 0 < room_of(Host()).together <= meminfo.read(Host()).mem_total // 2


def test_what_is_promised_counts_whether_it_is_taken_or_not():
    room = Room(16 * GIB, 12 * GIB, promised=7 * GIB, together=8 * GIB)
    assert refusal(Need(GIB, 0), room) is None
    said = refusal(Need(GIB + MIB, 0), room)
    assert (
        "1 GiB, leakers that run may take 7 GiB, and all leakers of a user may take 8 GiB" in said
    )
    assert "MEMLAB_TOTAL" in said


def test_a_total_that_is_no_size_is_refused(monkeypatch):
    monkeypatch.setenv("MEMLAB_TOTAL", "lots")
    with pytest.raises(Refused, match="MEMLAB_TOTAL: 'lots' is not a size"):
        start("heap")


@in_own_shm
def test_the_second_of_two_is_refused_with_figures_until_the_first_has_ended(monkeypatch):
    monkeypatch.setenv("MEMLAB_TOTAL", "150MiB")
    with start("heap", cap="8MiB", paused=True) as first:
        assert first.box["resident_bytes"] >= 8 * MIB + MARGIN
        with pytest.raises(Refused) as caught:
            start("tmpfs", cap="32MiB", paused=True)
        assert "leakers that run may take 72 MiB" in str(caught.value)
        assert "all leakers of a user may take 150 MiB together" in str(caught.value)
        assert "memlab leak --stop-all" in str(caught.value)
        with start("heap", cap="8MiB", paused=True):
            pass  # there is room for another small one
    with start("tmpfs", cap="32MiB", paused=True) as last:
        assert last.step()["count"] == 1


@in_own_shm
def test_a_guard_refuses_by_itself_whatever_its_caller_saw(monkeypatch):
    monkeypatch.setenv("MEMLAB_TOTAL", "150MiB")
    with start("heap", cap="8MiB", paused=True):
        monkeypatch.setattr(experiment, "promised", lambda: 0)  # asked a moment too early
        with pytest.raises(Refused, match=r"leakers that run may take 72 MiB, .* 150 MiB"):
            start("tmpfs", cap="32MiB", paused=True)
        until(lambda: len(list(living())) == 1)


@in_own_shm
def test_of_many_that_start_at_once_no_more_run_than_may(monkeypatch):
    """The callers are made blind to each other: only the guards can hold the line."""
    monkeypatch.setenv("MEMLAB_TOTAL", "220MiB")  # three times 72 MiB
    monkeypatch.setattr(experiment, "promised", lambda: 0)
    ran, refused = [], []

    def begin():
        try:
            ran.append(start("heap", cap="8MiB", paused=True))
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ran) + len(refused) == 8
    assert len(ran) <= 3
    assert promised() == sum(run.box["resident_bytes"] for run in ran)
    for run in ran:
        run.stop()
