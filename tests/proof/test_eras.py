"""Kernels of every era: what each prints, what it does not, and that the sums hold in its files too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memlab.errors import Unsupported
from memlab.model.compare import compare
from memlab.model.machine import machine_ledger
from memlab.model.memory import MemoryType, RegionKind
from memlab.model.occupancy import from_pages, spans
from memlab.model.pmap import pmap
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.what.recognise import explain as what
from memlab.model.why import explain
from memlab.observe import occupancy
from memlab.observe.files import open_recording, save_recording
from memlab.present.pmap import pmap_full_text, pmap_text
from memlab.procfs import (
    maps,
    maps_table,
    meminfo,
    numa_maps,
    page_scan,
    pagemap,
    smaps,
    smaps_rollup,
    stat,
    statm,
    status,
    swaps,
)
from memlab.procfs.host import Host, InstantTexts
from memlab.procfs.page_runs import Category

DATA = Path(__file__).parent.parent / "data"
ERAS = DATA / "proc" / "eras"
KINDS = ERAS / "linux-6.18-x86_64-kinds"
KIB, MIB = 1024, 1 << 20
WITHOUT_FLAGS = [ERAS / "linux-2.6.14-i386/smaps", DATA / "captures/app_server.smaps.txt"]
ALL = [
    *sorted(ERAS.glob("*/smaps")),
    DATA / "proc/26231/smaps",
    DATA / "captures/app_server.smaps.txt",
]


def name(path):
    return path.parent.name + "/" + path.name


def sample_of(folder, pid, page_bytes=4096):
    """An instant of what the folder has; meminfo and the like are the machine's."""
    files = {}
    for path in folder.iterdir():
        machine = path.name in ("meminfo", "swaps", "vmstat")
        files[f"/proc/{path.name}" if machine else f"/proc/{pid}/{path.name}"] = path.read_bytes()
    return Sample(0, pid, 1.0, 1.0, 0.0, 0.0, InstantTexts(files, page_bytes=page_bytes))


@pytest.fixture(scope="module")
def kinds():
    """One process with swap, huge pages of both sorts, KSM, lazily freed and locked memory, stopped."""
    return sample_of(KINDS, int((KINDS / "stat").read_text().split()[0]))


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_view_has_an_answer_for_every_era(path):
    text = path.read_bytes()
    found = smaps.parse(text)
    assert found.unknown == frozenset()
    sample = Sample(0, 7, 1.0, 1.0, 0.0, 0.0, InstantTexts({"/proc/7/smaps": text}))
    assert sample.regions.bytes_by_type.keys() >= {MemoryType.PRIVATE_ANONYMOUS}
    lines = pmap(sample).lines
    assert [line.size for line in lines] == found.column("size").tolist()
    assert len(pmap_text(pmap(sample)).splitlines()) == len(lines) + 4
    assert len(pmap_full_text(pmap(sample)).splitlines()) == len(lines) + 2
    assert compare(sample).questions
    assert what(text.decode()).unknown == ()


@pytest.mark.parametrize("folder", [KINDS, DATA / "proc/26231"], ids=lambda folder: folder.name)
def test_the_sums_of_smaps_are_those_of_its_rollup(folder):
    """Linux 6.18 and 4.19; all but Pss are whole pages, so nothing is rounded."""
    found = smaps.parse((folder / "smaps").read_bytes())
    sums = smaps_rollup.parse((folder / "smaps_rollup").read_bytes()).sizes
    rounded = {key for key in sums if key.startswith("pss") or key in ("swap_pss", "locked")}
    assert len(sums.keys() - rounded) >= 11
    for key, size in sums.items():
        if key not in rounded:
            assert found.total(key) == size, key
        elif key in found.sizes:
            assert 0 <= size - found.total(key) <= KIB * len(found), key


def test_status_smaps_and_statm_are_one_process(kinds):
    words, found = kinds.status, kinds.smaps
    assert words.vm_rss == words.rss_anon + words.rss_file + words.rss_shmem == found.total("rss")
    assert kinds.statm.resident == words.vm_rss
    assert words.vm_size == found.total("size") - 4096  # [vsyscall]
    assert words.hugetlb_pages == found.total("private_hugetlb") == 4 * MIB
    assert words.vm_lck == 64 * KIB
    # swapped shmem is in smaps and not in VmSwap
    assert found.total("swap") - words.vm_swap == 512 * KIB
    for path in ("ps.rss smaps.pss", "ps.vsz ps.rss", "smaps.rss rollup.rss", "top.res top.shr"):
        assert explain(kinds, *path.split()).residual == 0, path
    assert [m.start for m in maps.parse((KINDS / "maps").read_bytes())] == found.start.tolist()


