"""Why two figures differ: every pair of them, on a process that holds still, to the last byte."""

import os
import re
from itertools import pairwise, permutations

import pytest

from memlab.errors import Denied, MemlabError
from memlab.lab.experiment import start
from memlab.model.machine import machine_ledger
from memlab.model.readings import canonical, figure
from memlab.model.steps import STEPS, batch_bound
from memlab.model.why import CHAIN, FIGURES, explain, explain_chain
from memlab.present.why import why_text
from memlab.procfs import zoneinfo
from tests.model.views import MIB, STAT_V2, group_of_version_2, whole, with_texts
from tests.still_process import still_process
from tests.waiting import until

pytestmark = pytest.mark.live
FIELDS = sorted({canonical(name) for name in FIGURES})
# counted in batches: what these differ by from their neighbours is bounded, not nothing
LATE = {"stat.rss", "statm.resident", "status.vmrss"}
MACHINES = {"cgroup.usage", "free.used"}


@pytest.fixture(scope="module")
def sample():
    with still_process() as pid:
        yield whole(pid)


def tellable(sample):
    """The figures that this machine has."""
    found = []
    for name in FIELDS:
        try:
            figure(sample, name)
        except MemlabError:
            assert name == "cgroup.usage"  # all others every kernel has since 4.14
        else:
            found.append(name)
    return found


def test_between_any_two_figures_there_is_a_way_that_adds_up(sample):
    for one, other in permutations(tellable(sample), 2):
        found = explain(sample, one, other)
        assert (
            found.start.bytes + sum(term.bytes for term in found.terms) + found.residual
            == found.end.bytes
        )
        assert found.residual == sum(step.residual for step in found.steps)
        assert (found.steps[0].start, found.steps[-1].end) == (found.start, found.end)
        for before, after in pairwise(found.steps):
            assert before.end == after.start


def test_the_way_back_is_the_same_way(sample):
    for one, other in permutations(tellable(sample), 2):
        there, back = explain(sample, one, other), explain(sample, other, one)
        assert there.residual == -back.residual
        if len(there.steps) == 1:
            assert {(t.label, t.bytes) for t in there.terms} == {
                (t.label, -t.bytes) for t in back.terms
            }


def test_what_comes_out_of_one_text_leaves_nothing_over(sample):
    """And of a process that is stopped, neither do two texts, but for what is counted in batches."""
    for pair in STEPS:
        if MACHINES & set(pair):
            continue
        (step,) = explain(sample, *pair).steps
        if not step.slack:
            assert step.residual == 0, pair
        elif pair == ("smaps.pss", "rollup.pss"):
            most = int(re.search(r"below ([\d,]+) kB", step.slack)[1].replace(",", ""))
            assert 0 <= step.residual <= 1024 * most
        elif "in batches" in step.slack:
            assert LATE & set(pair)
            assert abs(step.residual) <= batch_bound(sample), pair
            assert f"at most {batch_bound(sample) // 1024:,} kB here" in step.slack
        else:
            assert step.residual == 0, pair


def test_a_residual_is_shown_and_not_absorbed(sample):
    """Bend one number of one text: the difference stands in the residual, to the byte."""
    path = f"/proc/{sample.pid}/statm"
    words = sample.texts.files[path].split(b" ")
    words[0] = b"%d" % (int(words[0]) + 3)
    bent = with_texts(sample, {path: b" ".join(words)})
    before, after = (explain(one, "top.virt", "pidstat.vsz") for one in (sample, bent))
    assert (before.residual, after.residual) == (0, -3 * 4096)
    assert "-            12    residual" in why_text(after)
    first, second = sample.reading("statm"), sample.reading("stat")
    (step,) = (one for one in explain(sample, "top.virt", "pidstat.vsz").steps)
    assert step.apart == first[0] - second[1] > 0  # stat is read first
    assert explain(sample, "smaps.rss", "smaps.pss").steps[0].apart is None


def test_the_printed_column_adds_up(sample):
    for names in (
        CHAIN,
        ("ps.vsz", "ps.rss"),
        ("pmap.total", "smem.uss"),
        ("smem.pss", "free.used"),
    ):
        text = why_text(explain_chain(sample, names))
        assert (", in B" in text) == any(
            term.bytes % 1024 for step in explain_chain(sample, names).steps for term in step.terms
        )
        total = None
        for line in text.splitlines()[2:-2]:
            row = re.match(r"([-+= ]) +([\d,]+)  ", line)
            if row is None:
                continue  # a source that goes on
            amount = int(row[2].replace(",", ""))
            if total is None:
                total = amount
            elif row[1] == "=":
                assert amount == total, line
            else:
                total += amount if row[1] == "+" else -amount


