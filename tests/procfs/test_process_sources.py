"""Threads, OOM scores, names and NUMA nodes of real processes."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs import (
    comm,
    fd,
    io,
    limits,
    maps,
    numa_maps,
    oom_score,
    smaps,
    stat,
    syscall,
    task,
)
from memlab.procfs.host import Call, Host, InstantTexts
from tests.waiting import until

pytestmark = pytest.mark.live
HOST = Host()
CODE = """
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None)
def named(name):
    libc.prctl(15, name, 0, 0, 0)  # PR_SET_NAME
    print("ready", flush=True)
    threading.Event().wait()
for name in (b"a) R 1 (b", b"two\\nlines", b"\\xff\\xfe"):
    threading.Thread(target=named, args=(name,), daemon=True).start()
kept = [os.pipe(), socket.socketpair(), os.memfd_create("m"), os.eventfd(0), open("/dev/null")]
gone = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.unlink(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "gone"
    child = subprocess.Popen(
        [sys.executable, "-c", CODE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for _ in range(4):
        child.stdout.readline()
    until(lambda: all(one.stat.state == "S" for one in task.read(HOST, child.pid)))
    yield child.pid
    child.communicate()


def test_threads_have_their_names_whole(process):
    tasks = task.read(HOST, process)
    assert [one.tid for one in tasks] == list(task.tids(HOST, process))
    names = {one.comm for one in tasks[1:]}
    assert names == {"a) R 1 (b", "two\nlines", b"\xff\xfe".decode(errors="surrogateescape")}
    assert stat.read(HOST, process).num_threads == 4
    assert all(one.stat.num_threads == 4 for one in tasks)
    odd = next(one for one in tasks if "\n" in one.comm)
    assert odd.stat.comm in ("two\nlines", r"two\nlines")  # some kernels escape it in stat
    assert comm.read(HOST, process, odd.tid) == "two\nlines"


def test_each_stack_pointer_lies_in_a_stack(process):
    tasks = task.read(HOST, process)
    if all(one.syscall is None for one in tasks):
        pytest.skip("/proc/PID/syscall may not be read here")
    mappings = maps.read(HOST, process)
    holders = [next(m for m in mappings if m.start <= one.sp < m.end) for one in tasks]
    assert holders[0].name == "[stack]"
    assert len({one.start for one in holders}) == 4
    assert all(one.perms == "rw-p" for one in holders)


def test_a_system_call_or_none():
    assert syscall.parse(b"running\n").running
    outside = syscall.parse(b"-1 0x7ffc00 0x55aa\n")
    assert (outside.number, outside.args, outside.sp) == (-1, (), 0x7FFC00)
    for cut in (b"", b"0 0x1 0x2\n", b"-1 0x1\n", b"no\n"):
        with pytest.raises(Malformed):
            syscall.parse(cut)


def test_every_sort_of_descriptor(process):
    kinds = {one.kind for one in fd.read(HOST, process)}
    assert kinds >= {"pipe", "socket", "memfd", "anon_inode", "device", "deleted"}
    anon = next(one for one in fd.read(HOST, process) if one.kind == "anon_inode")
    assert anon.target == "anon_inode:[eventfd]"


def test_descriptors_are_counted_as_they_are_listed(process):
    assert fd.count(HOST, process) == len(fd.numbers(HOST, process)) > 10
    whole = fd.count(HOST, os.getpid())
    pair = os.pipe()
    try:
        assert fd.count(HOST, os.getpid()) == whole + 2
    finally:
        for number in pair:
            os.close(number)


def test_children_are_those_that_live_and_those_that_nobody_waited_for(process):
    assert task.children(HOST, process) == ()
    assert process in task.children(HOST, os.getpid())
    dead = subprocess.Popen(["true"])
    until(lambda: stat.read(HOST, dead.pid).state == "Z")
    assert dead.pid in task.children(HOST, os.getpid())
    dead.wait()
    assert dead.pid not in task.children(HOST, os.getpid())


def test_what_lists_no_children_is_malformed():
    texts = InstantTexts(
        {"/proc/7/task/7/children": b"8 x"}, [Call("listdir", "/proc/7/task", ["7"])]
    )
    with pytest.raises(Malformed, match="lists no processes"):
        task.children(Host(texts), 7)


def test_the_oom_score_follows_its_adjustment(process):
    before = oom_score.read(HOST, process)
    Path(f"/proc/{process}/oom_score_adj").write_text(str(before.score_adj + 300))
    after = oom_score.read(HOST, process)
    assert after.score_adj == before.score_adj + 300
    # two thirds of the sum of badness and adjustment, both in thousandths (fs/proc/base.c)
    assert after.score - before.score == pytest.approx(200, abs=2)


def test_io_counts_what_the_process_wrote_and_read(process, tmp_path):
    """Of this process, which alone moves it while it looks: rchar and syscr count the look itself."""
    before = io.read(HOST, os.getpid())
    (tmp_path / "file").write_bytes(b"x" * 70_000)
    with open(tmp_path / "file", "rb", buffering=0) as file:
        assert len(file.read(30_000)) == 30_000
    after = io.read(HOST, os.getpid())
    assert after.wchar - before.wchar >= 70_000
    assert after.rchar - before.rchar >= 30_000
    assert after.syscr > before.syscr and after.syscw > before.syscw
    assert after.unknown == {}
    assert io.read(HOST, process).wchar >= len("ready\n") * 4


def test_limits_are_those_of_getrlimit(process):
    found = limits.read(HOST, os.getpid())
    for name, number in (
        ("open_files", resource.RLIMIT_NOFILE), ("stack_size", resource.RLIMIT_STACK),
        ("address_space", resource.RLIMIT_AS), ("locked_memory", resource.RLIMIT_MEMLOCK),
        ("processes", resource.RLIMIT_NPROC), ("data_size", resource.RLIMIT_DATA),
    ):  # fmt: skip
        expected = [None if n == resource.RLIM_INFINITY else n for n in resource.getrlimit(number)]
        assert [found.soft[name], found.hard[name]] == expected, name
    assert found.units["address_space"] == "bytes"


def test_pages_on_nodes_are_the_resident_pages(process):
    try:
        found = numa_maps.read(HOST, process)
    except Unsupported:
        pytest.skip("this kernel has no NUMA")
    anonymous = {row.start: row.anonymous for row in smaps.read(HOST, process)}
    both = [one for one in found if one.start in anonymous and "anon" in one.counts]
    assert len(both) > 5
    for one in both:
        assert one.counts["anon"] * one.page_bytes == anonymous[one.start]


def test_numa_maps_of_two_nodes():
    text = (
        b"00400000 default file=/usr/bin/a\\040b mapped=3 active=0 N0=1 N1=2 kernelpagesize_kB=4\n"
        b"7f0000000000 bind:0-1 heap anon=2 dirty=2 N1=2 kernelpagesize_kB=2048\n"
        b"7f1000000000 prefer (many):0-1 stack\n"
    )
    file, heap, stack = numa_maps.parse(text)
    assert (file.file, file.nodes, file.counts["mapped"]) == ("/usr/bin/a b", {0: 1, 1: 2}, 3)
    assert (heap.bytes, heap.policy, heap.flags) == (4 << 20, "bind:0-1", {"heap"})
    assert (stack.policy, stack.flags, stack.bytes) == ("prefer (many):0-1", {"stack"}, 0)


def test_anothers_system_call_is_denied_and_its_threads_are_not():
    if os.geteuid() == 0:
        pytest.skip("root may look at everybody")
    assert task.read(HOST, 1)[0].syscall is None
    with pytest.raises(Denied):
        syscall.read(HOST, 1)
