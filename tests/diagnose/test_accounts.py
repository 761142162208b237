"""Each account beside heap and stacks: a leak, what is level, what warms up, and what it is told from."""

import json

import pytest

from memlab.diagnose import diagnose
from memlab.model.diagnosis import Verdict, Why
from memlab.model.recording import Recording
from memlab.present.text import diagnosis_text
from memlab.procfs.host import Call
from tests.diagnose.made import KIB, MIB, A, descriptor, made, mapping, pipe

LIBRARY = "/usr/lib/plugin.so"
GIB = 1 << 30


def program(t=0):
    """What every process has: its text, and a heap that stays."""
    return mapping(0x400000, MIB, "r-xp", "/usr/bin/made", rss=512 * KIB, anonymous=0) + mapping(
        0x55550000, 4 * MIB, "rw-p", "[heap]", rss=MIB
    )


def files(count, perms="r--p", copied=False, touched=MIB):
    """One file, mapped so often."""
    own = touched if copied else 0
    return program() + "".join(
        mapping(A + n * 2 * MIB, MIB, perms, LIBRARY, rss=touched, anonymous=own, inode=5)
        for n in range(count)
    )


def reserved(size, touched=0, perms="---p"):
    # not at a multiple of 64 MiB, where an arena of malloc would lie
    return program() + mapping(A + MIB, 16 * MIB + size, perms, "", rss=touched)


def memfds(count, size=MIB):
    return [descriptor("/memfd:cache (deleted)", size, inode=100 + n) for n in range(count)]


def tabled(grown):
    """Areas of 2 MiB of which one page is read, a table each; RSS does not move."""
    return made(
        lambda t: program() + mapping(A, 2 * MIB + grown(t) * 2 * MIB, "r--p", ""),
        vsize=lambda t: 50 * MIB + grown(t) * 2 * MIB,
        rss=2 * MIB,
        tables=lambda t: 64 * KIB + grown(t) * 4 * KIB,
    )


# by account: a recording whose account grows by n(t) units, t in seconds
GROWING = {
    "page-table": tabled,
    "fd": lambda n: made(program, fds=lambda t: [pipe(1)] + [pipe(9 + i) for i in range(2 * n(t))]),
    "memfd": lambda n: made(program, fds=lambda t: [pipe(1), *memfds(n(t))]),
    "private-file": lambda n: made(lambda t: files(1 + n(t))),
    "private-file copied": lambda n: made(lambda t: files(1 + n(t), "rw-p", copied=True)),
    "shared-file": lambda n: made(lambda t: files(1 + n(t), "rw-s")),
    "address-space": lambda n: made(lambda t: reserved(n(t) * 16 * MIB)),
    "process": lambda n: made(program, children=lambda t: "S" + n(t) * "Z"),
}
BASIS = {
    "page-table": "kernel", "fd": "count", "memfd": "swap-backed", "private-file": "resident",
    "private-file copied": "resident", "shared-file": "resident", "address-space": "virtual",
    "process": "count",
}  # fmt: skip
UNIT = {
    "page-table": 4 * KIB, "fd": 2, "memfd": MIB, "private-file": MIB, "private-file copied": MIB,
    "shared-file": MIB, "address-space": 16 * MIB, "process": 1,
}  # fmt: skip


@pytest.mark.parametrize("case", GROWING)
def test_a_leak_is_one_finding_with_its_pattern_basis_and_rate(case):
    found = diagnose(GROWING[case](lambda t: int(2 * t)))
    assert found.verdict is Verdict.LEAK, found.why
    (finding,) = found.findings
    assert (finding.pattern, finding.basis) == (case.partition(" ")[0], BASIS[case])
    assert finding.bytes_per_second == pytest.approx(2 * UNIT[case], rel=0.1)
    assert finding.bytes == 30 * UNIT[case]
    assert "42" in finding.next
    assert finding.evidence


@pytest.mark.parametrize("case", GROWING)
@pytest.mark.parametrize(
    ("grown", "reasons"),
    [
        (lambda t: 0, {Why.FLAT}),
        (lambda t: int(2 * min(t, 5)), {Why.WARM_UP}),
        (lambda t: int(8 * (t % 2.5)), {Why.CYCLIC}),
    ],
    ids=["flat", "warm-up", "cyclic"],
)
def test_what_does_not_go_on_is_no_leak(case, grown, reasons):
    found = diagnose(GROWING[case](grown))
    assert found.verdict is Verdict.NOT_A_LEAK, found.why
    # a page table or two are less than an account moves by itself; what is level has no account
    assert found.reason in reasons | {Why.FLAT}