def test_the_same_field_by_two_names_needs_no_way(sample):
    found = explain(sample, "pidstat.vsz", "vsz")
    assert (found.steps, found.residual) == ((), 0)
    assert "the same field" in why_text(found)


def test_a_name_that_is_none_lists_those_that_are(sample):
    with pytest.raises(MemlabError, match=r"'rss' is no figure") as raised:
        explain(sample, "rss", "smaps.pss")
    assert all(name in str(raised.value) for name in FIGURES)
    assert canonical("PS.RSS") == "status.vmrss"


def test_what_everybody_may_read_is_enough_where_smaps_is_denied(sample):
    poor = with_texts(sample, refused=[f"/proc/{sample.pid}/smaps"])
    for names in (("ps.rss", "ps.vsz"), ("top.virt", "top.res"), ("ps.vsz", "pidstat.rss")):
        found = explain(poor, *names)
        assert found.start.bytes + sum(t.bytes for t in found.terms) + found.residual == (
            found.end.bytes
        )
        assert any("not in memory" in term.label for term in found.terms)
        assert any(term.source.startswith("smaps") for term in explain(sample, *names).terms)
    with pytest.raises(Denied):
        explain(poor, "ps.rss", "smem.pss")


def test_what_was_denied_is_said(sample):
    blind = with_texts(sample, refused=[f"/proc/{sample.pid}/smaps"])
    assert (
        explain(blind, "ps.rss", "top.res").residual
        == explain(sample, "ps.rss", "top.res").residual
    )
    with pytest.raises(Denied, match="smaps may not be read"):
        explain(blind, "ps.rss", "smaps.pss")


def test_a_group_of_version_2_by_hand(sample):
    """Each line of memory.stat once: file holds shmem, kernel holds stacks and page tables."""
    known = with_texts(sample, group_of_version_2(sample.pid))
    found = explain(known, "ps.rss", "cgroup.usage")
    # anon + file + kernel + sock + hugetlb
    charged = sum(STAT_V2[name] for name in ("anon", "file", "kernel", "sock", "hugetlb"))
    assert found.residual == 75 * MIB - charged == MIB
    words = sample.status
    assert [term.bytes for term in found.terms] == [
        -words.rss_file, -words.rss_shmem, 40 * MIB - words.rss_anon, 20 * MIB, 5 * MIB, 3 * MIB, 2 * MIB, 4 * MIB,
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a group of its own")
def test_a_file_on_tmpfs_is_in_the_group_and_in_no_rss():
    """The leaker wrote 24 MiB that no RSS shows; its group is charged for them, and the terms say so.

    A CPU keeps a stock of 64 charged pages, and a node's statistics lag by as much (mm/memcontrol.c,
    MEMCG_CHARGE_BATCH); four of them for the four terms. They are flushed every 2 s: so ask again.
    """
    batches = 4 * 64 * 4096 * os.cpu_count()
    with start("tmpfs", paused=True, cap="64MiB") as leaker:
        before = explained(leaker)
        leaker.step(96)
        written = leaker.ledger[-1]["leaked_bytes"]

        def told():
            found = explained(leaker)
            moved = found["cgroup.usage"] - before["cgroup.usage"]
            shared = found["shared memory and tmpfs of the group"] - before.get(
                "shared memory and tmpfs of the group", 0
            )
            close = abs(moved - written) <= batches + MIB and abs(shared - written) <= batches
            return close and abs(found["residual"]) <= batches and found

        found = until(told)
        assert written >= 16 * MIB
        assert found["ps.rss"] - before["ps.rss"] < MIB


def explained(leaker):
    """Terms by label, both ends, the residual."""
    found = explain(whole(leaker.pid), "ps.rss", "cgroup.usage")
    terms = {term.label: term.bytes for term in found.terms}
    return terms | {
        "ps.rss": found.start.bytes,
        "cgroup.usage": found.end.bytes,
        "residual": found.residual,
    }


def test_the_machines_residual_is_that_of_its_ledger(sample):
    """Two ways to what nothing explains, from one text.

    The ledger takes the page cache from Cached and Buffers, free.used from the file LRU lists: these two
    differ by file pages that are on no list just now, or that are locked.
    """
    machine = sample.meminfo
    ledger = machine_ledger(machine, sample.vmstat, None, zoneinfo.read(sample.host))
    lists = machine.active_file + machine.inactive_file
    cache = machine.cached - machine.shmem + machine.buffers
    elsewhere = sum(
        ledger[name].bytes or 0
        for name in ("compressed swap", "graphics", "copies under way", "broken pages")
    )
    found = explain(sample, "ps.rss", "free.used")
    assert found.residual == ledger.residual + elsewhere + cache - lists
    assert any("lists of the CPUs" in term.label for term in found.terms)
