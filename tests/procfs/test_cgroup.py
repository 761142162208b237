"""Memory cgroups: of this machine, in a group of the test's own, and of both versions as documented."""

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from memlab.errors import Malformed, MemlabError, Unsupported
from memlab.procfs import cgroup, cgroup_memory
from memlab.procfs.host import Host
from tests.waiting import until

HOST = Host()
MIB = 1 << 20
# a CPU keeps a stock of 64 charged pages of a group (mm/memcontrol.c, MEMCG_CHARGE_BATCH)
BATCHES = 64 * 4096 * os.cpu_count()
NO_LIMIT = 0x7FFFFFFFFFFFF000  # the largest page-aligned long


def put(root, files):
    """A folder that looks like a machine, in which these texts lie."""
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return Host(root)


@contextmanager
def group(limit):
    """The folder of a new version 1 group below ours, gone in the end."""
    try:
        own, version = cgroup.memory_folder(HOST)
    except Unsupported as error:
        pytest.skip(str(error))
    folder = Path(own, f"memlab-test-{os.getpid()}")
    try:
        if version != 1:
            pytest.skip("needs a group of version 1")
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(limit))
    except OSError as error:
        pytest.skip(f"needs leave to make a memory cgroup: {error}")
    try:
        yield folder
    finally:
        until(lambda: removed(folder))


def removed(folder):
    """An ended process leaves its group a moment later."""
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


CODE = """
import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
kept = []
for line in sys.stdin:
    if line == "touch\\n":
        kept.append(bytearray(b"x" * (8 << 20)))
    if line == "write\\n":
        with open(sys.argv[2], "wb") as file:
            for _ in range(48):
                file.write(b"x" * (1 << 20))
    print("done", flush=True)
"""