@pytest.mark.parametrize("case", GROWING)
def test_what_only_the_last_reading_caught_is_traffic(case):
    """It may be given back in the next instant, as a control does."""
    found = diagnose(GROWING[case](lambda t: 30 if t == 15 else 0))
    assert (found.verdict, found.reason) == (Verdict.NOT_A_LEAK, Why.FLAT), found.why


def test_things_are_counted_in_words_and_run_into_their_own_limit():
    def fds(t):
        return [descriptor("/etc/hosts") for _ in range(4 + int(4 * t))]

    found = diagnose(made(program, fds=fds, limits={"open_files": 1024, "max_map_count": 65530}))
    (finding,) = found.findings
    assert (finding.unit, finding.bytes) == ("descriptors", 60)
    assert finding.where == "open descriptors (file)"
    assert "open descriptors grew by 60 descriptors" in found.why
    assert "60 of the new ones lead to /etc/hosts" in finding.evidence
    assert finding.forecast.limit == "its RLIMIT_NOFILE"
    assert finding.forecast.limit_bytes == 1024 - 64
    assert finding.forecast.seconds == pytest.approx(240, rel=0.05)
    assert "openat" in finding.next
    text = diagnosis_text(found)
    assert "4 descriptors/s (count; " in text
    assert " B" not in text.split("evidence")[0]
    said = json.loads(json.dumps(found.to_json()))["findings"][0]
    assert said["unit"] == "descriptors"


def test_descriptors_are_counted_where_only_their_number_may_be_known():
    """Linux gives it as the size of the folder, to everybody."""
    whole = made(None, denied=("/proc/42/smaps", "/proc/42/fd"))
    for sample in whole:
        size = {"size_bytes": 8 + 3 * sample.index, "allocated_bytes": 0, "device": "0:5",
                "inode": 9, "links": 2, "mode": 0o40500}  # fmt: skip
        sample.texts.calls.append(Call("stat", "/proc/42/fd", size))
    (finding,) = diagnose(whole).findings
    assert (finding.pattern, finding.bytes) == ("fd", 90)
    assert finding.next.startswith("sudo ")


def test_descriptors_of_memfds_are_told_as_memory_and_not_twice():
    found = diagnose(GROWING["memfd"](lambda t: int(2 * t)))
    assert [finding.pattern for finding in found.findings] == ["memfd"]
    assert "memfds open: 0 to 30" in found.findings[0].evidence
    assert "held by descriptors only" in found.findings[0].where


def test_descriptors_of_a_file_that_is_mapped_again_and_again_are_told_with_it():
    """Python's mmap keeps a descriptor of its own for each mapping."""
    library = descriptor(LIBRARY, inode=5)
    kept = made(
        lambda t: files(1 + int(2 * t)), fds=lambda t: [library for _ in range(1 + int(2 * t))]
    )
    assert [finding.pattern for finding in diagnose(kept).findings] == ["private-file"]
    other = made(
        lambda t: files(1 + int(2 * t)), fds=lambda t: [pipe(n) for n in range(2 + int(2 * t))]
    )
    assert [finding.pattern for finding in diagnose(other).findings] == ["private-file", "fd"]


def test_a_memfd_that_is_mapped_as_well_is_counted_once():
    def smaps(t):
        return program() + "".join(
            mapping(A + n * MIB, MIB, "rw-s", "/memfd:cache (deleted)", rss=MIB, inode=100 + n)
            for n in range(int(2 * t))
        )

    found = diagnose(made(smaps, fds=lambda t: memfds(int(2 * t))))
    (finding,) = found.findings
    assert (finding.pattern, finding.where) == ("memfd", "mapped memfds")
    assert finding.bytes == 30 * MIB


def test_page_tables_of_memory_that_is_touched_are_no_finding():
    found = diagnose(
        made(
            lambda t: reserved(int(t * 8) * MIB, touched=int(t * 8) * MIB, perms="rw-p"),
            tables=lambda t: 64 * KIB + int(t * 8 / 2) * 4 * KIB,
        )
    )
    assert [finding.pattern for finding in found.findings] == ["anonymous"]


def test_address_space_behind_page_tables_was_touched():
    """The leak of page tables reserves 2 MiB for each: one finding, of the tables."""
    found = diagnose(tabled(lambda t: int(t * 64)))
    assert [finding.pattern for finding in found.findings] == ["page-table"]


