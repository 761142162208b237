"""How many threads a cgroup may have: in a group of the test's own, and of both versions as documented."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from memlab.errors import Malformed
from memlab.procfs import cgroup_pids, facts
from memlab.procfs.host import Host
from tests.procfs.test_cgroup import put
from tests.waiting import until

V2 = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"


def machine(root, mounts, group, files):
    return put(root, {"/proc/self/mountinfo": mounts, "/proc/42/cgroup": group, **files})


def test_the_level_with_the_least_room_counts(tmp_path):
    top = "/sys/fs/cgroup"
    host = machine(
        tmp_path,
        V2,
        "0::/a/b\n",
        {
            f"{top}/a/pids.max": "100\n",
            f"{top}/a/pids.current": "95\n",
            f"{top}/a/b/pids.max": "20\n",
            f"{top}/a/b/pids.current": "3\n",
        },
    )
    found = cgroup_pids.read(host, 42)
    assert (found.path, found.limit, found.current) == (f"{top}/a", 100, 95)


@pytest.mark.parametrize(
    ("mounts", "group", "folder"),
    [(V1, "8:pids:/a\n0::/\n", "/sys/fs/cgroup/pids/a"), (V2, "0::/a\n", "/sys/fs/cgroup/a")],
    ids=["version 1", "version 2"],
)
def test_no_limit_is_none(tmp_path, mounts, group, folder):
    files = {f"{folder}/pids.max": "max\n", f"{folder}/pids.current": "3\n"}
    assert cgroup_pids.read(machine(tmp_path, mounts, group, files), 42) is None
    files[f"{folder}/pids.max"] = "7\n"
    assert cgroup_pids.read(machine(tmp_path, mounts, group, files), 42).limit == 7


def test_what_is_no_number_is_named(tmp_path):
    files = {"/sys/fs/cgroup/a/pids.max": "many\n", "/sys/fs/cgroup/a/pids.current": "3\n"}
    with pytest.raises(Malformed, match=r"pids\.max"):
        cgroup_pids.read(machine(tmp_path, V2, "0::/a\n", files), 42)


@pytest.mark.live
def test_a_process_in_a_group_of_its_own_is_told_its_limit():
    """Version 1, as root: what the kernel says is what was written."""
    folder = Path("/sys/fs/cgroup/pids", f"memlab-test-{os.getpid()}")
    try:
        folder.mkdir()
        (folder / "pids.max").write_text("33")
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"needs leave to make a pids cgroup of version 1: {error}")
    try:
        with subprocess.Popen(["sleep", "60"]) as child:
            (folder / "cgroup.procs").write_text(str(child.pid))
            limits = facts.read(Host(), child.pid)["limits"]
            child.kill()
        assert (limits["cgroup_tasks_limit"], limits["cgroup_tasks"]) == (33, 1)
    finally:
        until(lambda: removed(folder))


def removed(folder):
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()
