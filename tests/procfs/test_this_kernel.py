"""The readers on this very kernel, against the kernel's own sums and against psutil and pmap."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import memlab
from memlab.errors import Denied, Gone, Unsupported
from memlab.procfs import (
    cgroup,
    facts,
    fd,
    limits,
    maps,
    meminfo,
    mountinfo,
    smaps,
    smaps_rollup,
    stat,
    statm,
    status,
    vmstat,
)
from memlab.procfs.host import Host, InstantTexts, Tee
from tests.waiting import until

HOST = Host()


@pytest.fixture(scope="module")
def stopped():
    """A process with many kinds of mappings that does not move while we look."""
    code = (
        "import mmap, sys; m = mmap.mmap(-1, 1 << 20); m[:9000] = b'x' * 9000\n"
        "print(1, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    until(lambda: stat.read(HOST, process.pid).state == "T")
    yield process.pid
    process.kill()
    process.communicate()


def test_the_sums_of_smaps_are_the_kernels_own(stopped):
    columns, rollup = smaps.read(HOST, stopped), smaps_rollup.read(HOST, stopped)
    # rollup rounds each sum down to a kB once, smaps each mapping's Pss: the others are whole pages
    exact = {
        "rss",
        "private_clean",
        "private_dirty",
        "shared_clean",
        "shared_dirty",
        "anonymous",
        "swap",
    }
    assert {name: columns.total(name) for name in exact} == {name: rollup[name] for name in exact}
    assert 0 <= rollup["pss"] - columns.total("pss") <= 1024 * len(columns)


def test_smaps_status_statm_and_stat_are_one_process(stopped):
    columns, words, pages, line = (
        module.read(HOST, stopped) for module in (smaps, status, statm, stat)
    )
    # [vsyscall] is in maps and is no VMA of the process (gate area): smaps counts it, VmSize does not
    own = columns.total("size") - sum(m.size for m in columns if m.name == "[vsyscall]")
    assert own == words.vm_size == pages.size == line.vsize
    assert words.vm_rss == pages.resident == words.rss_anon + words.rss_file + words.rss_shmem
    # RSS counters of status may lag by a batch per CPU and thread (64 pages, mm/memory.c)
    assert abs(columns.total("rss") - words.vm_rss) <= 64 * 4096 * os.cpu_count()
    assert [m.start for m in maps.read(HOST, stopped)] == columns.start.tolist()


def test_no_line_of_this_kernel_is_unknown(stopped):
    assert smaps.read(HOST, stopped).unknown == frozenset()
    assert meminfo.read(HOST).unknown == {}


def test_psutil_sees_the_same(stopped):
    theirs = psutil.Process(stopped)
    assert stat.read(HOST, stopped).vsize == theirs.memory_info().vms
    ours = smaps.read(HOST, stopped)
    grouped = {m.path: m.rss for m in theirs.memory_maps(grouped=True)}
    assert ours.total("rss") == sum(grouped.values())
    heap = sum(
        int(rss) for m, rss in zip(ours, ours.column("rss"), strict=True) if m.name == "[heap]"
    )
    assert heap == grouped["[heap]"]
    assert meminfo.read(HOST).mem_total == psutil.virtual_memory().total


@pytest.mark.needs("pmap")
def test_pmap_sees_the_same_totals(stopped):
    printed = subprocess.run(
        ["pmap", "-x", str(stopped)], capture_output=True, text=True, check=True
    ).stdout
    size, rss, dirty = map(int, re.search(r"total kB\s+(\d+)\s+(\d+)\s+(\d+)", printed).groups())
    ours = smaps.read(HOST, stopped)
    assert (size, rss) == (ours.total("size") // 1024, ours.total("rss") // 1024)
    assert dirty == (ours.total("private_dirty") + ours.total("shared_dirty")) // 1024


def test_an_instant_answers_like_the_machine_did(stopped):
    tee = Tee(HOST)
    live = (
        smaps.read(tee, stopped),
        fd.read(tee, stopped),
        tee.statvfs("/dev/shm"),
        mountinfo.read(tee, stopped),
    )
    with pytest.raises(Unsupported):
        tee.read(f"/proc/{stopped}/no_such_file")
    kept = InstantTexts.from_jsonl(tee.texts.files, tee.texts.to_jsonl())
    again = Host(kept)
    assert smaps.read(again, stopped).total("rss") == live[0].total("rss")
    assert fd.read(again, stopped) == live[1]
    assert again.statvfs("/dev/shm") == live[2]
    assert mountinfo.read(again, stopped) == live[3]
    with pytest.raises(Unsupported, match="no_such_file"):
        again.read(f"/proc/{stopped}/no_such_file")
    with pytest.raises(Unsupported, match="not in this recording"):
        again.read("/proc/meminfo")


def test_a_folder_that_looks_like_a_machine_is_read_like_one():
    host = Host(Path(__file__).parent.parent / "data")
    assert meminfo.read(host).mem_total == 15666184 * 1024
    assert stat.read(host, 26231).comm
    with pytest.raises(Gone):
        stat.read(host, 4711)


def test_the_facts_of_this_machine(stopped):
    found = facts.read(HOST, stopped)
    assert found["kernel"] == os.uname().release
    assert found["page_bytes"] == 4096
    assert found["limits"]["max_map_count"] > 0
    assert "hostname" not in found
    json.dumps(found)


def test_vmstat_and_limits_are_there():
    assert vmstat.read(HOST)["pgfault"] > 0
    assert limits.read(HOST, os.getpid()).soft["open_files"] > 0


def test_our_memory_cgroup_is_found_or_its_absence_is_said():
    try:
        group = cgroup.read(HOST)
    except Unsupported:
        assert "memory" not in Path("/proc/self/cgroup").read_text()
        return
    assert group.version in (1, 2)
    assert group.usage > 0
    assert os.path.isdir(group.path)


def test_a_kernel_thread_has_no_mappings():
    if not Path("/proc/2/stat").exists() or "(kthreadd)" not in Path("/proc/2/stat").read_text():
        pytest.skip("no kernel threads are visible here (a container)")
    assert status.read(HOST, 2).vm_size is None
    assert len(smaps.read(HOST, 2)) == 0


def test_a_process_that_ends_while_it_is_read_is_gone():
    child = subprocess.Popen(["sleep", "60"])
    assert smaps.read(HOST, child.pid).total("rss") > 0
    child.kill()
    child.wait()
    for module in (smaps, maps, stat, statm, status, smaps_rollup):
        with pytest.raises(Gone, match=f"no process {child.pid}"):
            module.read(HOST, child.pid)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_reads_of_others_what_the_kernel_lets_everybody_read():
    """In a forked child, for a Python below /root could not be started by that user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        said = {}
        for module in (stat, statm, status, maps, smaps, smaps_rollup, fd):
            try:
                module.read(HOST, 1)
                said[module.__name__] = "read"
            except Denied as error:
                said[module.__name__] = error.hint
            except BaseException as error:
                said[module.__name__] = repr(error)
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    may = {f"memlab.procfs.{name}": "read" for name in ("stat", "statm", "status")}
    assert {name: said[name] for name in may} == may
    for name in ("maps", "smaps", "smaps_rollup", "fd"):
        assert "owner" in said[f"memlab.procfs.{name}"]
        assert "CAP_SYS_PTRACE" in said[f"memlab.procfs.{name}"]


def test_importing_the_readers_needs_no_numpy_but_for_smaps():
    package = str(Path(memlab.__file__).parent.parent)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import memlab.procfs.cgroup, memlab.procfs.meminfo; print('numpy' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, package], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False\n"
