"""Samples for the views: one process at one instant, with every second opinion."""

import math

from memlab.model.sample import Sample
from memlab.observe.sampler import Sampler
from memlab.procfs.host import Call, InstantTexts


def whole(pid):
    """All that a look can hold, whatever it costs."""
    return Sampler(pid, stall=math.inf).take(must=True)


def with_texts(sample, files=(), refused=()):
    """The same instant with other texts; the files named in `refused` were denied."""
    kept = {path: text for path, text in sample.texts.files.items() if path not in refused}
    calls = [
        Call("read", path, error="Denied", message=f"{path} may not be read") for path in refused
    ]
    return Sample(
        index=0, pid=sample.pid, monotonic=sample.monotonic, wall=sample.wall,
        read_seconds=sample.read_seconds, cpu_seconds=sample.cpu_seconds,
        texts=InstantTexts({**kept, **dict(files)}, [*sample.texts.calls, *calls]),
    )  # fmt: skip


# /proc/PID/cgroup and mountinfo of a process in a group of version 2, and that group's files, by cgroup-v2.rst
GROUP = "/sys/fs/cgroup/app.slice"
MIB = 1 << 20
STAT_V2 = {
    "anon": 40 * MIB, "file": 25 * MIB, "kernel": 3 * MIB, "kernel_stack": MIB, "pagetables": MIB, "sock": 2 * MIB,
    "shmem": 5 * MIB, "hugetlb": 4 * MIB,
}  # fmt: skip


def group_of_version_2(pid, usage=75 * MIB, limit="max\n"):
    """Texts by path."""
    mount = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
    stat = "".join(f"{name} {size}\n" for name, size in STAT_V2.items())
    files = {
        f"/proc/{pid}/cgroup": "0::/app.slice\n",
        "/proc/self/mountinfo": mount,
        f"{GROUP}/memory.current": f"{usage}\n",
        f"{GROUP}/memory.max": limit,
        f"{GROUP}/memory.stat": stat,
    }
    return {path: text.encode() for path, text in files.items()}
