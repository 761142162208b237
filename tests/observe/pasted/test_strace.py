"""What a log of strace says of mappings, and which limit these meet."""

from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.model.memory import Pattern
from memlab.observe.pasted import open_pasted

LOG = str(Path(__file__).parents[2] / "data" / "captures" / "tools" / "strace.txt")


def test_stacks_of_a_log_meet_the_limit_on_mappings():
    recording = open_pasted([LOG])
    # twelve threads, a stack and its guard each
    assert recording.given["strace.mappings"].values[-1] == 24
    (finding,) = diagnose(recording).findings
    assert finding.forecast.limit.startswith("vm.max_map_count")
    # one thread a second
    assert finding.forecast.seconds == pytest.approx((65530 - 24) / 2, rel=0.02)


def counted(tmp_path, *calls):
    path = tmp_path / "log"
    path.write_text("".join(f"7 {at}.5 {call}\n" for at, call in enumerate(calls)))
    return open_pasted([str(path)]).given["strace.mappings"].values.tolist()


def made(address):
    flags = "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"
    return f"mmap(NULL, 4096, {flags}) = 0x{address:x}"


def test_mappings_that_touch_are_one_to_the_kernel(tmp_path):
    low, middle, high = (made(at) for at in (0x10000, 0x11000, 0x12000))
    assert counted(tmp_path, low, high, middle) == [1, 2, 1]
    cut = "munmap(0x11000, 4096) = 0"
    assert counted(tmp_path, low, middle, high, cut) == [1, 1, 1, 2]
    rest = "munmap(0x10000, 12288) = 0"
    assert counted(tmp_path, low, middle, high, cut, rest) == [1, 1, 1, 2, 0]


def moved(tmp_path, *ends):
    """A log in which brk moves the end of the heap to these places, one a second."""
    path = tmp_path / "log"
    lines = ["7 0.1 brk(NULL) = 0x10000000"]
    lines += [f"7 {at}.5 brk(0x{end:x}) = 0x{end:x}" for at, end in enumerate(ends)]
    path.write_text("\n".join(lines) + "\n")
    return diagnose(open_pasted([str(path)]))


def test_a_heap_that_brk_moves_on_and_on_is_a_leak(tmp_path):
    said = moved(tmp_path, *(0x10000000 + at * (1 << 20) for at in range(1, 20)))
    assert said.verdict == "leak"
    (finding,) = said.findings
    assert finding.pattern == "heap"
    assert finding.bytes_per_second == pytest.approx(1 << 20, rel=0.05)
    assert "is not known" in finding.forecast.sentence


def test_a_heap_that_stays_says_how_slow_a_leak_would_be_hidden(tmp_path):
    said = moved(tmp_path, *([0x10000000] * 19))
    assert said.verdict == "not-a-leak"
    assert "slower than 0 B/s" not in said.why


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        ("MAP_PRIVATE, 3, 0", Pattern.PRIVATE_FILE),
        ("MAP_SHARED, 3, 0", Pattern.SHARED_FILE),
        ("MAP_SHARED|MAP_ANONYMOUS, -1, 0", Pattern.SHARED_ANONYMOUS),
    ],
)
def test_mappings_of_every_kind_are_counted_until_they_are_unmapped(tmp_path, flags, pattern):
    path = tmp_path / "log"
    calls = [
        f"7 {at}.5 mmap(NULL, 262144, PROT_READ, {flags}) = 0x{(0x10000 + at * 64) << 12:x}"
        for at in range(12)
    ]
    path.write_text("\n".join(calls) + "\n")
    (finding,) = diagnose(open_pasted([str(path)])).findings
    assert (finding.pattern, finding.bytes) == (pattern, 11 * 256 * 1024)
    assert not any("were written" in sentence for sentence in finding.evidence)
    freed = [f"7 {at}.8 munmap(0x{(0x10000 + at * 64) << 12:x}, 262144) = 0" for at in range(12)]
    path.write_text("\n".join(line for both in zip(calls, freed, strict=True) for line in both))
    assert diagnose(open_pasted([str(path)])).findings == ()


def test_what_is_mapped_over_another_takes_its_place(tmp_path):
    whole = "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x10000"
    over = "mmap(0x11000, 4096, PROT_READ, MAP_PRIVATE|MAP_FIXED, 3, 0x1000) = 0x11000"
    path = tmp_path / "log"
    path.write_text(f"7 1.0 {whole}\n7 2.0 {over}\n")
    assert open_pasted([str(path)]).given["strace.private_file"].values.tolist() == [8192, 8192]