def test_the_untouched_part_of_mappings_that_leak_is_no_finding_of_its_own():
    growing = made(lambda t: reserved(int(t * 32) * MIB, touched=int(t * 3) * MIB, perms="rw-p"))
    assert [finding.pattern for finding in diagnose(growing).findings] == ["anonymous"]


def test_what_may_not_be_touched_is_told_beside_what_leaks():
    def smaps(t):
        heapless = mapping(A, 16 * MIB + int(t) * MIB, "rw-p", "", rss=int(t) * MIB)
        return program() + heapless + mapping(A + GIB, int(1 + t * 64) * MIB, "---p", "")

    patterns = [finding.pattern for finding in diagnose(made(smaps)).findings]
    assert patterns == ["address-space", "anonymous"]


@pytest.mark.parametrize("perms", ["r--p", "rw-p", "r-xp", "rw-s"])
def test_a_file_that_is_read_in_as_far_as_it_is_mapped_is_no_leak(perms):
    """Code that is run for the first time, a database that is read: the mapping is the bound."""

    def smaps(t):
        return program() + mapping(A, 64 * MIB, perms, LIBRARY, rss=int(t * 4) * MIB, anonymous=0)

    found = diagnose(made(smaps))
    assert (found.verdict, found.reason) == (Verdict.NOT_A_LEAK, Why.FLAT)


def test_a_library_that_is_loaded_once_is_no_leak():
    """It is mapped in one moment, and read in for as long as we watch."""

    def smaps(t):
        touched = max(0, int((t - 3) * 2)) * MIB
        loaded = mapping(A, 64 * MIB, "r-xp", LIBRARY, rss=touched, anonymous=0)
        return program() + (loaded if t >= 3 else "")

    assert diagnose(made(smaps)).verdict is Verdict.NOT_A_LEAK


@pytest.mark.parametrize(
    ("copied", "words"), [(True, "30 MiB of it were written"), (False, "0 B of")]
)
def test_a_file_that_is_mapped_again_and_again_is_named_and_its_limits_are(copied, words):
    growing = made(
        lambda t: files(1 + int(2 * t), "rw-p", copied),
        limits={"max_map_count": 1000, "address_space": None},
    )
    (finding,) = diagnose(growing).findings
    assert finding.where == f"private mappings of {LIBRARY}"
    assert f"mappings of {LIBRARY}: 1 to 31" in finding.evidence
    assert any(words in sentence for sentence in finding.evidence)
    assert finding.forecast.limit == "vm.max_map_count"
    # 33 of 1,000 mappings are there, and two come each second
    assert finding.forecast.seconds == pytest.approx((1000 - 33) / 2, rel=0.1)


@pytest.mark.parametrize(("state", "where"), [("Z", "zombies"), ("S", "children that live")])
def test_children_are_told_apart_by_whether_they_live(state, where):
    growing = made(
        program,
        children=lambda t: "SSZ" + int(2 * t) * state,
        limits={"processes": 333, "threads_max": 5000},
    )
    (finding,) = diagnose(growing).findings
    assert (finding.where, finding.unit, finding.bytes) == (where, "processes", 30)
    assert finding.forecast.limit == "RLIMIT_NPROC of its user"
    assert finding.forecast.limit_bytes == 300
    assert "wait4" in finding.next
    assert any(("nobody asked" in sentence) == (state == "Z") for sentence in finding.evidence)


def test_the_tables_say_beside_what_they_grew():
    (finding,) = diagnose(tabled(lambda t: int(t * 8))).findings
    assert finding.where == "page tables"
    assert any("512th part" in sentence for sentence in finding.evidence)
    assert finding.next.startswith("perf record -e page-faults")


def test_more_descriptors_than_are_followed_are_counted_all_the_same():
    whole = made(program, fds=lambda t: [pipe(n) for n in range(500 + int(8 * t))])
    for sample in whole:
        sample.texts.calls[:] = [
            call
            for call in sample.texts.calls
            if call.kind == "listdir" or int(call.path.rpartition("/")[2]) < 512
        ]
    (finding,) = diagnose(whole).findings
    assert (finding.pattern, finding.bytes) == ("fd", 120)
    assert "512 of 620 were followed: what the others are was not looked up" in finding.evidence


@pytest.mark.parametrize("case", GROWING)
def test_half_a_window_never_raises(case):
    whole = GROWING[case](lambda t: int(2 * t))
    for count in range(0, len(whole), 7):
        diagnose(Recording(whole.header, whole.samples[:count]))