def row_of(sample, **wanted):
    """The mapping in which these columns are not zero, and have these sizes."""
    found = [
        row
        for row in sample.smaps
        if all(getattr(row, key) == size for key, size in wanted.items())
    ]
    assert len(found) == 1, found
    return found[0]


def kind_of(sample, row):
    at = sample.smaps.start.tolist().index(row.start)
    return RegionKind(int(sample.regions.kinds[at])), MemoryType(int(sample.regions.types[at]))


def test_transparent_huge_pages(kinds):
    row = row_of(kinds, anon_huge_pages=6 * MIB)
    # five MiB were touched: the third huge page is whole all the same
    assert (row.size, row.rss, row.anonymous) == (8 * MIB, 6 * MIB, 6 * MIB)
    assert kind_of(kinds, row) == (RegionKind.PLAIN_ANONYMOUS, MemoryType.PRIVATE_ANONYMOUS)
    assert kinds.smaps.total("anon_huge_pages") == kinds.meminfo.anon_huge_pages


def test_hugetlb_is_in_no_rss(kinds):
    row = row_of(kinds, private_hugetlb=4 * MIB)
    assert (row.rss, row.pss, row.kernel_page_size) == (0, 0, 2 * MIB)
    assert kind_of(kinds, row)[0] is RegionKind.HUGETLB
    labels = [term.label for term in explain(kinds, "smaps.size", "smaps.rss").terms]
    assert "huge pages, which Rss leaves out" in labels
    assert (kinds.meminfo.huge_pages_total, kinds.meminfo.hugetlb) == (2, 4 * MIB)
    assert machine_ledger(kinds.meminfo)["huge pages set aside"].bytes == 4 * MIB


def test_swapped_pages_still_count_as_what_they_are(kinds):
    private, shared = row_of(kinds, swap=MIB), row_of(kinds, swap=512 * KIB)
    assert kind_of(kinds, shared) == (RegionKind.SHARED_ANONYMOUS, MemoryType.SHARED_ANONYMOUS)
    assert (shared.rss, shared.size) == (512 * KIB, MIB)
    assert kind_of(kinds, private)[1] is MemoryType.PRIVATE_ANONYMOUS
    assert kinds.regions.bytes_by_type[MemoryType.SHARED_ANONYMOUS] == MIB
    (area,) = swaps.parse((KINDS / "swaps").read_bytes())
    assert area.used == kinds.smaps.total("swap")
    assert area.size == kinds.meminfo.swap_total
    cells = {q.name: q.cells for q in compare(kinds).questions}["swap"]
    assert (cells["top"].bytes, cells["smem"].bytes, cells["free"].bytes) == (
        MIB,
        3 * MIB // 2,
        3 * MIB // 2,
    )


def test_merged_lazily_freed_and_locked_pages(kinds):
    merged = row_of(kinds, ksm=MIB)
    # 256 like pages are one, and each of their places counts as anonymous and resident
    assert (merged.rss, merged.anonymous) == (MIB, MIB)
    assert merged.pss < merged.rss and "mg" in merged.vm_flags
    freed = row_of(kinds, lazy_free=512 * KIB)
    assert freed.rss >= 512 * KIB
    locked = row_of(kinds, locked=64 * KIB)
    assert "lo" in locked.vm_flags


def test_numa_maps_counts_the_same_pages(kinds):
    """Huge pages of hugetlb are in numa_maps and not in Rss."""
    nodes = {row.start: row.bytes for row in numa_maps.parse((KINDS / "numa_maps").read_bytes())}
    for row in kinds.smaps:
        if row.name not in ("[vsyscall]", "[vdso]", "[vvar]", "[vvar_vclock]"):
            assert nodes[row.start] == row.rss + row.private_hugetlb, row


