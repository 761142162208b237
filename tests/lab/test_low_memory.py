"""Leakers are ended while there still is memory. What counts as low is set high here: nothing is exhausted.

Only a memory cgroup of a few MiB is ever filled, and never to its end.
"""

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import memlab
from memlab.errors import Gone
from memlab.lab.containment import make_group, reserve
from memlab.lab.experiment import start
from memlab.lab.low_memory import LowMemory, trigger
from memlab.procfs import meminfo
from memlab.procfs.host import Host
from memlab.units import MIB
from tests.lab.remains import gone, run_id_of
from tests.waiting import until

pytestmark = pytest.mark.live

PACKAGE = str(Path(memlab.__file__).parent.parent)


def available():
    return meminfo.read(Host()).mem_available


def test_below_the_floor_memory_is_low_and_above_it_is_not():
    assert LowMemory(floor=available() // 2).shortage(pressure=False) is None
    found = LowMemory(floor=2 * available()).shortage(pressure=False)
    assert found.where == "this machine"
    assert 0 < found.available_bytes < found.floor_bytes


def test_when_tasks_wait_for_memory_it_is_low_sooner():
    watch = LowMemory(floor=available() * 3 // 4)
    assert watch.shortage(pressure=False) is None
    assert watch.shortage(pressure=True).pressure


def test_waiting_alone_is_no_shortage():
    """A program that thrashes in a small cgroup makes tasks wait, and the machine has plenty."""
    watch = LowMemory(floor=available() // 4)
    assert watch.shortage(pressure=True) is None


def test_a_start_keeps_twice_as_much_free_as_the_floor():
    total = meminfo.read(Host()).mem_total
    watch = LowMemory()
    (_, _, floor) = watch._machine()
    assert floor == reserve(total) // 2


@contextmanager
def small_group(limit):
    folder, why_not = make_group(f"test-low-{os.getpid()}", limit)
    if folder is None:
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    try:
        yield folder
    finally:
        os.rmdir(folder)


def in_group(folder, code):
    """What Python code prints that runs in this group."""
    join = "import pathlib, sys; pathlib.Path(sys.argv[1], 'cgroup.procs').write_text('0')\n"
    said = subprocess.run(
        [sys.executable, "-c", join + code, folder],
        env={**os.environ, "PYTHONPATH": PACKAGE}, capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr or said.returncode
    return said.stdout.strip()


WATCH = (
    "from memlab.lab.low_memory import LowMemory\n"
    "watch = LowMemory(floor=0)\n"
    "assert watch.shortage(False) is None\n"
)


def test_a_limit_of_the_group_we_run_in_counts():
    fill = (
        "kept = []\n"
        "while not (found := watch.shortage(False)):\n"
        "    kept.append(bytearray(b'x') * (1 << 18))\n"
        "print(found.where, found.available_bytes, found.floor_bytes, sep='|')\n"
    )
    with small_group(64 * MIB) as folder:
        where, left, floor = in_group(folder, WATCH + fill).split("|")
    assert where == f"the memory cgroup {folder}"
    assert int(left) < int(floor) == 64 * MIB // 20


def test_file_cache_that_fills_a_group_is_no_shortage():
    read = (
        "import os\n"
        "file = os.open('/var/tmp', os.O_TMPFILE | os.O_RDWR)\n"
        "for _ in range(96):\n"
        "    os.write(file, bytes(1 << 20))\n"
        "    assert watch.shortage(False) is None\n"
        "usage = pathlib.Path(sys.argv[1], watch._version == 1 and 'memory.usage_in_bytes' or 'memory.current')\n"
        "print(usage.read_text())\n"
    )
    with small_group(64 * MIB) as folder:
        usage = int(in_group(folder, WATCH + read))
    assert usage > 60 * MIB, "it was full"


# a machine with a version 2 group of 110 MiB above ours, as cgroup-v2.rst describes its files
V2 = {
    "/proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 6291456 kB\n",
    "/proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
    "/proc/self/cgroup": "0::/app.slice/job\n",
    "/sys/fs/cgroup/app.slice/job/memory.current": "1\n",
    "/sys/fs/cgroup/app.slice/job/memory.max": "max\n",
    "/sys/fs/cgroup/app.slice/memory.max": "115343360\n",
}


@pytest.mark.parametrize(
    ("usage", "file_cache", "pressure", "left"),
    [
        (90, 0, True, None),
        (100, 0, False, None),
        (100, 0, True, 10),
        (106, 0, False, 4),
        (106, 50, True, None),
        (109, 3, False, 4),
    ],
)
def test_a_group_of_version_2_counts_without_its_file_cache(
    tmp_path, usage, file_cache, pressure, left
):
    stat = f"anon 1\nfile {file_cache * MIB}\ninactive_file {file_cache * MIB}\nactive_file 0\n"
    group = "/sys/fs/cgroup/app.slice"
    files = {f"{group}/memory.current": f"{usage * MIB}\n", f"{group}/memory.stat": stat}
    for path, text in {**V2, **files}.items():
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    found = LowMemory(host=Host(tmp_path)).shortage(pressure)
    if left is None:
        assert found is None
    else:
        assert (found.where, found.available_bytes) == (f"the memory cgroup {group}", left * MIB)
        assert found.floor_bytes == 110 * MIB // 20


THRASH = (
    "import os, time\n"
    "file = os.open('/var/tmp', os.O_TMPFILE | os.O_RDWR)\n"
    "for _ in range(64):\n"
    "    os.write(file, bytes(1 << 20))\n"
    "os.fsync(file)\n"
    "print('begun', flush=True)\n"
    "while True:\n"
    "    for place in range(64):\n"
    "        os.pread(file, 1 << 20, place << 20)\n"
)


def test_the_kernel_says_when_tasks_wait_for_memory():
    """A real event: a program reads 64 MiB in a group of 20 MiB, again and again."""
    event = trigger("/proc/pressure/memory", b"some 1000 2000000\0")
    if event is None:
        pytest.skip("needs a writable /proc/pressure/memory (Linux 5.2, psi=1; 6.5 without root)")
    poll = select.poll()
    poll.register(event, select.POLLPRI)
    join = "import pathlib, sys; pathlib.Path(sys.argv[1], 'cgroup.procs').write_text('0')\n"
    with small_group(20 * MIB) as folder:
        thrashing = subprocess.Popen(
            [sys.executable, "-S", "-c", join + THRASH, folder], stdout=subprocess.PIPE, text=True
        )
        try:
            until(lambda: poll.poll(100) == [(event, select.POLLPRI)], seconds=60)
        finally:
            thrashing.kill()
            thrashing.communicate()
            os.close(event)


def test_a_file_that_takes_no_trigger_is_none(tmp_path):
    assert trigger(str(tmp_path / "missing")) is None
    assert trigger("/proc/self/comm/memory.pressure") is None


def test_all_leakers_are_ended_and_say_why(monkeypatch):
    monkeypatch.setenv("MEMLAB_FLOOR", str(available() // 4))
    before = start("heap", paused=True)
    monkeypatch.setenv("MEMLAB_FLOOR", "100TiB")
    ended = []
    for name in ("tmpfs", "process-children"):
        try:
            run = start(name, rate="20/s", cap="8MiB" if name == "tmpfs" else None)
        except Gone as error:  # before it was ready
            ended.append(str(error))
            continue
        until(lambda run=run: not run.alive)
        with pytest.raises(Gone) as caught:
            run.step()
        ended.append(str(caught.value))
        (killed,) = [event for event in run.events if event["event"] == "killed"]
        assert killed["reason"] == "low-memory"
        assert killed["floor_bytes"] == 100 << 40
        assert 0 < killed["available_bytes"] < killed["floor_bytes"]
        gone(run_id_of(run))
    assert all("ended, to keep this machine safe: this machine has" in line for line in ended)
    assert all("100 TiB are the least" in line and "\n" not in line for line in ended)
    assert before.step()["count"] == 1, "its own floor was another"
    before.stop()


def test_the_command_says_it_in_one_line():
    said = subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", "leak", "heap", "--cap", "8MiB"],
        env={**os.environ, "MEMLAB_FLOOR": "100TiB"}, capture_output=True, text=True, cwd=PACKAGE,
    )  # fmt: skip
    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert line.startswith("memlab leak: heap was ended, to keep this machine safe: this machine")
    events = [json.loads(text) for text in said.stdout.splitlines()]
    (killed,) = [event for event in events if event["event"] == "killed"]
    gone(events[0]["run"])
    assert killed["reason"] == "low-memory"
