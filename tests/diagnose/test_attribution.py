"""Whose growth it was, and what one look says by itself."""

import pytest

from memlab.diagnose import diagnose
from memlab.model.diagnosis import Verdict
from tests.diagnose.made import KIB, MIB, A, descriptor, made, mapping


def heap(size):
    return mapping(0x55550000, size, "rw-p", "[heap]", rss=size)


def stacks(count, size):
    return "".join(
        mapping(A + n * (size + 4 * KIB), 4 * KIB, "---p", "")
        + mapping(A + n * (size + 4 * KIB) + 4 * KIB, size, "rw-p", "", rss=8 * KIB)
        for n in range(count)
    )


def test_the_parts_and_the_residual_add_up_to_the_growth():
    """The process took a MiB a second more than any mapping shows."""
    found = diagnose(
        made(lambda t: heap(MIB + int(t) * MIB), rss=lambda t: 8 * MIB + int(t) * 2 * MIB)
    )
    split = found.attribution
    assert split.bytes == 30 * MIB
    assert [(share.label, share.bytes) for share in split.shares] == [("[heap]", 15 * MIB)]
    assert split.residual_bytes == 15 * MIB
    assert found.to_json()["attribution"]["residual_bytes"] == 15 * MIB


def test_findings_that_explain_the_smaller_part_say_so():
    jumped = made(lambda t: heap(MIB + int(t) * MIB) + mapping(A, 64 * MIB, "rw-p", "", rss=int(t > 7) * 64 * MIB),
                  rss=lambda t: MIB + int(t) * MIB + int(t > 7) * 64 * MIB)  # fmt: skip
    found = diagnose(jumped)
    assert found.verdict is Verdict.LEAK
    assert any("the findings explain 15 MiB" in note for note in found.notes)


def test_what_did_not_move_is_split_among_nobody():
    assert diagnose(made(lambda t: heap(MIB), rss=MIB)).attribution is None


def test_stacks_without_threads_are_seen_before_anything_grows():
    said = " ".join(diagnose(made(lambda t: stacks(20, 1024 * KIB), threads=3)).standing)
    assert "20 mappings shaped like a thread stack" in said
    assert "18 of these stacks belong to no thread" in said


def test_stacks_that_glibc_may_keep_are_undecided_and_more_are_a_leak():
    """A stack of 1 MiB a second: 15 of them fit into its cache of 40 MiB, a stack of 4 MiB each does not."""
    kept = diagnose(made(lambda t: stacks(1 + int(t), 1024 * KIB), threads=1))
    assert kept.verdict is Verdict.UNDECIDED, kept.why
    lost = diagnose(made(lambda t: stacks(1 + int(t), 4096 * KIB), threads=1))
    assert [finding.pattern for finding in lost.findings] == ["thread-stack"]


@pytest.mark.parametrize(("count", "told"), [(1100, True), (900, False)])
def test_a_level_table_of_many_descriptors_is_no_leak_and_is_told(count, told):
    many = [descriptor("/dev/null", inode=n) for n in range(count)]
    said = diagnose(made(lambda t: heap(MIB), fds=lambda t: many, limits={"open_files": 20_000}))
    assert said.verdict is Verdict.NOT_A_LEAK
    assert ("1,100 descriptors are open of 20,000" in " ".join(said.standing)) is told


def test_descriptors_that_lead_to_one_file_are_named():
    many = [descriptor("/var/log/app.log", inode=n) for n in range(9)]
    said = diagnose(made(lambda t: heap(MIB), fds=lambda t: many)).standing
    assert "9 descriptors lead to /var/log/app.log" in said
