"""Which limit is in the way of memory: the nearest, whatever the account is."""

from dataclasses import replace

import pytest

from memlab.diagnose import diagnose
from tests.diagnose.made import MIB, A, made, mapping

GIB = 1 << 30


def anonymous(t):
    return mapping(A + MIB, 8 * MIB + int(t * MIB), "rw-p", "", rss=8 * MIB + int(t * MIB))


def main_stack(t):
    size = MIB + int(t * MIB / 4)
    return mapping(0x7FFC00000000 - size, size, "rw-p", "[stack]", rss=size)


def with_files(recording, add):
    """More text in each instant: `add(t)` by path."""
    start = recording.samples[0].monotonic
    for sample in recording:
        files = add(sample.monotonic - start)
        sample.texts.files.update({path: text.encode() for path, text in files.items()})
    return recording


def status(t, data):
    """As `made` has it, and VmData."""
    return {
        "/proc/42/status": f"Name: made\nState: S\nPid: 42\nPPid: 1\nUid: 0\nGid: 0\n"
        f"VmData: {(data + int(t * MIB)) // 1024} kB\n"
    }


def growing(limits, seconds=15.0):
    return made(anonymous, vsize=lambda t: 50 * MIB + int(t * MIB), seconds=seconds, limits=limits)


def forecast(recording):
    (finding,) = diagnose(recording).findings
    return finding.forecast


def test_memory_that_is_mapped_as_it_grows_meets_the_limit_on_address_space():
    found = forecast(growing({"address_space": 100 * MIB}))
    assert found.limit == "its RLIMIT_AS"
    # 50 MiB at first and 15 since, of 100
    assert found.seconds == pytest.approx(35, rel=0.1)


def test_what_only_fills_its_mapping_does_not():
    recording = made(anonymous, vsize=50 * MIB, limits={"address_space": 100 * MIB})
    assert forecast(recording) is None


def test_written_memory_meets_the_limit_on_data():
    recording = growing({"address_space": GIB, "data_size": 60 * MIB})
    found = forecast(with_files(recording, lambda t: status(t, 20 * MIB)))
    assert found.limit == "its RLIMIT_DATA"
    assert found.seconds == pytest.approx(60 - 35, rel=0.1)


@pytest.mark.parametrize(("mode", "limit"), [(2, "CommitLimit"), (0, "available memory")])
def test_a_machine_that_never_overcommits_refuses_at_its_commit_limit(mode, limit):
    def files(t):
        committed = (900 * MIB + int(t * MIB)) // 1024
        return {
            **status(t, 20 * MIB),
            "/proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 4194304 kB\n"
            f"CommitLimit: 1048576 kB\nCommitted_AS: {committed} kB\n",
        }

    found = forecast(with_files(growing({"overcommit_memory": mode}), files))
    assert limit in found.limit
    room = 1024 - 915 if mode == 2 else 4096
    assert found.seconds == pytest.approx(room, rel=0.1)


def test_a_main_stack_ends_at_its_own_limit():
    found = forecast(made(main_stack, limits={"stack_size": 8 * MIB}))
    assert found.limit == "its RLIMIT_STACK"
    # 4.75 MiB of 8 are there, and a quarter of one comes each second
    assert found.seconds == pytest.approx((8 - 4.75) * 4, rel=0.1)


def test_children_meet_the_pids_cgroup():
    limits = {"processes": 1000, "cgroup_tasks_limit": 60, "cgroup_tasks": 10}
    recording = made(
        lambda t: anonymous(0), children=lambda t: "S" * (1 + int(2 * t)), limits=limits
    )
    (finding,) = diagnose(recording).findings
    assert finding.forecast.limit == "pids.max of its cgroup"
    assert finding.forecast.limit_bytes == 60 - 10 - 30


def test_without_any_other_limit_it_is_the_address_space():
    recording = growing({})
    assert forecast(replace(recording, header=replace(recording.header, host={}))).limit == (
        "the address space of the processor"
    )


def test_what_is_years_away_is_not_foretold():
    found = forecast(growing({"address_space": 1 << 46}))
    assert found.limit == "its RLIMIT_AS" and found.seconds > 2 * 365 * 86400
    assert "within a year" in found.sentence and "used up" not in found.sentence
