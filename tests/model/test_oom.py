"""Whom the kernel would choose, and where the memory was: computed from real reports, and held against them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.errors import Refused
from memlab.model import oom_badness
from memlab.model.oom_account import account
from memlab.model.oom_badness import Era, era_of, rank, weigh, worst
from memlab.model.oom_scores import Scored, scoreboard
from memlab.model.oom_verdict import judge, page_size, total_memory
from memlab.model.oom_words import gfp_flags, order_of
from memlab.procfs import oom_report
from memlab.procfs.oom.records import Row
from tests import oom_texts as real

KIB, MIB = 1024, 1 << 20
RAM = 1_000_000  # pages, so that a thousandth is a round number


def report(name):
    (found,) = oom_report.parse(real.text(name))
    return found


def points(row, era, total=RAM, adj=None):
    return weigh(row, era, total, 4096, adj).points


@pytest.mark.parametrize(
    ("version", "era"),
    [
        ((2, 6, 35), None), ((2, 6, 36), Era.PER_MILLE), ((3, 4, 113), Era.PER_MILLE),
        ((3, 5, 0), Era.PAGES_ROOT_ADJ), ((3, 13, 11), Era.PAGES_ROOT_ADJ),
        ((3, 14, 0), Era.PAGES_ROOT_SHARE), ((4, 16, 18), Era.PAGES_ROOT_SHARE),
        ((4, 17, 0), Era.PAGES), ((5, 8, 18), Era.PAGES), ((5, 9, 0), Era.SIGNED),
        ((6, 18, 44), Era.SIGNED),
    ],
)  # fmt: skip
def test_the_rule_goes_by_the_kernel(version, era):
    assert era_of(version) is era
    assert era is None or era.words


def test_each_era_weighs_as_its_source_does():
    user = Row(
        10, "u", uid=1000, rss=100_000, swapents=20_000, nr_ptes=300, nr_pmds=10, oom_score_adj=50
    )
    root = replace(user, uid=0)
    used = 100_000 + 20_000 + 310
    assert points(user, Era.PER_MILLE) == used // 1000 + 50
    assert points(root, Era.PER_MILLE) == used // 1000 + 50 - 30
    assert points(root, Era.PAGES_ROOT_ADJ) == used + (50 - 30) * 1000
    assert points(root, Era.PAGES_ROOT_SHARE) == used - used * 3 // 100 + 50 * 1000
    for era in (Era.PAGES, Era.SIGNED):
        assert points(root, era) == points(user, era) == used + 50 * 1000
    tables = replace(user, nr_ptes=None, nr_pmds=None, pgtables_bytes=310 * 4096)
    assert points(tables, Era.SIGNED) == points(user, Era.SIGNED)


def test_the_ends_of_the_scale():
    small = Row(10, "s", uid=1, rss=1, oom_score_adj=-999)
    assert [points(small, era) for era in Era] == [1, 1, 1, 1, 1 - 999_000]
    large = Row(10, "l", uid=1, rss=2 * RAM, oom_score_adj=1000)
    assert points(large, Era.PER_MILLE) == 1000
    assert points(large, Era.SIGNED) == 3 * RAM
    for era in Era:
        assert points(large, era, adj=-1000) is None
        assert points(replace(large, pid=1), era) is None  # init
    # with fewer than 1000 pages an adjustment is worth nothing
    assert points(large, Era.SIGNED, total=999) == 2 * RAM
    assert points(large, Era.PER_MILLE, total=0) == 1000


def test_equals_are_all_named_and_the_exempt_stand_last():
    rows = [Row(n, "x", rss=rss, oom_score_adj=adj) for n, rss, adj in
            [(2, 5, 0), (3, 9, 0), (4, 9, 0), (5, 99, -1000)]]  # fmt: skip
    ranked = rank([weigh(row, Era.SIGNED, RAM, 4096) for row in rows])
    assert [one.row.pid for one in ranked] == [3, 4, 2, 5]
    # the last of the table in late kernels: so they chose in all five ties that this machine had (6.18)
    assert [one.row.pid for one in worst(ranked, Era.SIGNED)] == [4, 3]
    assert [one.row.pid for one in worst(ranked, Era.PAGES)] == [3, 4]
    assert worst(ranked[3:], Era.SIGNED) == [] and worst([], Era.PAGES) == []


def test_of_equals_the_last_of_the_table_is_predicted():
    found = report(real.V1)
    row = found.rows[0]
    for pid, other in ((15597, (True, 15598)), (15600, (False, 15600))):
        twin = replace(row, pid=pid)
        rows = (twin, row) if pid < row.pid else (row, twin)
        judged = judge(replace(found, rows=rows))
        assert (judged.agrees, judged.predicted[0].row.pid) == other


@pytest.mark.parametrize(
    ("name", "victim", "total_bytes", "used"),
    [
        # by hand: 23376 + 0 + 487424 / 4096, 74398 + 638976 / 4096, 16557 + 176128 / 4096
        (real.V2, 183960, 100 * MIB, 23376 + 119), (real.GLOBAL, 574, 371856 * KIB, 74398 + 156),
        (real.V1, 15598, 64 * MIB, 16557 + 43), (real.TMPFS, 8387, 73744 * KIB, 2742 + 17),
    ],
)  # fmt: skip
def test_the_kernel_chose_as_predicted(name, victim, total_bytes, used):
    judged = judge(report(name))
    assert judged.agrees is True and judged.why_not is None
    (predicted,) = judged.predicted
    assert (predicted.row.pid, predicted.used) == (victim, used)
    assert judged.total.pages * judged.page_bytes == total_bytes
    assert judged.remarks == ()


def test_of_three_equals_the_kernel_took_the_last():
    judged = judge(report(real.EQUALS))
    assert [one.row.pid for one in judged.predicted] == [8379, 8378, 8377]
    assert judged.choice == (8379, "python") and judged.agrees is True


def test_tmpfs_outlives_every_victim():
    found = account(report(real.TMPFS), 4096)
    assert found.unmapped_shmem == found.shmem == 68608000
    rows = (replace(report(real.TMPFS).rows[0], rss_shmem=1000), *report(real.TMPFS).rows[1:])
    some = account(replace(report(real.TMPFS), rows=rows), 4096)
    assert some.unmapped_shmem == 68608000 - 1000 * 4096
    assert found.table_rss < found.shmem / 2


def test_what_cannot_be_predicted_says_why():
    assert "before 2.6.36" in judge(report(real.OLD)).why_not
    assert "oom_dump_tasks" in judge(report(real.NO_TABLE)).why_not
    lines = real.words(real.GLOBAL)
    without_ram = [line for line in lines if "pages RAM" not in line]
    (cut,) = oom_report.parse(real.dmesg(without_ram))
    assert "is cut off" in judge(cut).why_not
    (kill,) = oom_report.parse(real.dmesg(lines[-1:]))
    assert judge(kill).why_not and judge(kill).choice == (574, "hog")


def test_another_adj_sends_another():
    found = report(real.V1)
    for adj, dies in ((-1000, "sleep"), (-709, "oomleak"), (-710, "sleep"), (1000, "oomleak")):
        (one,) = judge(found, {15598: adj}).changed
        assert one.row.name == dies, adj
    assert judge(found, {15598: -1000, 15599: -1000}).changed == ()
    assert judge(found).changed is None
    with pytest.raises(Refused, match="process 4242 is not in the table"):
        judge(found, {4242: 0})


@pytest.mark.parametrize("name", [real.V1, real.V2, real.GLOBAL])
def test_the_adj_that_spares_is_the_highest_that_does(name):
    judged = judge(report(name))
    victim = judged.predicted[0]
    adj = oom_badness.least_adj_that_spares(
        victim, list(judged.ranked), judged.era, judged.total.pages, judged.page_bytes
    )
    pid = victim.row.pid
    assert [one.row.pid for one in judge(report(name), {pid: adj}).changed] != [pid]
    assert pid in [one.row.pid for one in judge(report(name), {pid: adj + 1}).changed]


def test_the_page_is_that_of_the_report():
    """A report whose sizes in kB are sixteen times as large, as of a kernel with pages of 64 KiB."""
    found = report(real.V1)
    assert page_size(found)[0] == 4096
    killed = replace(found.killed[0], total_vm=found.killed[0].total_vm * 16)
    assert page_size(replace(found, killed=(killed,)))[0] == 65536
    # what is no power of two is not believed
    killed = replace(killed, total_vm=found.rows[0].total_vm * 5000)
    assert page_size(replace(found, killed=(killed,))) == page_size(
        replace(found, killed=(), rows=())
    )
    assert "free lists" in page_size(report(real.NO_TABLE))[1]


def test_a_cgroup_s_memory_counts_the_swap_it_may_use():
    found = report(real.V2)  # no limit of swap
    assert total_memory(found, 4096).pages == 25600
    assert "does not tell" in total_memory(found, 4096).source
    assert total_memory(found, 4096, 10 * MIB).pages == 25600 + 2560
    full = report(real.V1)  # memory+swap has the limit of memory
    assert total_memory(full, 4096, 10 * MIB).pages == 16384
    memory, both, kmem = full.limits
    wider = replace(full, limits=(memory, replace(both, limit_kb=65536 + 4096), kmem))
    for machine, pages in ((None, 1024), (10 * MIB, 1024), (MIB, 256), (0, 0)):
        assert total_memory(wider, 4096, machine).pages == 16384 + pages
    assert total_memory(replace(wider, swap_kb={"Total swap": 400}), 4096).pages == 16384 + 100


def test_only_some_nodes_count_for_a_cpuset():
    found = report(real.GLOBAL)
    kill = {**found.kill, "constraint": "CONSTRAINT_CPUSET", "mems_allowed": "0-1"}
    zones = tuple((f"Node {n} DMA32", sizes) for n in (0, 1, 2) for _, sizes in found.zones)
    some = replace(found, constraint="CONSTRAINT_CPUSET", kill=kill, zones=zones)
    assert total_memory(some, 4096).pages == 2 * 392696 // 4
    assert judge(some).predicted
    assert "nodes" in judge(replace(some, zones=zones[:1])).why_not
    assert total_memory(replace(some, kill={**kill, "mems_allowed": "0-99999,x"}), 4096) is None


def test_a_release_that_is_cut_off_is_told_by_the_lines():
    for name, era in ((real.V1, Era.SIGNED), (real.GLOBAL, Era.SIGNED)):
        judged = judge(replace(report(name), version=None))
        assert judged.era is era and judged.agrees
        assert any("cut off" in remark for remark in judged.remarks)
    bare = replace(report(real.V1), version=None, kill={}, killed=(), killings=())
    assert judge(bare).era is Era.PAGES


def test_a_kernel_that_chose_otherwise_is_not_explained_away():
    found = report(real.V1)
    killed = replace(found.killings[0], pid=15599, comm="sleep")
    judged = judge(replace(found, killings=(killed,)))
    assert judged.agrees is False and "passes over" in judged.remarks[-1]
    assert (
        judge(replace(found, killings=(replace(killed, pid=7),))).agrees is None
    )  # not in the table
    asker = replace(killed, reason="Out of memory (oom_kill_allocating_task)")
    assert judge(replace(found, killings=(asker,))).agrees is None


def test_the_cgroup_s_account_adds_up():
    found = account(report(real.V1), 4096)
    assert found.whole == 64 * MIB and found.unexplained == 0
    assert found.outside == 272 * KIB and found.unmapped_shmem == 0
    other = account(report(real.V2), 4096)
    assert other.whole == 100 * MIB and other.unexplained == 198400
    assert other.shmem == 2297856 and other.table_shmem is None


def test_the_machine_s_account_adds_up():
    found = account(report(real.GLOBAL), 4096)
    sizes = {line.label: line.bytes for line in found.lines}
    assert sizes["slab, unreclaimable"] == 2549 * 4096 and sizes["kernel stacks"] == 8656 * KIB
    assert found.whole == 371856 * KIB
    assert sum(sizes.values()) + found.unexplained == found.whole
    # of 363 MiB the kernel lists all but its per-CPU areas, hashes and the like
    assert 0 < found.unexplained < 8 * MIB
    assert found.table_rss == sum(row.rss for row in report(real.GLOBAL).rows) * 4096


def test_a_mask_in_words():
    assert gfp_flags("0x1100cca(GFP_HIGHUSER_MOVABLE)", (5, 15, 0)) == ("GFP_HIGHUSER_MOVABLE",)
    assert gfp_flags("0x1201d2", (2, 6, 24)) == ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")
    assert gfp_flags("0x201da", (3, 2, 0)) == ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")
    assert gfp_flags("0xd0", (3, 10, 0)) == ("GFP_KERNEL",)
    assert (
        gfp_flags("0xd0", (4, 4, 0)) == gfp_flags("0x24201ca", None) == gfp_flags("x", None) == ()
    )
    assert order_of(report(real.V1)) == 0


def test_the_first_in_line_stands_first():
    rows = [Scored(pid, "x", 0, score, adj, rss, None, 10) for pid, score, adj, rss in
            [(1, 900, 0, 50), (2, 666, 0, 9), (3, 700, 0, 5), (4, 0, -1000, 99), (5, 666, 0, 10)]]  # fmt: skip
    board = scoreboard(rows, 1_000_000)
    assert [row.pid for row in board.rows] == [3, 5, 2, 1, 4]
    assert board.rows[0].used == 15
    assert board.adjustment(rows[3]) == -1_000_000


NUMBERS = st.one_of(st.none(), st.integers(0, 1 << 60))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.builds(Row, st.integers(0, 1 << 40), st.just("x"), uid=st.sampled_from([None, 0, 5]), rss=NUMBERS,
                       swapents=NUMBERS, pgtables_bytes=NUMBERS, oom_score_adj=st.integers(-5000, 5000)), max_size=8),
    st.sampled_from(list(Era)), st.integers(0, 1 << 60),
)  # fmt: skip
def test_points_never_fall_as_adj_grows(rows, era, total):
    for row in rows:
        found = [points(row, era, total, adj) for adj in (-1000, -999, 0, 7, 1000)]
        found = [-(1 << 90) if one is None else one for one in found]
        assert found == sorted(found)
    ranked = rank([weigh(row, era, total, 4096) for row in rows])
    for victim in worst(ranked, era):
        oom_badness.least_adj_that_spares(victim, ranked, era, total, 4096)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(real.NAMES),
    st.integers(0, 560),
    st.integers(0, 560),
    st.sampled_from(real.PREFIXES),
)
def test_any_cut_of_any_report_is_judged(name, first, last, prefixed):
    for found in oom_report.parse(prefixed(real.words(name)[first:last])):
        judged = judge(found)
        assert judged.predicted or judged.why_not
        account(found, judged.page_bytes)
