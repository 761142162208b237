"""What maps and the pages say of a mapping is what smaps says, or smaps is asked."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from memlab.errors import Denied, Unsupported
from memlab.model.occupancy import spans
from memlab.observe import occupancy
from memlab.procfs import maps, maps_table, page_scan, pagemap, smaps
from memlab.procfs.host import Host, Tee
from memlab.procfs.page_runs import Category
from tests.still_process import stop

pytestmark = pytest.mark.live

PAGE = 4096
# every second page is touched, so that nothing is all or nothing
KINDS = """
import mmap, os, sys
kept = []
def touch(area, step=8192):
    for at in range(0, len(area), step):
        area[at] = 1
    kept.append(area)
touch(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
touch(mmap.mmap(-1, 1 << 20))
read_only = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
kept.append((read_only, [read_only[at] for at in range(0, 1 << 20, 4096)]))
file = os.memfd_create("some")
os.ftruncate(file, 1 << 20)
touch(mmap.mmap(file, 1 << 20))
touch(mmap.mmap(file, 1 << 20, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
with open(sys.executable, "rb") as program:
    touch(mmap.mmap(program.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
"""
HUGE = """
area = mmap.mmap(-1, 8 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_HUGEPAGE)
touch(area, 3 << 20)
"""
GUARDS = """
area = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(102, 0, 65536)  # MADV_GUARD_INSTALL
touch_from = memoryview(area)[65536:]
touch_from[0] = 1
kept.append(touch_from)
"""
FORK = """
if os.fork():
    os.wait()
"""
DEVICE = """
with open("/dev/zero", "r+b", 0) as zero:
    touch(mmap.mmap(zero.fileno(), 65536, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
"""


@contextmanager
def process(*parts):
    code = KINDS + "".join(parts) + "\nprint('ready', flush=True)\nsys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if child.stdout.readline() != "ready\n":
            refused = child.communicate()[1].splitlines()[-1]
            assert parts, refused
            pytest.skip(f"this kernel: {refused}")
        stop(child.pid)
        yield child.pid
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGCONT)
            child.communicate()


class NoScan(Host):
    """A kernel before 6.7."""

    def scan(self, path, spans, any_of, returned):
        raise Unsupported("this kernel has no ioctl PAGEMAP_SCAN")


class OldScan(Host):
    """A kernel from 6.7 to 6.14: it refuses to tell guards."""

    def scan(self, path, spans, any_of, returned):
        if returned & Category.GUARD:
            raise Unsupported("EINVAL")
        return super().scan(path, spans, any_of, returned)


def has_scan():
    try:
        page_scan.read(Host(), "self", [(0x10000, 0x20000)])
    except Unsupported:
        return False
    return True


needs_scan = pytest.mark.skipif(not has_scan(), reason="needs PAGEMAP_SCAN (Linux 6.7)")


def same_as_smaps(look, pid):
    truth = smaps.read(Host(), pid)
    assert len(look.found.mappings.start) == len(truth) > 20
    for column in ("rss", "swap", "anonymous"):
        ours, theirs = getattr(look.found, column), truth.column(column)
        assert [truth.row(row) for row in np.flatnonzero(ours != theirs)] == [], column
    assert list(look.found.mappings.names) == list(truth.names)
    return look.source, look.why


@needs_scan
@pytest.mark.parametrize("more", [(), (HUGE,), (GUARDS,), (HUGE, GUARDS)])
def test_the_scan_says_what_smaps_says(more):
    with process(*more) as pid:
        assert same_as_smaps(occupancy.read(Host(), pid), pid) == ("PAGEMAP_SCAN", "")


@needs_scan
def test_a_recorded_scan_is_answered_again():
    with process() as pid:
        tee = Tee(Host())
        first = occupancy.read(tee, pid)
        again = occupancy.read(Host(tee.texts), pid)
    assert again.source == first.source == "PAGEMAP_SCAN"
    assert (again.found.rss == first.found.rss).all()


@needs_scan
def test_a_private_device_is_taken_from_smaps():
    with process(DEVICE) as pid:
        source, why = same_as_smaps(occupancy.read(Host(), pid), pid)
    assert (source, why) == ("smaps", "a device is mapped privately")


@needs_scan
def test_guards_that_look_like_swap_are_taken_from_smaps():
    with process(GUARDS) as pid:
        source, why = same_as_smaps(occupancy.read(OldScan(), pid), pid)
    assert source == "smaps"
    assert "guards" in why
    with process() as pid:
        assert same_as_smaps(occupancy.read(OldScan(), pid), pid)[0] == "PAGEMAP_SCAN"


def test_without_the_ioctl_pages_come_from_pagemap_or_from_smaps():
    with process() as pid:
        source, why = same_as_smaps(occupancy.read(NoScan(), pid), pid)
    assert source == "smaps"
    assert "zero pages" in why


@needs_scan
def test_pagemap_makes_the_same_runs_but_for_zero_pages():
    with process(HUGE) as pid:
        table = maps_table.read(Host(), pid)
        where = spans(table)
        scanned, entries = page_scan.read(Host(), pid, where), pagemap.read_runs(Host(), pid, where)
        for category in (Category.FILE, Category.SWAPPED, Category.PRESENT):
            ours = entries.within(table.start, table.end).bytes_of(entries.has(category))
            theirs = scanned.within(table.start, table.end).bytes_of(scanned.has(category))
            assert (ours == theirs).all()
        zero = scanned.within(table.start, table.end).bytes_of(scanned.has(Category.PFNZERO))
        doubtful = entries.within(table.start, table.end).bytes_of(entries.has(Category.MAYBE_ZERO))
        assert zero.sum() >= 1 << 20
        assert (doubtful >= zero).all()


@needs_scan
def test_pages_that_a_fork_shares_are_no_doubt_for_the_scan():
    with process(FORK) as pid:
        assert same_as_smaps(occupancy.read(Host(), pid), pid)[0] == "PAGEMAP_SCAN"


def test_a_table_of_maps_is_what_its_rows_are():
    text = Host().read("/proc/self/maps")
    table, rows = maps_table.parse(text), maps.parse(text)
    columns = (
        table.start,
        table.end,
        table.perms,
        table.offset,
        table.device,
        table.inode,
        table.names,
    )
    assert list(zip(*columns, strict=True)) == [tuple(vars(row).values()) for row in rows]
    assert table.private.tolist() == [row.perms[3] == "p" for row in rows]


def test_anothers_pages_are_denied():
    try:
        occupancy.read(Host(), 1)
    except Denied:
        return
    pytest.skip("this user may look into every process")
