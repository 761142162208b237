"""What may be started is decided from figures; here are the figures."""

import pytest

from memlab.errors import Refused
from memlab.lab.containment import MARGIN, Need, Room, need_of, refusal, room_of
from memlab.lab.experiment import start
from memlab.procfs.host import Host
from memlab.units import GIB, KIB, MIB

ROOMY = Room(total=16 * GIB, available=8 * GIB)


def test_a_resident_cap_needs_itself_and_the_program():
    need = need_of(200 * MIB, "resident", 64 * KIB, touch=1.0)
    assert need.resident == 200 * MIB + MARGIN
    assert need.virtual > need.resident


def test_a_touched_share_needs_more_address_space_than_memory():
    need = need_of(100 * MIB, "resident", MIB, touch=0.25)
    assert need.virtual >= 400 * MIB
    assert need.resident < 200 * MIB


def test_stacks_need_little_memory_and_much_address_space():
    need = need_of(1 * GIB, "virtual", 10240 * KIB, touch=0.0)
    assert need.resident < MARGIN + 8 * MIB
    assert need.virtual > 1 * GIB


def test_many_small_stacks_are_not_little():
    assert need_of(1 * GIB, "virtual", 16 * KIB, touch=0.0).resident > 1 * GIB


@pytest.mark.parametrize(
    ("need", "room", "says"),
    [
        (Need(100 * MIB, 0), ROOMY, None),
        (Need(7 * GIB, 0), ROOMY, "available memory"),
        (Need(100 * MIB, 0), Room(16 * GIB, 300 * MIB), "available memory"),
        (Need(100 * MIB, 0), Room(16 * GIB, 8 * GIB, cgroup=64 * MIB), "cgroup"),
        (Need(100 * MIB, 0, tmpfs=65 * MIB), Room(16 * GIB, 8 * GIB, tmpfs=64 * MIB), "/dev/shm"),
        (Need(100 * MIB, 0), Room(16 * GIB, 8 * GIB, cgroup=128 * MIB, tmpfs=0), None),
    ],
)
def test_what_the_machine_could_not_bear_is_refused_with_figures(need, room, says):
    found = refusal(need, room)
    assert (found is None) if says is None else (says in found and "iB" in found)


def test_the_room_of_this_machine_is_read():
    room = room_of(Host())
    assert 0 < room.available <= room.total


def test_a_cap_beyond_the_machine_starts_nothing():
    with pytest.raises(Refused, match="choose a smaller --cap"):
        start("heap", cap="100TiB")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": "-1"}, "no rate|not a rate"),
        ({"cap": "0"}, "more than zero"),
        ({"chunk": "1MiB"}, "mappings of their own"),
        ({"count": -1}, "--count"),
        ({"touch": 2}, "--touch"),
        ({"nonsense": 1}, "unknown or incomplete option --nonsense"),
    ],
)
def test_a_nonsense_option_is_one_line_and_starts_nothing(options, says):
    with pytest.raises(Refused, match=says) as caught:
        start("heap", **options)
    assert "\n" not in str(caught.value)
