"""What may be started is decided from figures; here are the figures, and the fences themselves."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Refused
from memlab.lab.containment import (
    MARGIN,
    Need,
    Room,
    make_group,
    need_of,
    oom_kills,
    refusal,
    room_of,
)
from memlab.lab.experiment import start
from memlab.lab.registry import get
from memlab.procfs.host import Host
from memlab.units import GIB, KIB, MIB

ROOMY = Room(total=16 * GIB, available=8 * GIB)


HEAP, TMPFS, STACK = map(get, ("heap", "tmpfs", "thread-stack"))


def test_a_resident_cap_needs_itself_its_page_tables_and_the_program():
    need = need_of(HEAP, 200 * MIB, "resident", 64 * KIB, touched=64 * KIB)
    assert 200 * MIB + MARGIN <= need.resident < 202 * MIB + MARGIN
    assert need.virtual > need.resident


def test_a_touched_share_needs_more_address_space_than_memory():
    need = need_of(HEAP, 100 * MIB, "resident", MIB, touched=MIB // 4)
    assert need.virtual >= 400 * MIB
    assert need.resident < 200 * MIB


def test_a_touched_byte_takes_its_whole_page():
    need = need_of(HEAP, MIB, "resident", 64 * KIB, touched=64)
    assert need.resident > 64 * MIB


def test_what_the_allocator_adds_to_small_blocks_is_counted():
    need = need_of(HEAP, 10 * MIB, "resident", 16, touched=16)
    assert need.resident > 90 * MIB


def test_stacks_need_little_memory_and_much_address_space():
    need = need_of(STACK, GIB, "virtual", 10240 * KIB, touched=0)
    assert need.resident < MARGIN + 8 * MIB
    assert need.virtual > GIB


def test_many_small_stacks_are_not_little():
    need = need_of(STACK, GIB, "virtual", 16 * KIB, touched=0)
    assert need.resident > GIB
    assert need.virtual > GIB * 20 // 16, "each has a guard page"


def test_things_are_counted_with_what_each_takes_of_the_kernel():
    need = need_of(get("process-children"), 50, "count", 0, touched=0)
    assert need.resident == 50 * 256 * KIB + MARGIN


def test_only_files_on_tmpfs_need_room_there():
    assert need_of(HEAP, MIB, "resident", MIB, MIB).tmpfs == 0
    assert need_of(TMPFS, MIB, "resident", MIB, MIB).tmpfs == MIB


@pytest.mark.parametrize(
    ("need", "room", "says"),
    [
        (Need(100 * MIB, 0), ROOMY, None),
        (Need(7 * GIB, 0), ROOMY, "available memory"),
        (Need(100 * MIB, 0), Room(16 * GIB, 300 * MIB), "available memory"),
        (Need(100 * MIB, 0), Room(16 * GIB, 8 * GIB, cgroup=64 * MIB), "cgroup"),
        (Need(100 * MIB, 0), Room(16 * GIB, 8 * GIB, cgroup=-MIB), "room for 0 B"),
        (Need(100 * MIB, 0, tmpfs=65 * MIB), Room(16 * GIB, 8 * GIB, tmpfs=64 * MIB), "/dev/shm"),
        (Need(100 * MIB, 0), Room(16 * GIB, 8 * GIB, cgroup=128 * MIB, tmpfs=0), None),
        (Need(4 * GIB, 0), Room(16 * GIB, 8 * GIB, outstanding=3 * GIB), "promised to leakers"),
        (
            Need(100 * MIB, 0),
            Room(16 * GIB, 8 * GIB, cgroup=128 * MIB, outstanding=64 * MIB),
            "cgroup",
        ),
    ],
)
def test_what_the_machine_could_not_bear_is_refused_with_figures(need, room, says):
    found = refusal(need, room)
    if says is None:
        assert found is None
    else:
        assert says in found
        assert re.search(r"\d ([KMGT]i)?B\b", found), "with figures"


def test_the_room_of_this_machine_is_read():
    room = room_of(Host())
    assert 0 < room.available <= room.total


@pytest.mark.parametrize("name", ["heap", "tmpfs", "anonymous"])
def test_a_cap_beyond_the_machine_starts_nothing(name):
    with pytest.raises(Refused, match="choose a smaller --cap") as caught:
        start(name, cap="100TiB")
    assert "\n" not in str(caught.value)


def test_a_group_is_announced_before_it_is_made_and_holds_what_joins():
    """The kernel's fence alone: no cap of a leaker's, no supervisor that looks."""
    heard = []
    folder, why_not = make_group(
        f"test-{os.getpid()}", 24 * MIB, lambda path: heard.append((path, os.path.exists(path)))
    )
    assert heard, "there is a memory controller, or the test says so"
    assert not any(existed for _, existed in heard)
    if folder is None:
        assert why_not
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    code = (
        "import pathlib, sys; pathlib.Path(sys.argv[1], 'cgroup.procs').write_text('0')\n"
        "kept = [bytearray(b'x') * (1 << 20) for _ in range(64)]"
    )
    try:
        assert folder == heard[-1][0]
        ended = subprocess.run([sys.executable, "-S", "-E", "-c", code, folder], check=False)
        assert ended.returncode == -9
        assert oom_kills(folder) == 1
    finally:
        os.rmdir(folder)


def test_where_no_group_may_be_made_the_reason_is_told():
    taken = f"test-taken-{os.getpid()}"
    folder, why_not = make_group(taken, 24 * MIB)
    if folder is None:
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    try:
        again, why_not = make_group(taken, 24 * MIB)
        assert again is None
        assert os.strerror(errno.EEXIST) in why_not
        assert str(Path(folder).parent) in why_not
    finally:
        os.rmdir(folder)