@pytest.mark.parametrize("path", WITHOUT_FLAGS, ids=name)
def test_without_vmflags_what_it_is_comes_from_the_header(path):
    found = smaps.parse(path.read_bytes())
    assert b"VmFlags" not in path.read_bytes()
    assert set(found.vm_flags) == {frozenset()}
    sample = Sample(0, 7, 1.0, 1.0, 0.0, 0.0, InstantTexts({"/proc/7/smaps": path.read_bytes()}))
    kinds = [RegionKind(int(kind)) for kind in sample.regions.kinds]
    expected = {
        "smaps": [RegionKind.FILE_TEXT] * 2,  # its data may be run too, as before NX
        "app_server.smaps.txt": [RegionKind.THREAD_STACK] * 2,
    }
    assert kinds == expected[path.name]


def test_before_pss_the_views_say_that_there_is_none():
    """2.6.14: six numbers a mapping; Pss came with 2.6.25, Swap with 2.6.26, Anonymous with 2.6.37."""
    text = WITHOUT_FLAGS[0].read_bytes()
    found = smaps.parse(text)
    assert list(found.sizes) == [
        "size",
        "rss",
        "shared_clean",
        "shared_dirty",
        "private_clean",
        "private_dirty",
    ]
    assert list(found.names) == [r"/home/user/b\012a\012:s:h"] * 2
    assert found.total("private_dirty") == 12 * KIB
    with pytest.raises(Unsupported, match="pss"):
        found.total("pss")
    sample = Sample(0, 7, 1.0, 1.0, 0.0, 0.0, InstantTexts({"/proc/7/smaps": text}))
    with pytest.raises(Unsupported, match="pss"):
        explain(sample, "smaps.rss", "smaps.pss")
    assert explain(sample, "smaps.rss", "smaps.uss").residual == 0
    row = next(q for q in compare(sample).questions if q.name == "proportional")
    assert {cell.missing for cell in row.cells.values()} == {"not here"}


