"""What the machine says of its memory beside meminfo: on this kernel, and on files of others."""

import ctypes
import os
from pathlib import Path

import pytest

from memlab.errors import Malformed, Unsupported
from memlab.procfs import (
    allocinfo,
    buddyinfo,
    kpage,
    meminfo,
    pagemap,
    pressure,
    printk,
    slabinfo,
    swaps,
    vm,
    vmallocinfo,
    zoneinfo,
)
from memlab.procfs.host import Host
from tests.waiting import until

PROC = Path(__file__).parent.parent / "data" / "proc"
HOST = Host()
PAGE = os.sysconf("SC_PAGE_SIZE")
# a CPU keeps up to 125 pages of a counter to itself (mm/vmstat.c, MAX_THRESHOLD)
BATCHES = 125 * PAGE * os.cpu_count()
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to read what is root's alone")


def text(name):
    return (PROC / name).read_bytes()


def test_three_ways_to_free_memory():
    def same():
        zones, blocks = zoneinfo.read(HOST).zones, buddyinfo.read(HOST)
        by_zone = sum(zone.free for zone in zones)
        by_block = sum(zone.bytes for zone in blocks)
        free = meminfo.read(HOST).mem_free
        machine = sum(zone.managed for zone in zones)
        # memory that is promised and not plugged in yet is in meminfo, and in no zone
        plugged = abs(machine - meminfo.read(HOST).mem_total) < machine // 100
        return abs(by_zone - by_block) <= 2 * BATCHES and (
            not plugged or abs(by_zone - free) <= 2 * BATCHES
        )

    assert until(same)


def test_zones_of_this_kernel():
    zones = zoneinfo.read(HOST).zones
    assert all(zone.min <= zone.low <= zone.high for zone in zones)
    assert all(zone.managed <= zone.present <= zone.spanned for zone in zones)
    assert all(zone.counters["nr_free_pages"] * PAGE == zone.free for zone in zones if zone.managed)
    assert {zone.name for zone in zones} >= {zone.zone for zone in buddyinfo.read(HOST)}
    cpus = {cpu["cpu"] for zone in zones for cpu in zone.per_cpu}
    assert len(cpus) >= os.cpu_count()


def test_buddyinfo_of_another_kernel():
    dma, dma32, normal = buddyinfo.parse(text("buddyinfo"), page_bytes=4096)
    assert (normal.node, normal.zone, normal.counts[0]) == (0, "Normal", 4381)
    assert dma.bytes == sum(count << 12 + order for order, count in enumerate(dma.counts))
    assert dma32.in_blocks_of(4096) == dma32.bytes > dma32.in_blocks_of(4 << 20)
    with pytest.raises(Malformed, match="cut"):
        buddyinfo.parse(text("buddyinfo").rstrip().rpartition(b" ")[0].rstrip() + b"\n")


def test_zoneinfo_of_another_kernel():
    found = zoneinfo.parse(text("zoneinfo"), page_bytes=4096)
    names = [(zone.node, zone.name) for zone in found.zones]
    assert names[:3] == [(0, "DMA"), (0, "DMA32"), (0, "Normal")]
    dma = found.zones[0]
    assert (dma.free, dma.min, dma.managed) == (3952 * 4096, 33 * 4096, 3956 * 4096)
    assert dma.protection == tuple(n * 4096 for n in (0, 2877, 7826, 7826, 7826))
    assert found.nodes[0]["nr_inactive_anon"] == 230981


def test_slabinfo_of_another_kernel():
    found = slabinfo.parse(text("slabinfo"), page_bytes=4096)
    assert found.version == "2.1"
    cache = found.caches[0]
    assert (cache.name, cache.active_objs, cache.num_objs, cache.objsize) == (
        "pid_3",
        375,
        532,
        576,
    )
    assert cache.bytes == cache.num_slabs * cache.pagesperslab * 4096
    assert found.bytes == sum(one.bytes for one in found.caches)


