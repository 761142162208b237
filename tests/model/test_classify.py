"""Types and kinds of mappings, on layouts that are known to mislead."""

from pathlib import Path

import pytest

from memlab.model.classify import ARENA_BYTES, classify
from memlab.model.deltas import grown
from memlab.model.memory import MemoryType, RegionKind
from memlab.procfs import smaps

DATA = Path(__file__).parent.parent / "data"
KIB, MIB = 1024, 1 << 20


def layout(*rows):
    """Smaps from (start, size, perms, name[, rss kB[, anonymous kB[, flags]]])."""
    blocks = []
    for start, size, perms, name, *more in rows:
        rss, anonymous, flags = [*more, *(0, 0, "")[len(more) :]]
        anonymous = rss if len(more) == 1 and not name.startswith("/") else anonymous
        blocks.append(
            f"{start:x}-{start + size:x} {perms} 00000000 00:01 0 {name}\n"
            f"Size: {size // KIB} kB\nRss: {rss} kB\nAnonymous: {anonymous} kB\nSwap: 0 kB\n"
            f"VmFlags: {flags}\n"
        )
    return smaps.parse("".join(blocks).encode())


def kinds(*rows):
    return [RegionKind(kind) for kind in classify(layout(*rows)).kinds]


A = 0x7F0000000000


@pytest.mark.parametrize(
    ("perms", "name", "kind", "kind_of_memory"),
    [
        ("rw-p", "[heap]", RegionKind.HEAP, MemoryType.PRIVATE_ANONYMOUS),
        ("rw-p", "[stack]", RegionKind.MAIN_STACK, MemoryType.PRIVATE_ANONYMOUS),
        ("rw-p", "", RegionKind.PLAIN_ANONYMOUS, MemoryType.PRIVATE_ANONYMOUS),
        ("rw-p", "[anon:glibc: malloc]", RegionKind.PLAIN_ANONYMOUS, MemoryType.PRIVATE_ANONYMOUS),
        ("---p", "", RegionKind.GUARD, MemoryType.PRIVATE_ANONYMOUS),
        ("rw-s", "/dev/zero (deleted)", RegionKind.SHARED_ANONYMOUS, MemoryType.SHARED_ANONYMOUS),
        ("rw-p", "/dev/zero", RegionKind.PLAIN_ANONYMOUS, MemoryType.PRIVATE_ANONYMOUS),
        ("rw-s", "/SYSV00000000 (deleted)", RegionKind.SYSV_SHM, MemoryType.SHARED_ANONYMOUS),
        ("rw-s", "/memfd:x (deleted)", RegionKind.MEMFD, MemoryType.SHARED_ANONYMOUS),
        ("rw-s", "/dev/shm/x", RegionKind.POSIX_SHM, MemoryType.SHARED_ANONYMOUS),
        ("r-xp", "/usr/bin/cat", RegionKind.FILE_TEXT, MemoryType.PRIVATE_FILE),
        ("rw-p", "/usr/bin/cat", RegionKind.FILE_DATA, MemoryType.PRIVATE_FILE),
        ("r--s", "/var/db", RegionKind.FILE_READONLY, MemoryType.SHARED_FILE),
        ("rw-s", "/dev/dri/card0", RegionKind.DEVICE, MemoryType.OTHER),
        ("r-xp", "[vdso]", RegionKind.VDSO, MemoryType.OTHER),
    ],
)
def test_a_name_and_perms_give_kind_and_type(perms, name, kind, kind_of_memory):
    regions = classify(layout((A, 64 * KIB, perms, name)))
    assert regions.kinds.tolist() == [kind]
    assert regions.types.tolist() == [kind_of_memory]


def test_a_mapped_tmpfs_file_is_known_by_its_device():
    mapped = layout((A, 64 * KIB, "rw-s", "/run/thing", 16))
    assert classify(mapped).kinds.tolist() == [RegionKind.FILE_DATA]
    known = classify(mapped, {"0:1"})
    assert known.kinds.tolist() == [RegionKind.TMPFS_FILE]
    assert known.bytes_by_type[MemoryType.SHARED_ANONYMOUS] == 16 * KIB