@pytest.mark.live
def test_a_group_of_our_own_with_a_limit(tmp_path):
    with group(32 * MIB) as folder:
        child = subprocess.Popen(
            [sys.executable, "-c", CODE, str(folder), str(tmp_path / "file")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        def tell(word):
            child.stdin.write(word + "\n")
            child.stdin.flush()
            assert child.stdout.readline() == "done\n"
            return cgroup.read(HOST, child.pid), cgroup_memory.read(HOST, str(folder))

        try:
            place, before = tell("nothing")
            level = place.levels[0]
            assert (place.version, place.path, level.limit) == (1, str(folder), 32 * MIB)
            assert place.levels[1].path == str(folder.parent)
            assert before.failures == 0
            assert before.kmem > 0 and before.kmem_peak >= before.kmem
            assert before.oom_control["oom_kill"] == 0
            place, touched = tell("touch")
            assert place.levels[0].usage - level.usage >= 8 * MIB - BATCHES
            assert touched.peak >= place.levels[0].usage - BATCHES
            # memory.stat is summed up every two seconds
            assert until(lambda: rss(folder) - before.stat["rss"] >= 8 * MIB - BATCHES)
            # 48 MiB of page cache do not fit: the kernel drops some of it, and counts how often it had to
            place, written = tell("write")
            assert written.failures > 0
            assert place.levels[0].usage <= 32 * MIB
            assert (
                place.limit is not None and place.tightest.limit - place.tightest.usage <= 32 * MIB
            )
        finally:
            child.communicate()


def rss(folder):
    return cgroup_memory.read_stat(HOST, str(folder))["rss"]


def test_the_group_of_this_process():
    try:
        own = cgroup.read(HOST)
    except Unsupported:
        pytest.skip("no memory cgroup in sight")
    found = cgroup_memory.read(HOST, own.path)
    if own.version == 1:
        assert found.oom_control.keys() >= {"oom_kill_disable", "under_oom"}
        assert found.failures is not None
        assert found.peak >= 0
        assert found.stat["total_rss"] >= found.stat["rss"]
        assert (found.events, found.high, found.swap) == (None, None, None)
    else:
        assert found.stat["anon"] > 0
        assert found.events is None or found.events.keys() >= {"max", "oom_kill"}


UNIFIED = "30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V2 = {
    "/proc/self/mountinfo": UNIFIED,
    "/proc/7/cgroup": "0::/app.slice/job\n",
    "/sys/fs/cgroup/app.slice/job/memory.current": "52428800\n",
    "/sys/fs/cgroup/app.slice/job/memory.max": "max\n",
    "/sys/fs/cgroup/app.slice/memory.current": "104857600\n",
    "/sys/fs/cgroup/app.slice/memory.max": "115343360\n",
    # the root has no memory.current and no memory.max (cgroup-v2.rst)
}


def test_version_2_counts_a_limit_anywhere_above(tmp_path):
    found = cgroup.read(put(tmp_path, V2), 7)
    assert (found.version, found.path) == (2, "/sys/fs/cgroup/app.slice/job")
    assert [(level.usage, level.limit) for level in found.levels] == [
        (50 * MIB, None),
        (100 * MIB, 110 * MIB),
    ]
    assert (found.tightest.path, found.usage, found.limit) == (
        "/sys/fs/cgroup/app.slice",
        100 * MIB,
        110 * MIB,
    )


def test_the_tightest_has_the_least_room_and_not_the_least_limit(tmp_path):
    inner = {
        "/sys/fs/cgroup/app.slice/job/memory.max": f"{80 * MIB}\n"
    }  # 30 MiB are left, above it 10
    found = cgroup.read(put(tmp_path, V2 | inner), 7)
    assert found.tightest.path == "/sys/fs/cgroup/app.slice"


def test_version_2_without_the_controller_in_the_innermost_group(tmp_path):
    """cgroup.subtree_control does not hand it down: the group above pays."""
    files = {path: text for path, text in V2.items() if "/job/" not in path}
    found = cgroup.read(put(tmp_path, files), 7)
    assert found.path == "/sys/fs/cgroup/app.slice"


def test_in_a_container_the_mount_shows_a_part_of_the_tree(tmp_path):
    files = {
        "/proc/self/mountinfo": UNIFIED.replace(" / /sys", " /app.slice /sys"),
        "/proc/7/cgroup": "0::/app.slice/job\n",
        "/sys/fs/cgroup/job/memory.current": "4096\n",
        "/sys/fs/cgroup/job/memory.max": "8192\n",
    }
    assert cgroup.read(put(tmp_path, files), 7).path == "/sys/fs/cgroup/job"
    outside = files | {"/proc/7/cgroup": "0::/../other\n"}
    with pytest.raises(Unsupported, match="no memory cgroup"):
        cgroup.read(put(tmp_path, outside), 7)


def test_where_both_versions_are_mounted_version_1_has_the_controller(tmp_path):
    files = {
        "/proc/self/mountinfo": UNIFIED.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
        + "31 1 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "/proc/7/cgroup": "9:memory:/job\n4:cpu,cpuacct:/\n0::/job\n",
        "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "4096\n",
        "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{NO_LIMIT}\n",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "8192\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": f"{0x7FFFFFFFFFFF0000}\n",  # of 64 KiB pages
    }
    found = cgroup.read(put(tmp_path, files), 7)
    assert (found.version, found.path, found.limit, found.usage) == (
        1,
        "/sys/fs/cgroup/memory/job",
        None,
        4096,
    )
    assert [level.limit for level in found.levels] == [None, None]


def test_without_any_group_it_says_what_holds_then(tmp_path):
    files = {"/proc/self/mountinfo": "", "/proc/7/cgroup": "0::/\n"}
    with pytest.raises(Unsupported, match="RLIMIT_AS"):
        cgroup.read(put(tmp_path, files), 7)


def test_a_group_of_version_2(tmp_path):
    """Made as cgroup-v2.rst says: this machine's version 2 has no memory controller."""
    files = {
        "memory.stat": "anon 8192\nfile 4096\nkernel 12288\nworkingset_refault_anon 3\n",
        "memory.events": "low 0\nhigh 2\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n",
        "memory.events.local": "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n",
        "memory.peak": "1048576\n",
        "memory.high": "4194304\n",
        "memory.swap.current": "0\n",
        "memory.swap.max": "max\n",
        "memory.swap.events": "high 0\nmax 3\nfail 3\n",
    }
    found = cgroup_memory.read(put(tmp_path, files), "")
    assert found.stat["kernel"] == 12288
    assert (found.events["max"], found.events_local["max"]) == (7, 5)
    assert (found.peak, found.high, found.swap, found.swap_limit) == (MIB, 4 * MIB, 0, None)
    assert found.swap_events["fail"] == 3
    assert (found.oom_control, found.kmem, found.failures) == (None, None, None)


def test_a_group_of_version_1(tmp_path):
    """By cgroup-v1/memory.rst: kernel memory has a limit of its own, until 5.16."""
    files = {
        "memory.stat": "cache 4096\nrss 8192\ntotal_cache 8192\ntotal_rss 12288\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        "memory.failcnt": "17\n",
        "memory.max_usage_in_bytes": "65536\n",
        "memory.soft_limit_in_bytes": f"{NO_LIMIT}\n",
        "memory.memsw.usage_in_bytes": "20480\n",
        "memory.memsw.limit_in_bytes": "1048576\n",
        "memory.memsw.failcnt": "1\n",
        "memory.kmem.usage_in_bytes": "4096\n",
        "memory.kmem.max_usage_in_bytes": "16384\n",
        "memory.kmem.limit_in_bytes": "32768\n",
        "memory.kmem.failcnt": "3\n",
    }
    found = cgroup_memory.read(put(tmp_path, files), "")
    assert (found.failures, found.peak, found.soft_limit) == (17, 65536, None)
    assert (found.memsw, found.memsw_limit, found.memsw_failures) == (20480, MIB, 1)
    assert (found.kmem, found.kmem_peak, found.kmem_limit, found.kmem_failures) == (
        4096,
        16384,
        32768,
        3,
    )
    assert found.oom_control["oom_kill"] == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("memory.current", "many\n"), ("memory.max", "\n"), ("memory.current", "1 2\n")],
)
def test_bent_files_say_where(tmp_path, name, text):
    with pytest.raises(Malformed, match=name):
        cgroup.read(put(tmp_path, V2 | {f"/sys/fs/cgroup/app.slice/job/{name}": text}), 7)


def test_a_folder_that_is_no_group(tmp_path):
    with pytest.raises(MemlabError, match=r"memory\.stat"):
        cgroup_memory.read(Host(tmp_path), "/nothing")