def test_pages_of_64_kib(tmp_path):
    """ppc64le: sizes are multiples of 64 kB, and statm, stat and pagemap count in such pages.

    Beside the mappings of the post stand a statm and a stat line with their pages.
    """
    text = (ERAS / "linux-4.15-ppc64le/smaps").read_bytes()
    found, page = smaps.parse(text), 65536
    whole = ("size", "rss", "private_dirty", "shared_clean", "anonymous")
    assert all((found.column(key) % page == 0).all() for key in whole)
    assert set(found.column("kernel_page_size").tolist()) == {page}
    size, resident = (found.total(key) // page for key in ("size", "rss"))
    line = [b"0"] * 50
    line[20], line[21] = b"%d" % found.total("size"), b"%d" % resident
    files = {
        "/proc/7/smaps": text,
        "/proc/7/statm": b"%d %d 31 2 0 9 0\n" % (size, resident),
        "/proc/7/stat": b"7 (sed) R " + b" ".join(line[1:]) + b"\n",
    }
    sample = Sample(0, 7, 1.0, 1.0, 0.0, 0.0, InstantTexts(files, page_bytes=page))
    header = Header(target={"pid": 7}, host={"page_bytes": page, "machine": "ppc64le"})
    save_recording(Recording(header, (sample,)), tmp_path / "run.tar.gz")
    (again,) = open_recording(tmp_path / "run.tar.gz")
    for one in (sample, again):  # on a machine with other pages too
        assert one.statm.size == one.stat.vsize == found.total("size")
        assert one.statm.resident == one.stat.rss == found.total("rss")
    ours = replace(sample, texts=InstantTexts(files))
    assert ours.statm.size == size * Host().page_bytes


def test_a_pagemap_of_64_kib_pages():
    """Two pages of [heap] of the post, the second of them in swap, by the entries of pagemap.rst."""
    page, start = 65536, 0x2CBB0000
    entries = np.zeros(3, dtype=np.uint64)
    entries[0], entries[1] = 1 << 63 | 1 << 56 | 0x1234, 1 << 62 | 5 << 5 | 1
    texts = InstantTexts(page_bytes=page)

    class Pagemap(Host):
        def read_at(self, path, offset, size):
            assert (path, offset % 8) == ("/proc/7/pagemap", 0)
            first = offset // 8 - start // page
            return entries[first : first + size // 8].tobytes()

    host = Pagemap(texts)
    assert pagemap.read(host, 7, start + 65535).pfn == 0x1234
    assert pagemap.read(host, 7, start + 65536).swap == (1, 5)
    runs = pagemap.read_runs(host, 7, [(start, start + 3 * page)])
    for category, size in ((Category.PRESENT, page), (Category.SWAPPED, page), (Category.FILE, 0)):
        rows = runs.has(category)
        assert int((runs.end[rows] - runs.start[rows]).sum()) == size
    assert (int(runs.start[0]), int(runs.end[-1])) == (start, start + 2 * page)


def test_what_a_kernel_to_come_will_print():
    """A number, a number without unit, a flag and a line of words that no kernel has yet: kept, and named."""
    more = b"Cold_Pages:           12 kB\nHotness:               7\nTier:           slow\n"
    whole = (KINDS / "smaps").read_bytes()
    new = whole.replace(b"VmFlags: ", more + b"VmFlags: zq ")
    found, old = smaps.parse(new), smaps.parse(whole)
    changed = new.count(b"Cold_Pages")
    assert changed > 0
    assert found.unknown >= {"cold_pages", "hotness", "tier"}
    assert found.total("rss") == old.total("rss")
    sample, before = (
        Sample(0, 7, 1.0, 1.0, 0.0, 0.0, InstantTexts({"/proc/7/smaps": text}))
        for text in (new, whole)
    )
    assert sample.regions.bytes_by_type == before.regions.bytes_by_type
    assert sample.regions.virtual_by_kind == before.regions.virtual_by_kind
    grown = status.parse((KINDS / "status").read_bytes() + b"VmCold:\t      12 kB\n")
    assert grown.unknown == {"vm_cold"} and grown.others["vm_cold"] == "12 kB"
    machine = meminfo.parse(
        (KINDS / "meminfo").read_bytes() + b"ColdPages:      12 kB\nColdCount:  3\n"
    )
    assert machine.unknown == {"cold_pages": 12 * KIB, "cold_count": 3}
    rollup = smaps_rollup.parse((KINDS / "smaps_rollup").read_bytes() + more.split(b"Hotness")[0])
    assert rollup["cold_pages"] == 12 * KIB


def test_the_stat_line_of_an_old_kernel_lacks_its_last_fields():
    """39 of the 52 fields, as 2.6.0 printed them."""
    words = (KINDS / "stat").read_bytes().split(b" ")
    old = stat.parse(b" ".join(words[:39]) + b"\n")
    assert (old.vsize, old.start_brk) == (19951616, None)
    assert statm.parse(b"4871 18446744073709551615 291 120 0 4443 0\n").resident == 0


# maps, PAGEMAP_SCAN and smaps of one stopped process each, recorded while the machine had swap
SCANNED = DATA / "recordings"


def scanned(which):
    (sample,) = open_recording(SCANNED / f"linux-6.18-{which}.tar.gz")
    return sample


def test_the_scan_says_what_smaps_says_of_swapped_merged_and_huge_pages():
    """1 MiB in swap, 1 MiB merged by KSM or about to be, 6 MiB in huge pages, lazily freed and locked ones."""
    sample = scanned("swapped")
    look = occupancy.read(sample.host, sample.pid)
    assert (look.source, look.why) == ("PAGEMAP_SCAN", "")
    truth = sample.smaps
    assert truth.total("swap") == MIB and truth.total("anon_huge_pages") == 6 * MIB
    for column in ("rss", "swap", "anonymous"):
        assert getattr(look.found, column).tolist() == truth.column(column).tolist(), column
    assert list(look.found.mappings.names) == list(truth.names)


@pytest.mark.parametrize(
    ("which", "why"),
    [("swapped-shmem", "shared memory may be in swap"), ("hugetlb", "there may be hugetlb pages")],
)
def test_what_the_scan_cannot_tell_is_taken_from_smaps(which, why):
    sample = scanned(which)
    look = occupancy.read(sample.host, sample.pid)
    assert (look.source, look.why) == ("smaps", why)
    for column in ("rss", "swap", "anonymous"):
        assert getattr(look.found, column).tolist() == sample.smaps.column(column).tolist(), column


def test_and_without_the_doubt_it_would_have_been_wrong():
    """So the doubt is no mere caution: the pages of shmem in swap are in no scan, hugetlb's are in no Rss."""
    for which, column in (("swapped-shmem", "swap"), ("hugetlb", "rss")):
        sample = scanned(which)
        table = maps_table.read(sample.host, sample.pid)
        pages = page_scan.read(sample.host, sample.pid, spans(table))
        naive = getattr(from_pages(table, pages), column)
        assert naive.tolist() != sample.smaps.column(column).tolist()
