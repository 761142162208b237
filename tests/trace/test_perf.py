"""perf, attached: who touched the pages first, and what was lost is told."""

import pytest

from memlab.errors import Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Of
from memlab.trace import perf
from tests.trace.sites import traced

pytestmark = [pytest.mark.live, pytest.mark.needs("perf", "addr2line", "gcc")]


@pytest.fixture(scope="module")
def seen():
    """Stacks of a frame after frame that grows the main stack, and its ledger."""
    try:
        return traced(perf, "main-stack", "c", Pattern.MAIN_STACK, events=20)
    except Unsupported as error:
        pytest.skip(str(error))


def test_the_function_whose_frame_the_pages_lie_in_is_named_not_its_helper_that_touched_them(seen):
    stacks, ledger = seen
    first = stacks.stacks[0]
    assert first.of is Of.PAGE
    assert first.site.function == ledger["site"].split()[0] == "descend"
    assert first.site.place.startswith("main-stack.c:")
    assert first.bytes >= ledger["touched_bytes"] * 3 // 4


def test_it_is_said_that_touching_is_not_asking_and_that_callers_are_missing(seen):
    stacks, _ = seen
    assert any("which need not be who asked" in doubt for doubt in stacks.doubts)
    # each frame is larger than the part of the stack that is copied
    assert any("without its outer callers" in lost for lost in stacks.lost)


def test_faults_are_read_with_their_frames():
    text = """
18251 32188.719713: page-faults:     7ffe623868a0 [unknown] ([unknown])

18251 32188.719741: page-faults:     7ffe623878a0 [unknown] ([stack])
\t            3eab descend+0x3a (/bin/main stack)
\tffffffffffffffff [unknown] ([unknown])
"""
    (bare, none), (address, (place,)) = perf.read(text.splitlines())
    assert (bare, none, address) == (0x7FFE623868A0, (), 0x7FFE623878A0)
    assert (place.module, place.offset, place.function) == ("/bin/main stack", 0x3EAB, "descend")