def test_the_app_server_capture_is_a_thread_stack_with_the_neighbours_guard_behind_it():
    captured = smaps.parse((DATA / "captures" / "app_server.smaps.txt").read_bytes())
    regions = classify(captured)
    assert regions.kinds.tolist() == [RegionKind.THREAD_STACK] * 2
    assert regions.virtual_by_kind[RegionKind.THREAD_STACK] == 10244 * KIB
    assert regions.count_by_kind[RegionKind.THREAD_STACK] == 1


def test_a_stack_has_its_guard_below_and_what_lies_below_the_guard_is_no_stack():
    assert kinds(
        (A, MIB, "rw-p", ""),
        (A + MIB, 4 * KIB, "---p", ""),
        (A + MIB + 4 * KIB, 8 * MIB, "rw-p", ""),
    ) == [RegionKind.PLAIN_ANONYMOUS, RegionKind.THREAD_STACK, RegionKind.THREAD_STACK]


def test_an_arena_is_aligned_and_its_reserve_makes_no_stack_of_its_neighbour():
    base = A - A % ARENA_BYTES
    assert kinds(
        (base, 132 * KIB, "rw-p", ""),
        (base + 132 * KIB, ARENA_BYTES - 132 * KIB, "---p", ""),
        (base + ARENA_BYTES, 256 * MIB, "rw-p", ""),
    ) == [RegionKind.ARENA, RegionKind.ARENA, RegionKind.PLAIN_ANONYMOUS]


def test_guards_without_a_mapping_are_known_by_their_flag():
    """glibc 2.42: five stacks are one mapping, and only VmFlags tells."""
    regions = classify(layout((A, 51220 * KIB, "rw-p", "", 40, 40, "rd wr mr mw me ac gu nh")))
    assert regions.kinds.tolist() == [RegionKind.THREAD_STACK]


STACK_FLAGS, PLAIN_FLAGS = "rd wr mr mw me ac nh", "rd wr mr mw me ac"


def test_where_the_kernel_marks_stacks_memory_above_a_guard_is_none():
    """The JVM's metaspace, and pages that an allocator guards, beside a real stack (openjdk 17, Linux 6.18)."""
    assert kinds(
        (A, 128 * KIB, "---p", "", 0, 0, "mr mw me"),
        (A + 128 * KIB, 448 * KIB, "rw-p", "", 400, 400, PLAIN_FLAGS),
        (2 * A, 16 * KIB, "---p", "", 0, 0, "mr mw me"),
        (2 * A + 16 * KIB, 1008 * KIB, "rw-p", "", 8, 8, STACK_FLAGS),
    ) == [
        RegionKind.GUARD,
        RegionKind.PLAIN_ANONYMOUS,
        RegionKind.THREAD_STACK,
        RegionKind.THREAD_STACK,
    ]


def test_a_reservation_makes_no_stack_even_where_none_is_marked():
    """V8's code range (node 20): MAP_NORESERVE, which no C library asks for a stack."""
    assert kinds(
        (A, 4 * KIB, "---p", "", 0, 0, "mr mw me dc nr"),
        (A + 4 * KIB, 240 * KIB, "rwxp", "", 12, 12, "rd wr ex mr mw me dc nr"),
    ) == [RegionKind.GUARD, RegionKind.PLAIN_ANONYMOUS]


def test_stacks_without_guards_are_known_by_the_mark_and_have_merged():
    regions = classify(layout((A, 11 * MIB, "rw-p", "", 88, 88, STACK_FLAGS)))
    assert regions.kinds.tolist() == [RegionKind.THREAD_STACK]
    assert regions.guardless_stacks.tolist() == [True]
    guarded = layout(
        (A, 4 * KIB, "---p", "", 0, 0, "mr mw me nh"),
        (A + 4 * KIB, MIB, "rw-p", "", 8, 8, STACK_FLAGS),
        (2 * A, 2 * MIB, "rw-p", "", 8, 8, STACK_FLAGS + " gu"),
    )
    assert classify(guarded).guardless_stacks.tolist() == [False] * 3


