"""What a run could leave behind, looked for from outside."""

import glob
import json
import os
from pathlib import Path

from memlab.lab.runs import SHM, tagged


def guard_of(experiment):
    """The pid of an experiment's guard."""
    return experiment._guard.pid


def supervisor_of(experiment):
    """The pid of an experiment's supervisor: the guard's only child."""
    text = Path(f"/proc/{guard_of(experiment)}/task/{guard_of(experiment)}/children").read_text()
    return int(text.split()[0])


def remains(run_id):
    """Everything of a run that is still there: processes, folders, cgroups. Empty is clean."""
    left = [f"process {pid}" for pid in tagged(run_id) if not is_zombie(pid)]
    left += glob.glob(f"{SHM}/*memlab-{os.getuid()}-{run_id}*")
    left += glob.glob(f"/sys/fs/cgroup/**/memlab-{run_id}", recursive=True)
    return left


def is_zombie(pid):
    """Ended, and not yet buried by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def run_id_of(experiment):
    """The id under which a run's things are named."""
    return experiment.box["run"]


def records():
    """The records of all runs of this user."""
    return [
        json.loads(Path(p).read_text())
        for p in glob.glob(f"{SHM}/memlab-{os.getuid()}-*/record.json")
    ]
