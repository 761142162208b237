"""malloc's own account by gdb: in use against freed and kept."""

import pytest

from memlab.lab.experiment import start
from memlab.model.memory import Pattern
from memlab.trace import gdb
from tests.trace.sites import stepped
from tests.trace.test_strace import runs_untraced

pytestmark = [pytest.mark.live, pytest.mark.needs("gdb", "gcc")]
UNIT = 60 << 10


def test_what_leaks_is_in_use_and_what_is_freed_is_kept():
    with start("heap", "c", paused=True) as leaker:
        stacks, ledger = stepped(gdb, leaker, Pattern.HEAP, events=50)
        before, now = stacks.heaps
        assert 0 <= now.in_use - before.in_use - ledger["leaked_bytes"] < 50 * 32
        assert runs_untraced(leaker.pid)
        assert not any(
            "malloc" in str(event) for event in leaker.events
        )  # nothing went to its output
    with start("heap-fragments", "c", paused=True) as leaker:
        stacks, ledger = stepped(gdb, leaker, Pattern.HEAP, events=50)
        before, now = stacks.heaps
        # 15 of 16 bytes of each unit are freed, and no brk goes back below a pin
        assert now.kept - before.kept > 50 * UNIT * 14 // 16
        assert now.in_use - before.in_use < 50 * UNIT // 8


def test_an_account_that_was_cut_is_none():
    whole = (
        '<malloc version="1">\n<heap nr="0">\n<total type="rest" count="1" size="7"/>\n</heap>\n'
        '<total type="fast" count="1" size="10"/>\n<total type="rest" count="2" size="30"/>\n'
        '<total type="mmap" count="1" size="500"/>\n<system type="current" size="100"/>\n'
        '<system type="max" size="900"/>\n</malloc>\n'
    )
    heap = gdb.parse(whole)
    assert (heap.in_use, heap.kept, heap.mapped) == (60, 40, 500)
    assert gdb.parse(whole[:-12]) is None
    assert gdb.parse("") is None
