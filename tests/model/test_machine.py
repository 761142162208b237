"""The ledger of a machine: nothing counted twice, on real meminfos and on made ones."""

from pathlib import Path

from memlab.errors import Denied
from memlab.model.machine import ProcessTotals, Unread, machine_ledger
from memlab.present.machine import machine_text
from memlab.procfs import meminfo, smaps_rollup
from memlab.procfs.meminfo import Meminfo
from memlab.procfs.statm import Statm
from memlab.procfs.vmstat import Vmstat

DATA = Path(__file__).parent.parent / "data" / "proc"
KIB = 1024


def test_a_real_machine_in_figures_taken_from_its_file_by_hand():
    text = (DATA / "meminfo").read_bytes()
    kb = {
        line.split(":")[0]: int(line.split()[1])
        for line in text.decode().splitlines()
        if line.strip()
    }
    ledger = machine_ledger(meminfo.parse(text))
    assert ledger["page cache"].bytes == (kb["Cached"] - kb["Shmem"]) * KIB
    named = (
        kb["MemFree"] + kb["AnonPages"] + kb["Cached"] + kb["Buffers"] + kb["Slab"] + kb["PageTables"]
        + kb["KernelStack"] + kb.get("Percpu", 0) + kb["HardwareCorrupted"]
        + kb["HugePages_Total"] * kb["Hugepagesize"] + kb["Zswap"]
    )  # fmt: skip
    assert kb["VmallocChunk"], "as before 4.4: VmallocUsed counts addresses, device memory too"
    assert ledger["vmalloc, without stacks"].bytes is None
    assert ledger.residual == (kb["MemTotal"] - named) * KIB


def test_what_overlaps_in_meminfo_counts_once():
    bare = Meminfo(mem_total=1000, mem_free=100, cached=0)
    full = Meminfo(
        mem_total=1000, mem_free=100, cached=300, shmem=120, buffers=7, swap_cached=50, slab=90,
        s_reclaimable=60, s_unreclaim=30, k_reclaimable=64, kernel_stack=16, vmalloc_used=40,
        percpu=5, cma_total=80, cma_free=30, unaccepted=20, anon_pages=200, page_tables=9,
        sec_page_tables=2, hugetlb=11,
    )  # fmt: skip
    assert machine_ledger(bare).residual == 900
    ledger = machine_ledger(full)
    # shmem is in cached, the stacks in vmalloc, the slab's reclaimable part in k_reclaimable
    assert ledger.residual == 1000 - (100 + 300 + 7 + 64 + 30 + 40 + 5 + 200 + 9 + 2 + 11)
    assert sum(ledger.parts.values()) == 1000
    assert "SwapCached" in ledger.clues[0]
    assert "CMA" in ledger.clues[1]


def test_addresses_of_an_old_kernel_are_no_memory():
    old = Meminfo(mem_total=1000, mem_free=100, vmalloc_used=700, vmalloc_chunk=5)
    assert machine_ledger(old)["vmalloc, without stacks"].bytes is None
    assert "VmallocUsed" in machine_text(machine_ledger(old))


def test_compressed_swap_is_counted_once_by_whichever_counter_sees_it():
    pool = Meminfo(mem_total=1 << 20, mem_free=0, zswap=8192)
    assert machine_ledger(pool)["compressed swap"].bytes == 8192
    counters = Vmstat({"nr_zspages": 5})
    assert machine_ledger(pool, counters)["compressed swap"].bytes == 5 * 4096


def test_shares_are_summed_and_who_may_not_be_read_is_counted():
    rollup = smaps_rollup.parse((DATA / "26231/smaps_rollup").read_bytes())
    refused = Unread(Denied("no"), Statm(9000, 5000, 2000, 0, 0))
    totals = ProcessTotals.of({1: rollup, 2: rollup, 3: refused, 4: Unread(Denied("no"), None)})
    assert (totals.readable, totals.pss) == (2, 2 * rollup["pss"])
    assert (totals.unread, totals.unread_anonymous, totals.unread_shared) == (2, 3000, 2000)
    assert (totals.pss_anon is None) == ("pss_anon" not in rollup.sizes)
    ledger = machine_ledger(Meminfo(mem_total=1000, mem_free=100, anon_pages=1), None, totals)
    assert "2 not: by statm" in machine_text(ledger)
