"""Growth inside what was mapped before is no leak yet; what goes beyond it is one."""

import pytest

from memlab.diagnose import diagnose
from memlab.model.diagnosis import Verdict, Why
from tests.diagnose.made import KIB, MIB, A, made, mapping


def filled(touched, size=64 * MIB, perms="rw-p", name=""):
    """One large mapping, of which more and more is touched; beside it what stays."""
    return mapping(0x55550000, 4 * MIB, "rw-p", "[heap]", rss=MIB) + mapping(
        A + MIB, int(size), perms, name, rss=int(touched) // 4096 * 4096
    )


@pytest.mark.parametrize(
    ("perms", "name"), [("rw-p", ""), ("rw-s", "/dev/zero (deleted)"), ("rw-s", "/dev/shm/pool")]
)
def test_a_buffer_that_fills_is_undecided_until_it_is_full(perms, name):
    """As a compressor's dictionary or a database's shared buffers do."""

    def fills(t):
        return filled(min(8 * MIB + t * 2 * MIB, 64 * MIB), perms=perms, name=name)

    found = diagnose(made(fills))
    assert found.verdict is Verdict.UNDECIDED, found.why
    assert "in mappings that were there before" in found.why
    # 26 of 56 MiB are left after 15 s, at 2 MiB/s; level for a fifth of the watch
    longer = float(found.decide.rsplit(" ", 1)[1])
    assert longer == pytest.approx((15 + 13) / 0.8, abs=2)
    decided = diagnose(made(fills, seconds=longer))
    assert (decided.verdict, decided.reason) == (Verdict.NOT_A_LEAK, Why.WARM_UP), decided.why


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_what_is_mapped_as_it_grows_is_a_leak_however_little_is_touched(share):
    found = diagnose(made(lambda t: filled(share * (8 + 2 * t) * MIB, (8 + 2 * t) * MIB)))
    assert found.verdict is Verdict.LEAK, found.why
    assert found.findings[0].pattern == "anonymous"


def test_a_pool_that_is_enlarged_now_and_then_is_a_leak_once_it_goes_beyond():
    """Two pieces of 16 MiB are no trend, but what fills them was not there at the start."""

    def pool(t):
        used = 2 * MIB + t * 2 * MIB
        return filled(used, size=-(-used // (16 * MIB)) * 16 * MIB)

    assert diagnose(made(pool, seconds=30)).verdict is Verdict.LEAK
    assert diagnose(made(pool, seconds=6)).verdict is Verdict.UNDECIDED


def test_a_reserve_is_no_room():
    """What may not be touched yet is asked for piece by piece, as malloc does in an arena."""

    def arena(t):
        used = 256 * KIB + int(t * 64 * KIB)
        return mapping(A, used, "rw-p", "", rss=used) + mapping(
            A + used, 64 * MIB - used, "---p", ""
        )

    assert diagnose(made(arena, seconds=20)).verdict is Verdict.LEAK
