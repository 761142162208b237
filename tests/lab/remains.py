"""What a run could leave behind, looked for from outside."""

import glob
import os
from pathlib import Path

from memlab.lab.processes import tagged
from memlab.lab.runs import SHM
from memlab.procfs import sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from tests.waiting import until


def guard_of(experiment):
    """The pid of an experiment's guard."""
    return experiment._guard.pid


def supervisor_of(experiment):
    """The pid of an experiment's supervisor: the guard's only child."""
    text = Path(f"/proc/{guard_of(experiment)}/task/{guard_of(experiment)}/children").read_text()
    return int(text.split()[0])


def run_id_of(experiment):
    """The id under which a run's things are named."""
    return experiment.box["run"]


def remains(run_id):
    """Everything of a run that is still there. Empty is clean.

    Processes, folders and shared memory, System V objects with a key of the run, cgroups.
    """
    left = [f"process {pid}" for pid in tagged(run_id) if not is_zombie(pid)]
    left += [f"guard or supervisor {pid}" for pid in _named(run_id) if not is_zombie(pid)]
    first = int(run_id[:4], 16) or 1
    segments, queues = sysvipc_shm.read(Host()), sysvipc_msg.read(Host())
    left += [f"segment {one.shmid}" for one in segments if (one.key & 0xFFFFFFFF) >> 16 == first]
    left += [f"queue {one.msqid}" for one in queues if (one.key & 0xFFFFFFFF) >> 16 == first]
    for place in {str(SHM), os.environ.get("TMPDIR", "/tmp"), "/var/tmp"}:
        left += glob.glob(f"{place}/memlab-*-{run_id}*")
        left += glob.glob(f"{place}/.memlab-*-{run_id}*")
    left += glob.glob(f"/sys/fs/cgroup/**/memlab-{run_id}", recursive=True)
    return left


def gone(run_id):
    """Wait until nothing of a run is left; what is, is shown."""
    left = []

    def nothing_is_left():
        left[:] = remains(run_id)
        return not left

    try:
        until(nothing_is_left)
    except AssertionError:
        raise AssertionError(f"still there: {left}") from None


def _named(run_id):
    """Guard and supervisor carry no tag, but have the run's id on their command line."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = Path(path).read_bytes()
        except OSError:
            continue
        if b"memlab.lab.supervisor" in words and run_id.encode() in words:
            yield int(path.split("/")[2])


def is_zombie(pid):
    """Ended, and not yet buried by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
