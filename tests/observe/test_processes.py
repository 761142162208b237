"""The machine's ledger on this machine: two ways to one number."""

import mmap
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Malformed
from memlab.model.machine import ProcessTotals, Unread
from memlab.observe.processes import machine, rollups
from memlab.procfs import meminfo, smaps_rollup, stat
from memlab.procfs.host import Host
from memlab.procfs.smaps_rollup import Rollup
from tests.waiting import until

HOST = Host()
NODES = len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1
# a CPU keeps up to 125 pages of a node's counter to itself (mm/vmstat.c, MAX_THRESHOLD)
BATCHES = 125 * 4096 * os.cpu_count() * NODES
SIZE = 32 << 20
CHURN = 4 << 20  # of the machine, while we look: a hundredth of what its processes have


def between(seen, before, after, tolerance):
    """Whether a sum lies where the kernel's counter was at its start or its end, or between; not where much moved."""
    low, high = sorted((before, after))
    return high - low <= CHURN and low - tolerance <= seen <= high + tolerance


@pytest.mark.live
def test_the_sum_of_all_pss_anon_is_the_kernels_anon_pages():
    """Asked again while processes come and go: who ends between two looks is in one of them only."""

    def same():
        before = meminfo.read(HOST).anon_pages
        ours = ProcessTotals.of(rollups(HOST))
        after = meminfo.read(HOST).anon_pages
        if ours.pss_anon is None:
            pytest.skip("this kernel does not split Pss")
        # statm's two counters of a process lag by a batch a CPU (percpu_counter, at least 32
        # pages); each rollup is cut to a kB
        cpus = os.cpu_count()
        statm_lag = ours.unread * 2 * max(32, 2 * cpus) * cpus * 4096
        tolerance = BATCHES + statm_lag + 1024 * ours.readable
        seen = ours.pss_anon + ours.unread_anonymous
        return ours.readable and between(seen, before, after, tolerance)

    assert until(same, seconds=60)


@pytest.mark.live
def test_the_sum_of_what_processes_map_of_files_is_the_kernels_mapped():
    """Mapped counts each page of a file or of shmem once, however many map it; so does the sum of Pss.

    Of whom we may not read statm counts the pages in full: so what is missing lies between 0 and that.
    """

    def same():
        before = meminfo.read(HOST).mapped
        ours = ProcessTotals.of(rollups(HOST))
        after = meminfo.read(HOST).mapped
        if ours.pss_file is None:
            pytest.skip("this kernel does not split Pss")
        # each Pss is cut to a kB, by its parts too; the counter lags as AnonPages does
        tolerance = BATCHES + 2 * 1024 * ours.readable
        seen = ours.pss_file + ours.pss_shmem
        # somewhere from nothing to all of what the others share is theirs alone
        half = ours.unread_shared // 2
        return ours.readable and between(seen + half, before, after, tolerance + half)

    assert until(same, seconds=60)


def unnamed(line, make):
    """Whether `make` moves `line` and free memory, and not the residual; asked again while others do.

    Pages may come from a CPU's list of free pages instead of MemFree; counters lag by a batch.
    """
    before = machine(HOST)
    undo = make()
    try:
        after = machine(HOST)
    finally:
        undo()
    moved = {name: after.parts[name] - before.parts[name] for name in after.parts}
    free = moved["free"] + moved["free, on lists of the CPUs"]
    quiet = abs(moved[line] - SIZE) <= 2 * BATCHES and abs(moved["unexplained"]) <= 2 * BATCHES
    return quiet and free <= -SIZE // 2


@pytest.mark.live
def test_anonymous_memory_moves_its_line_alone():
    def make():
        memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.write(b"x" * SIZE)
        return memory.close

    assert until(lambda: unnamed("anonymous", make), seconds=60)


@pytest.mark.live
def test_a_memfd_is_shared_memory_and_no_page_cache():
    def make():
        number = os.memfd_create("memlab-test")
        os.write(number, b"x" * SIZE)
        return lambda: os.close(number)

    assert until(lambda: unnamed("shared memory and tmpfs", make), seconds=60)


