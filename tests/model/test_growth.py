"""Growth of mappings and of meminfo, and which of it is worth a line."""

from __future__ import annotations

from memlab.model.classify import classify
from memlab.model.growth import Group, changes, groups, growth, leading, meminfo_lines
from memlab.model.memory import MemoryType
from memlab.procfs import meminfo, smaps
from memlab.units import KIB, MIB


def mapping(span: str, perms: str, name: str, rss_kb: int) -> str:
    start, end = (int(part, 16) for part in span.split("-"))
    return (
        f"{span} {perms} 00000000 00:00 0 {' ' * 20}{name}\n"
        f"Size: {(end - start) // KIB:16} kB\nRss: {rss_kb:17} kB\nAnonymous: {rss_kb:11} kB\n"
        f"Swap: {0:16} kB\nVmFlags: rd wr mr mw me ac\n"
    )


BEFORE = mapping("10000-20000", "rw-p", "[heap]", 8) + mapping("a0000-b0000", "rw-p", "", 4)
AFTER = (
    mapping("10000-40000", "rw-p", "[heap]", 100)
    + mapping("90000-b0000", "rw-p", "", 16)
    + mapping("c0000-d0000", "rw-p", "", 1)
    + mapping("e0000-f0000", "r--p", "/lib/libnew.so", 64)
)


def grouped(text: str) -> dict[str, Group]:
    return groups(classify(smaps.parse(text.encode())))


def test_mappings_of_one_kind_are_one_group() -> None:
    found = grouped(AFTER)
    anonymous = found["plain anonymous"]
    assert (anonymous.mappings, anonymous.size_bytes) == (2, 0x30000)
    assert anonymous.footprint_bytes == 17 * KIB
    assert found["[heap]"].type is MemoryType.PRIVATE_ANONYMOUS
    assert found["/lib/libnew.so"].type is MemoryType.PRIVATE_FILE


def test_growth_counts_what_is_new_in_full() -> None:
    grown = growth(grouped(BEFORE), grouped(AFTER))
    assert (grown["[heap]"].size_bytes, grown["[heap]"].footprint_bytes) == (0x20000, 92 * KIB)
    assert grown["/lib/libnew.so"].footprint_bytes == 64 * KIB
    assert (grown["plain anonymous"].mappings, grown["plain anonymous"].size_bytes) == (1, 0x20000)


def test_a_process_without_mappings_has_no_groups() -> None:
    assert grouped("") == {}


def test_meminfo_speaks_with_the_kernels_words() -> None:
    text = (
        b"MemTotal: 1024 kB\nMemFree: 512 kB\nActive(anon): 8 kB\nCommitted_AS: 16 kB\n"
        b"SUnreclaim: 4 kB\nKReclaimable: 4 kB\nHugePages_Total: 3\nHugepagesize: 2048 kB\n"
        b"VmallocTotal: 34359738367 kB\nVmallocUsed: 5 kB\nDirectMap4k: 7 kB\n"
    )
    assert meminfo_lines(meminfo.parse(text)) == {
        "MemTotal": MIB,
        "MemFree": 512 * KIB,
        "Active(anon)": 8 * KIB,
        "Committed_AS": 16 * KIB,
        "SUnreclaim": 4 * KIB,
        "KReclaimable": 4 * KIB,
        "VmallocUsed": 5 * KIB,
    }


def test_every_line_of_this_kernels_meminfo_keeps_its_name() -> None:
    with open("/proc/meminfo", "rb") as file:
        text = file.read()
    words = {line.split(b":")[0].decode() for line in text.splitlines()}
    assert set(meminfo_lines(meminfo.parse(text))) <= words


def test_changes_are_after_minus_before() -> None:
    assert changes({"a": 5, "gone": 1}, {"a": 3, "new": 9}) == {"a": -2}


def test_the_largest_lead_up_or_down() -> None:
    assert leading({"a": 1, "b": -9, "c": 4}, most=2) == ["b", "c"]
    assert leading({"a": 1, "b": -9}, least=5) == ["b"]


def test_a_line_that_is_shown_stays_in_its_place() -> None:
    assert leading({"a": 5, "b": 9, "c": 6}, ["a", "b"], most=2) == ["a", "b"]
    assert leading({"a": 5, "b": 9, "c": 7}, ["a", "b"], most=2) == ["c", "b"]
    assert leading({"b": 9}, ["a", "b"], most=2) == ["b"]
