"""The kernel's memory on a machine, of samples whose truth is known: the nearest name is told, and once."""

from __future__ import annotations

import pytest

from memlab.diagnose.machine import diagnose_machine
from memlab.model.diagnosis import Verdict
from memlab.model.memory import Pattern
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.procfs.host import Call, InstantTexts

KIB, MIB = 1 << 10, 1 << 20
INSTANTS = 30
MEMINFO = """MemTotal: 8000000 kB
MemFree: {free} kB
MemAvailable: {available} kB
Cached: {cached} kB
Dirty: {dirty} kB
SReclaimable: {reclaimable} kB
SUnreclaim: {slab} kB
KReclaimable: {reclaimable} kB
KernelStack: {stacks} kB
PageTables: {tables} kB
VmallocUsed: {vmalloc} kB
Percpu: {percpu} kB
"""
SLABINFO = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
"""
CACHE = "{name} {objects} {objects} 4096 8 8 : tunables 0 0 0 : slabdata {slabs} {slabs} 0\n"
MESSAGES = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"  # noqa: E501
QUEUE = "{key} {msqid} 600 {bytes} {count} {lspid} {lrpid} 0 0 0 0 100 0 90\n"
AREA = "0xffffc900{n:08x}-0xffffc900{n:08x} {size} {caller}+0x12/0x80 pages={pages} vmalloc N0={pages}\n"
STATUS = """Name:\t{name}
State:\t{state}
Pid:\t{pid}
PPid:\t{ppid}
Uid:\t0\t0\t0\t0
Gid:\t0\t0\t0\t0
VmRSS:\t    4000 kB
VmPTE:\t      {tables} kB
Threads:\t{threads}
"""


class Made:
    """A machine whose parts are functions of the instant."""

    def __init__(self, **lines):
        self.lines = lines  # kB of meminfo at each instant, from the start
        self.caches, self.queues, self.areas, self.processes = {}, [], {}, {}
        self.reclaimable, self.groups, self.negative = set(), None, None

    def of(self, name, n, base=100_000):
        grown = self.lines.get(name)
        return base + (grown(n) if grown else 0)

    def meminfo(self, n):
        parts = {
            name: int(self.of(name, n))
            for name in ("cached", "dirty", "reclaimable", "slab", "stacks", "tables", "percpu")
        }
        vmalloc = int(self.of("vmalloc", n))
        free = 7_000_000 - sum(parts.values()) + parts["dirty"] - vmalloc
        fell = int(self.of("nowhere", n, 0)) + sum(
            int(self.of(name, n, 0)) for name in ("slab", "stacks", "tables", "vmalloc", "percpu")
        )
        free -= int(self.of("nowhere", n, 0))
        return MEMINFO.format(
            free=free, available=6_000_000 - fell, vmalloc=vmalloc + parts["stacks"], **parts
        )

    def sample(self, n):
        files = {"/proc/meminfo": self.meminfo(n)}
        if self.caches:
            files["/proc/slabinfo"] = SLABINFO + "".join(
                CACHE.format(name=name, objects=8 * int(slabs(n)), slabs=int(slabs(n)))
                for name, slabs in self.caches.items()
            )
            for name in self.caches:
                answer = "1" if name in self.reclaimable else "0"
                files[f"/sys/kernel/slab/{name}/reclaim_account"] = answer
        if self.negative:
            files["/proc/sys/fs/dentry-state"] = f"90000\t80000\t45\t0\t{1 + self.negative(n)}\t0\n"
        if self.groups:
            count = int(self.groups(n))
            files["/proc/cgroups"] = (
                f"#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t{count}\t1\n"
            )
        files["/proc/sysvipc/msg"] = MESSAGES + "".join(
            QUEUE.format(**{**queue, "bytes": int(queue["bytes"](n)), "count": n})
            for queue in self.queues
        )
        if self.areas:
            files["/proc/vmallocinfo"] = "".join(
                AREA.format(n=4096 * k, size=4 * 4096, caller=caller, pages=3)
                for caller, count in self.areas.items()
                for k in range(int(count(n)))
            )
        calls = []
        if self.processes:
            there = [pid for pid, one in self.processes.items() if n >= one.get("since", 0)]
            calls.append(Call("listdir", "/proc", [str(pid) for pid in there]))
            for pid in there:
                one = self.processes[pid]
                got = {key: one[key](n) if callable(one[key]) else one[key] for key in one}
                files[f"/proc/{pid}/status"] = STATUS.format(
                    name=got["name"], pid=pid, ppid=got.get("ppid", 1), state=got.get("state", "S (sleeping)"),
                    tables=got.get("tables", 40), threads=got.get("threads", 1),
                )  # fmt: skip
                folder = {"size_bytes": got.get("descriptors", 3), "allocated_bytes": 0}
                folder |= {"device": "0:5", "inode": 1, "links": 2, "mode": 0o40500}
                calls.append(Call("stat", f"/proc/{pid}/fd", folder))
        texts = InstantTexts({path: text.encode() for path, text in files.items()}, calls)
        return Sample(n, 1, n / 2, n / 2, 0.0, 0.0, texts)

    def judged(self):
        header = Header(target={"machine": "made", "pid": 0}, host={"cpus": 2, "page_bytes": 4096})
        return diagnose_machine(Recording(header, tuple(map(self.sample, range(INSTANTS)))))


def queue(msqid=7, key=0x1234, lspid=50, lrpid=0, bytes_=lambda n: 512 * KIB * n):
    return {"msqid": msqid, "key": key, "lspid": lspid, "lrpid": lrpid, "bytes": bytes_}


def test_a_queue_is_told_with_its_sender_and_holds_the_cache_and_the_line():
    made = Made(slab=lambda n: 512 * n)
    made.queues = [queue()]
    made.caches = {"kmalloc-cg-4k": lambda n: 10 + 16 * n, "steady": lambda n: 100}
    made.processes = {50: {"name": "sender"}}
    found = made.judged()
    (finding,) = found.findings
    assert (
        finding.where
        == "System V message queue msqid 7 (key 0x00001234), last sent to by sender (pid 50)"
    )
    said = " ".join(finding.evidence)
    assert "slab cache kmalloc-cg-4k grew by" in said
    assert "the kernel's slab, not reclaimable grew by" in said
    assert "ipcs -q -i 7" in finding.next and finding.next.endswith("-p 50")


def test_nobody_is_traced_who_has_ended():
    made = Made()
    made.queues = [queue(lspid=51)]
    made.processes = {50: {"name": "another"}}
    (finding,) = made.judged().findings
    assert "pid 51, which had ended" in finding.where
    assert "ipcrm -q 7" in finding.next and "-p 51" not in finding.next


def test_queues_of_two_senders_are_two():
    made = Made()
    made.queues = [
        queue(),
        queue(8, 0, 60, bytes_=lambda n: 64 * KIB * n),
        queue(9, 0, 61, bytes_=lambda n: 4 * KIB),
    ]
    made.processes = {
        pid: {"name": name} for pid, name in ((50, "fast"), (60, "slow"), (61, "still"))
    }
    senders = [finding.where.rpartition(" by ")[2] for finding in made.judged().findings]
    assert senders == ["fast (pid 50)", "slow (pid 60)"]


def test_a_line_is_laid_to_whose_growth_it_has():
    made = Made(slab=lambda n: 160 * n)
    small, large = queue(8, 0, 60, bytes_=lambda n: 150 * KIB * n), queue()
    made.queues = [large, small]
    made.processes = {50: {"name": "fast"}, 60: {"name": "slow"}}
    fast, slow = made.judged().findings
    assert not any("slab, not reclaimable grew" in line for line in fast.evidence)
    assert any("slab, not reclaimable grew" in line for line in slow.evidence)


def test_a_cache_that_grows_at_other_times_than_the_queue_is_told_too():
    made = Made(slab=lambda n: 512 * n + (8_000 if n > 14 else 100 * n))
    made.queues = [queue()]
    made.caches = {
        "kmalloc-cg-4k": lambda n: 10 + 16 * n,
        "driver": lambda n: 10 + (n * n * n) // 20,
    }
    where = {finding.where for finding in made.judged().findings}
    assert where == {
        "System V message queue msqid 7 (key 0x00001234), last sent to by pid 50",
        "slab cache driver",
    }


def test_who_asked_vmalloc_is_named_and_stacks_of_threads_are_none_of_its_callers():
    made = Made(vmalloc=lambda n: 12 * 40 * n, stacks=lambda n: 16 * 20 * n)
    made.areas = {
        "leak_vmalloc": lambda n: 40 * n,
        "kernel_clone": lambda n: 100 + 20 * n,
        "once": lambda n: 5,
    }
    made.processes = {70: {"name": "server", "threads": lambda n: 4 + 20 * n}}
    found = {finding.where: finding for finding in made.judged().findings}
    assert set(found) == {
        "vmalloc memory that the kernel's function leak_vmalloc asked for",
        "server (pid 70): threads",
    }
    areas, threads = found.values() if "vmalloc" in next(iter(found)) else reversed(found.values())
    assert any("the kernel's vmalloc, without stacks grew by" in line for line in areas.evidence)
    assert any("the kernel's kernel stacks grew by" in line for line in threads.evidence)
    assert threads.pattern is Pattern.THREAD_STACK and threads.unit == "threads"
    assert "grep leak_vmalloc /proc/vmallocinfo" in areas.next


def test_page_tables_are_told_with_their_process():
    made = Made(tables=lambda n: 256 * n)
    made.processes = {
        80: {"name": "sparse", "tables": lambda n: 40 + 256 * n},
        81: {"name": "other"},
    }
    (finding,) = made.judged().findings
    assert (finding.where, finding.pattern) == ("sparse (pid 80): page tables", Pattern.PAGE_TABLE)
    assert any("the kernel's page tables grew by" in line for line in finding.evidence)


@pytest.mark.parametrize(
    ("state", "words"), [("Z (zombie)", "zombies"), ("S (sleeping)", "children that live")]
)
def test_children_are_told_with_their_parent_dead_or_alive(state, words):
    made = Made()
    made.processes = {90: {"name": "parent"}}
    made.processes |= {
        1000 + n: {"name": "child", "ppid": 90, "state": state, "since": n} for n in range(INSTANTS)
    }
    (finding,) = made.judged().findings
    assert (finding.where, finding.pattern) == (f"parent (pid 90): {words}", Pattern.PROCESS)


def test_descriptors_are_counted_also_where_nobody_may_see_them():
    made = Made()
    made.processes = {
        95: {"name": "opener", "descriptors": lambda n: 3 + 4 * n},
        96: {"name": "other"},
    }
    (finding,) = made.judged().findings
    assert (finding.where, finding.pattern) == ("opener (pid 95): open descriptors", Pattern.FD)
    assert finding.bytes == 4 * (INSTANTS - 1) and finding.unit == "descriptors"


def test_who_was_started_meanwhile_may_still_be_setting_up():
    made = Made()
    made.processes = {
        95: {"name": "young", "descriptors": lambda n: 3 + 4 * n, "since": 4},
        96: {"name": "other"},
    }
    found = made.judged()
    assert (found.verdict, found.findings) == (Verdict.UNDECIDED, ())
    assert "young (pid 95)" in found.why


def test_without_root_the_line_is_told_with_those_who_may_be_meant():
    made = Made(nowhere=lambda n: 512 * n)
    made.processes = {
        95: {"name": "opener", "descriptors": lambda n: 300 if n > 20 else 3},
        96: {"name": "other"},
    }
    found = made.judged()
    (finding,) = found.findings
    assert finding.where == "memory in no field of meminfo"
    assert any("opener (pid 95) 297 descriptors" in line for line in finding.evidence)
    assert any("slabinfo and /proc/vmallocinfo: for root only" in line for line in found.not_seen)


def test_memory_of_all_cpus_is_told_with_the_number_of_cgroups():
    made = Made(percpu=lambda n: 512 * n)
    made.groups = lambda n: 100 + 8 * n
    (finding,) = made.judged().findings
    assert finding.where == "the kernel's memory of each CPU"
    assert any("memory cgroups became more: 100 to 332" in line for line in finding.evidence)


def test_what_grows_with_descriptors_lies_behind_them():
    made = Made(nowhere=lambda n: 512 * n)
    made.processes = {
        95: {"name": "opener", "descriptors": lambda n: 3 + 16 * n},
        96: {"name": "other"},
    }
    (finding,) = made.judged().findings
    assert finding.where == "opener (pid 95): open descriptors"
    assert any(
        "memory in no field of meminfo grew by 14.5 MiB" in line for line in finding.evidence
    )


def test_of_two_who_open_alike_nobody_can_tell_whose_it_is():
    made = Made(nowhere=lambda n: 512 * n)
    made.processes = {
        pid: {"name": "opener", "descriptors": lambda n: 3 + 16 * n} for pid in (95, 96)
    }
    found = made.judged().findings
    assert len(found) == 3 and found[0].where == "memory in no field of meminfo"
    assert any("opener (pid 95) 464 descriptors" in line for line in found[0].evidence)


def test_what_grows_at_other_times_than_descriptors_does_not():
    made = Made(nowhere=lambda n: 10 * n * n)
    made.processes = {
        95: {"name": "opener", "descriptors": lambda n: 3 + 16 * n},
        96: {"name": "other"},
    }
    where = [finding.where for finding in made.judged().findings]
    assert where == ["memory in no field of meminfo", "opener (pid 95): open descriptors"]


def test_what_the_kernel_gives_back_is_named_by_its_cache():
    made = Made(cached=lambda n: 1024 * n, dirty=lambda n: 1000 * n, reclaimable=lambda n: 512 * n)
    made.caches = {"dentry": lambda n: 100 + 16 * n, "steady": lambda n: 100}
    made.reclaimable = {"dentry"}
    found = made.judged()
    assert (found.verdict, found.reason.value) == (Verdict.NOT_A_LEAK, "page-cache")
    assert "page cache 29 MiB (28.3 MiB of it waits to be written)" in found.why
    assert "slab cache dentry 14.5 MiB (names of files" in found.why


def test_names_of_nothing_are_named_also_while_other_caches_shrink():
    made = Made(reclaimable=lambda n: -512 * n)
    made.caches = {"dentry": lambda n: 100 + 4 * n, "inodes": lambda n: 1000 - 20 * n}
    made.reclaimable, made.negative = {"dentry", "inodes"}, lambda n: 1000 * n
    (said,) = made.judged().notes
    assert "slab cache dentry 3.62 MiB" in said and "inodes" not in said
    assert "29,000 names that were looked up and are not there" in said


def test_beside_a_leak_it_is_a_note():
    made = Made(cached=lambda n: 1024 * n, nowhere=lambda n: 512 * n)
    found = made.judged()
    assert [finding.where for finding in found.findings] == ["memory in no field of meminfo"]
    assert found.notes == (
        "no leak, for the kernel gives it back when memory is short: page cache 29 MiB",
    )


def test_where_nothing_moves_nothing_is_told():
    made = Made()
    made.queues, made.caches = (
        [queue(bytes_=lambda n: 5)],
        {"a": lambda n: 5, "b": lambda n: 5 + n % 3},
    )
    made.areas = {"f": lambda n: 5 + n % 2}
    made.processes = {
        pid: {"name": "x", "descriptors": lambda n: 5 + n % 4} for pid in range(100, 150)
    }
    found = made.judged()
    assert (found.verdict, found.findings, found.reason.value) == (Verdict.NOT_A_LEAK, (), "flat")