@root_only
def test_slab_caches_make_the_slab_of_meminfo():
    caches, machine = slabinfo.read(HOST), meminfo.read(HOST)
    # objects of more than two pages are in no cache, and merged or empty ones are counted late
    assert 0.5 * machine.slab < caches.bytes <= 1.1 * machine.slab


@root_only
def test_vmalloc_areas_make_the_vmalloc_of_meminfo():
    def same():
        pages = sum(area.bytes or 0 for area in vmallocinfo.read(HOST))
        return abs(pages - meminfo.read(HOST).vmalloc_used) <= BATCHES

    assert until(same)
    areas = vmallocinfo.read(HOST)
    assert any(area.caller and "+0x" in area.caller for area in areas)
    assert {"vmalloc"} <= frozenset().union(*(area.flags for area in areas))


def test_swaps_of_another_kernel_and_of_this():
    (area,) = swaps.parse(text("swaps"))
    assert (area.file, area.type, area.size, area.used, area.priority) == (
        "/dev/dm-2", "partition", 131068 * 1024, 176 * 1024, -2,
    )  # fmt: skip
    assert sum(area.size for area in swaps.read(HOST)) == (meminfo.read(HOST).swap_total or 0)
    odd = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/a\\040b\\012c file 8 0 -2\n"
    assert swaps.parse(odd)[0].file == "/a b\nc"


def test_pressure_of_another_kernel_and_of_this():
    found = pressure.parse(text("pressure/memory"))
    assert (found.some.avg10, found.some.total, found.full.avg300) == (0.1, 15, 4.95)
    if Path("/proc/pressure/memory").exists():
        here = pressure.read(HOST)
        assert 0 <= here.full.total <= here.some.total
    else:
        with pytest.raises(Unsupported, match="psi=1"):
            pressure.read(HOST)


def test_the_settings_of_this_machine():
    words = Path("/proc/sys/kernel/printk").read_text().split()
    levels = printk.read(HOST)
    assert [levels.console_loglevel, levels.default_message_loglevel] == [int(w) for w in words[:2]]
    settings = vm.read(HOST)
    assert settings.swappiness == int(Path("/proc/sys/vm/swappiness").read_text())
    assert settings.panic_on_oom in (0, 1, 2)
    everything = vm.read_all(HOST)
    assert len(everything) > 20
    for name, values in everything.items():
        assert Path(f"/proc/sys/vm/{name}").read_text().split() == [str(value) for value in values]
    assert everything["swappiness"] == (settings.swappiness,)
    assert len(everything["lowmem_reserve_ratio"]) > 1
    assert vm.read(Host(PROC)).swappiness is None  # a folder that has none


def test_allocinfo_by_its_documentation_and_where_it_is_not():
    """Text as lib/alloc_tag.c writes it; no kernel of Debian has it."""
    made = (
        b"allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n"
        b"           0        0 init/main.c:1314 func:do_initcalls\n"
        b"     4194304       64 drivers/leaky/leaky.c:42 [leaky] func:leak_some\n"
        b"       -4096        1 mm/slub.c:1 func:x accurate:no\n"
    )
    found = allocinfo.parse(made)
    assert found.version == "1.0"
    leaky = found.sites[1]
    assert (leaky.size, leaky.calls, leaky.file, leaky.line) == (
        4 << 20,
        64,
        "drivers/leaky/leaky.c",
        42,
    )
    assert (leaky.module, leaky.function) == ("leaky", "leak_some")
    assert (found.sites[2].size, found.sites[2].rest) == (-4096, "accurate:no")
    if not Path("/proc/allocinfo").exists():
        with pytest.raises(Unsupported, match=r"6\.10"):
            allocinfo.read(HOST)


@root_only
def test_a_page_of_ours_is_what_it_is():
    page = bytearray(b"x" * 4 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page)) + 2 * PAGE
    entry = pagemap.read(HOST, "self", address)
    if entry.pfn is None:
        pytest.skip("pagemap hides frames here")
    assert "anon" in kpage.read_flags(HOST, entry.pfn)
    assert kpage.read_count(HOST, entry.pfn) == 1