@pytest.mark.skipif(os.getuid() != 0, reason="vmallocinfo is for root")
def test_percpu_chunks_have_no_pages_in_vmalloc_used():
    text = Path("/proc/vmallocinfo").read_text().splitlines()
    chunks = [line for line in text if "pcpu_get_vm_areas" in line]
    if not chunks:
        pytest.skip("all per-CPU memory is in the boot chunk")
    assert not any("pages=" in line for line in chunks)

    def same():
        areas = Path("/proc/vmallocinfo").read_text()
        pages = sum(map(int, re.findall(r" pages=(\d+)", areas)))
        # the counter may be kept per CPU in batches too (NR_VMALLOC)
        return abs(pages * 4096 - meminfo.read(HOST).vmalloc_used) <= BATCHES

    assert until(same)


@pytest.mark.live
def test_a_process_whose_first_thread_has_ended_is_not_lost():
    code = (
        "import ctypes, threading, time\n"
        "block = bytearray(b'x' * (8 << 20))\n"
        "threading.Thread(target=time.sleep, args=(100,)).start()\n"
        "ctypes.CDLL(None).syscall(60, 0)\n"  # exit of this thread alone
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the number of exit(2) is that of x86_64")
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: Path(f"/proc/{child.pid}/stat").read_text().split(") ")[1][0] == "Z")
        found = rollups(HOST)[child.pid]
        assert isinstance(found, Rollup)
        assert found["anonymous"] >= 8 << 20
    finally:
        child.kill()
        child.wait()


@pytest.mark.live
def test_a_pass_over_all_says_what_the_reader_of_one_says():
    sleeper = subprocess.Popen(["sleep", "100"])
    zombie = subprocess.Popen(["true"])
    try:
        until(lambda: stat.read(HOST, sleeper.pid).comm == "sleep")
        until(lambda: stat.read(HOST, sleeper.pid).state == "S")
        until(lambda: stat.read(HOST, zombie.pid).state == "Z")
        # Pss moves with every process that comes and goes
        private = ("rss", "anonymous", "swap")
        found = rollups(HOST)
        alone = smaps_rollup.read(HOST, sleeper.pid)
        assert isinstance(found[sleeper.pid], Rollup)
        assert [found[sleeper.pid][name] for name in private] == [alone[name] for name in private]
        assert (found[sleeper.pid].start, found[sleeper.pid].end) == (alone.start, alone.end)
        assert list(found) == sorted(found)
        assert len(found) == len(list(found.items()))
        assert zombie.pid not in found
    finally:
        sleeper.kill()
        sleeper.wait()
        zombie.wait()


def rollup(start="558398e1c000", rss="       8"):
    header = f"{start}-7ffcbb4a2000 ---p 00000000 00:00 0".ljust(73)
    return f"{header}[rollup]\nRss:            {rss} kB\nPss:            {rss} kB\n"


def test_a_process_whose_text_looks_otherwise_is_read_by_itself(tmp_path):
    """Short addresses, nine digits, a cut text; among those that look as usual."""
    texts = {
        1: rollup(),
        2: rollup("00400000"),
        3: rollup(rss="123456789"),
        4: rollup()[:-12],
        5: rollup(rss="      12"),
    }
    for pid, text in texts.items():
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/smaps_rollup").write_text(text)
        (tmp_path / f"proc/{pid}/statm").write_text("9 8 7 1 0 5 0\n")
    (tmp_path / "proc/6").mkdir()
    (tmp_path / "proc/6/statm").write_text("9 8 7 1 0 5 0\n")  # of a kernel without smaps_rollup
    found = rollups(Host(tmp_path))
    assert list(found) == [1, 2, 3, 4, 5, 6]
    assert [found[pid]["rss"] // 1024 for pid in (1, 2, 3, 5)] == [8, 8, 123456789, 12]
    assert found[2].start == 0x400000
    assert isinstance(found[4], Unread) and isinstance(found[4].why, Malformed)
    assert isinstance(found[6], Unread) and found[6].statm.resident == 8 * 4096
    assert 7 not in found


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_is_told_how_many_it_may_not_read():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        found = rollups(HOST)
        unread = sum(isinstance(one, Unread) for one in found.values())
        kernel_threads = 2 in found and "(kthreadd)" in Path("/proc/2/stat").read_text()
        os.write(writing, f"{len(found)} {unread} {kernel_threads}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        everybody, unread, kernel_threads = pipe.read().split()
    os.waitpid(child, 0)
    assert 1 <= int(unread) <= int(everybody)
    assert kernel_threads == "False"