@pytest.mark.parametrize(
    ("perms", "name", "flags"),
    [
        ("rw-p", "", STACK_FLAGS + " nr"),
        ("r--p", "", "rd mr mw me nh"),
        ("rw-p", "[anon: Go: heap]", STACK_FLAGS),
    ],
)
def test_the_mark_alone_makes_no_stack_of_what_cannot_be_one(perms, name, flags):
    assert kinds((A, MIB, perms, name, 8, 8, flags)) == [RegionKind.PLAIN_ANONYMOUS]


def test_a_process_that_is_marked_as_a_whole_has_no_stacks_by_the_mark():
    assert kinds(
        (A, MIB, "rw-p", "", 8, 8, STACK_FLAGS),
        (2 * A, MIB, "rw-p", "[stack]", 8, 8, "rd wr mr mw me gd ac nh"),
    ) == [RegionKind.PLAIN_ANONYMOUS, RegionKind.MAIN_STACK]


@pytest.mark.parametrize("name", ["[stack:4711]", "[anon:stack_and_tls:4711]"])
def test_a_stack_that_has_a_name_is_one_and_so_is_its_guard(name):
    assert (
        kinds(
            (A, 4 * KIB, "---p", ""),
            (A + 4 * KIB, MIB, "rw-p", name, 8, 8, PLAIN_FLAGS),
            (2 * A, MIB, "rw-p", name, 8, 8, PLAIN_FLAGS),
        )
        == [RegionKind.THREAD_STACK] * 3
    )


@pytest.mark.parametrize("base", [0xC000000000, 0x4000000000], ids=["amd64", "arm64"])
def test_the_heap_of_go_is_no_arena_of_malloc(base):
    """Its first piece of 64 MiB looks like one (go 1.19): a place of its own tells it."""
    assert kinds(
        (base, 8 * MIB, "rw-p", "", 476, 476, PLAIN_FLAGS),
        (base + 8 * MIB, 56 * MIB, "---p", "", 0, 0, "mr mw me"),
        (A, 8 * MIB, "rw-p", "", 476, 476, PLAIN_FLAGS),
    ) == [
        RegionKind.ALLOCATOR_ARENA,
        RegionKind.ALLOCATOR_ARENA,
        RegionKind.PLAIN_ANONYMOUS,
    ]


def test_a_huge_page_mapping_and_device_memory_are_none_of_the_four():
    regions = classify(
        layout(
            (A, 2 * MIB, "rw-p", "", 0, 0, "rd wr ht"),
            (2 * A, MIB, "rw-s", "/x", 0, 0, "rd wr io pf"),
        )
    )
    assert regions.kinds.tolist() == [RegionKind.HUGETLB, RegionKind.DEVICE]
    assert set(regions.types.tolist()) == {MemoryType.OTHER}


def test_copied_pages_of_a_private_file_mapping_are_anonymous():
    regions = classify(layout((A, MIB, "rw-p", "/lib/x.so", 100, 60)))
    assert regions.bytes_by_type[MemoryType.PRIVATE_ANONYMOUS] == 60 * KIB
    assert regions.bytes_by_type[MemoryType.PRIVATE_FILE] == 40 * KIB


def test_of_another_kernel_the_types_add_up_to_rss_and_swap():
    for place in ("proc/26231/smaps",):
        found = smaps.parse((DATA / place).read_bytes())
        regions = classify(found)
        assert sum(regions.bytes_by_type.values()) == found.total("rss") + found.total("swap")
        assert sum(regions.virtual_by_kind.values()) == found.total("size")


def test_what_grew_is_found_by_overlap_whichever_end_moved():
    before = classify(layout((A, MIB, "rw-p", "", 1024), (2 * A, MIB, "rw-p", "[heap]", 512)))
    after = classify(
        layout((A - 3 * MIB, 4 * MIB, "rw-p", "", 4096), (2 * A, 2 * MIB, "rw-p", "[heap]", 1024),
               (3 * A, MIB, "rw-p", "/new", 0, 0))
    )  # fmt: skip
    found = {change.label: change for change in grown(before, after)}
    downwards = next(
        change for label, change in found.items() if label.startswith("plain anonymous")
    )
    assert (downwards.size_growth, downwards.footprint_growth, downwards.new) == (
        3 * MIB,
        3072 * KIB,
        False,
    )
    assert (found["[heap]"].size_growth, found["[heap]"].footprint_growth) == (MIB, 512 * KIB)
    assert found["/new"].new
