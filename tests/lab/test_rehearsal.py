"""The kernel kills in a group of our own, whom we said; and whatever is killed of ours, nothing stays behind."""

import errno
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from memlab.errors import Denied, Unsupported
from memlab.lab import containment
from memlab.lab.kernel_log import KernelLog
from memlab.lab.processes import descendants
from memlab.lab.rehearsal import Rehearsal, _Group, rehearse
from memlab.lab.rehearsals import open_rehearsal, run_table
from memlab.lab.sweep import sweep
from memlab.model.oom_line_up import FIRST_LESSON, draw, line_up
from memlab.present.rehearsals import whole_reports
from memlab.procfs import oom_report
from memlab.units import MIB
from tests.lab.ordinary import as_root, run_as_nobody
from tests.lab.private import in_own_shm
from tests.lab.remains import gone, guard_of, is_zombie, supervisor_of
from tests.waiting import until

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def group_or_skip():
    run_id = os.urandom(6).hex()
    folder, why_not = containment.make_group(run_id, 16 * MIB)
    if folder is None:
        pytest.skip(f"needs leave to make a memory cgroup: {why_not}")
    os.rmdir(folder)


def readable(told):
    """Skips what needs the kernel's log where nobody may read it."""
    if not told.log:
        pytest.skip(f"needs the kernel's log: {told.log_from}")
    return told


@pytest.fixture(scope="module")
def first():
    return rehearse(FIRST_LESSON, "web")


def test_the_one_that_counts_most_dies_and_neither_who_asked_nor_who_is_first_by_oom_score(first):
    assert first.forecast.victim == first.victim == "database"
    assert first.forecast.first_in_line == ("web",)
    assert first.learner_is_right is False
    # half a lesson is what came back
    assert first.looks[-1].usage < first.line_up.limit - 50 * MIB
    assert first.looks[-1].events["oom_kill"] == len(first.deaths)


def test_its_report_is_read_whole_and_has_the_tasks_alone(first):
    judged = readable(first).judged[0]
    assert judged.agrees and judged.report.rows_whole and judged.report.ends
    assert {row.name for row in judged.report.rows} == {"database", "web", "leaker"}
    assert judged.total.pages * judged.page_bytes == first.line_up.limit


def test_everybody_s_score_was_seen_to_the_end(first):
    for name in {"web", "leaker"} - {one.name for one in first.deaths}:
        assert all(name in {one.name for one in look.seen} for look in first.looks)
    asked = [look.asked for look in first.looks]
    assert asked == sorted(asked) and asked[0] == 0


@pytest.mark.parametrize("seed", [2, 5, 13])
def test_a_drawn_line_up_dies_as_forecast(seed):
    told = rehearse(draw(seed))
    assert told.agrees, told.line_up.command
    assert all(one.agrees for one in told.judged)


@pytest.mark.soak
def test_all_twenty_die_as_forecast_and_are_read_whole():
    rows = dict(run_table(20))
    assert [seed for seed, told in rows.items() if not told.agrees] == []
    if all(told.log for told in rows.values()):
        assert whole_reports(rows) == 20


def test_files_on_tmpfs_kill_one_after_the_other_and_stay():
    told = rehearse(["innocent:12MiB", "writer:4MiB:tmpfs:grows"], limit=32 * MIB, to_the_end=True)
    assert [one.name for one in told.deaths] == ["innocent", "writer"]
    # the rest of the 32 MiB, where the kernel has waited for what the first one gave back before it killed the next
    assert told.ended == "killed" and told.shmem_left > 18 * MIB
    assert told.looks[-1].usage >= told.shmem_left, "nothing of it came back"


def test_names_are_what_ps_shows_and_the_program_is_not_in_the_group():
    with Rehearsal(line_up(["web:1MiB", "db:1MiB"])) as on:
        pids = {int(pid) for pid in Path(on._group.folder, "cgroup.procs").read_text().split()}
        names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
        assert names == {"web", "db"}
        assert Path(f"/proc/{min(pids)}/oom_score_adj").read_text().strip() == "0"


def test_an_adj_that_is_not_ours_to_give_is_told_in_one_line():
    status = Path("/proc/self/status").read_text()
    effective = int(next(x for x in status.splitlines() if x.startswith("CapEff")).split()[1], 16)
    if effective >> 24 & 1:  # CAP_SYS_RESOURCE, include/uapi/linux/capability.h
        told = rehearse(["safe:20MiB:-998", "b:2MiB:grows"], limit=32 * MIB)
        assert told.victim == "b"
        return
    with pytest.raises(Denied, match="without CAP_SYS_RESOURCE 0 is the lowest here"):
        rehearse(["safe:20MiB:-998", "b:2MiB:grows"], limit=32 * MIB)


def test_where_a_login_has_a_floor_everybody_is_raised_and_the_choice_is_the_same():
    """As below systemd, which gives a desktop's applications 200 and keeps them from less."""
    made = line_up(["a:16MiB", "b:2MiB:100", "c:1MiB:grows"], 32 * MIB)
    with Rehearsal(made, raised=200) as on:
        on.press()
        told = on.end()
    assert told.raised == 200 and told.agrees and told.victim == "a"
    if told.log:
        adjs = {row.name: row.oom_score_adj for row in told.reports[0].rows}
        assert adjs == {"a": 200, "b": 300, "c": 200}


def test_no_more_than_the_group_is_asked_of_the_machine():
    with Rehearsal(line_up(["a:1MiB", "b:1MiB"], 16 * MIB)) as on:
        folder, version = Path(on._group.folder), on._group.version
        limit = "memory.limit_in_bytes" if version == 1 else "memory.max"
        assert int((folder / limit).read_text()) == 16 * MIB
        assert (
            int((folder / ("memory.swappiness" if version == 1 else "memory.swap.max")).read_text())
            == 0
        )


# ---- nothing stays behind -------------------------------------------------------------------


def run_id(on):
    return on._box()["run"]


def test_nothing_is_left_after_the_block():
    with Rehearsal(line_up(["a:1MiB", "log:1MiB:tmpfs"], 16 * MIB)) as on:
        ours = run_id(on)
    gone(ours)


DRIVER = """
import sys, time
from memlab.lab.rehearsal import Rehearsal
from memlab.model.oom_line_up import line_up
with Rehearsal(line_up(["a:2MiB", "log:2MiB:tmpfs:grows"], 16 << 20)) as on:
    print(on._box()["run"], on._guard.pid, flush=True)
    on.step()
    time.sleep(60)
"""


def driver():
    """A process that rehearses: itself, its run's id and the guard's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    ours, guard = process.stdout.readline().split()
    return process, ours, int(guard)


def test_a_driver_that_is_killed_leaves_no_process_and_no_group():
    process, ours, _ = driver()
    process.kill()
    process.wait()
    process.stdout.close()
    gone(ours)


@in_own_shm
@pytest.mark.parametrize("whom", ["guard", "supervisor", "stage", "both"])
def test_whatever_of_ours_is_killed_the_rest_or_a_sweep_clears_up(whom):
    with suppress(Exception), Rehearsal(line_up(["a:2MiB", "log:2MiB:tmpfs"], 16 * MIB)) as on:
        ours, guard, supervisor = run_id(on), guard_of(on), supervisor_of(on)
        stage = on._events.last("ready")["pid"]
        family = [guard, *descendants(guard)]
        chosen = {
            "guard": [guard],
            "supervisor": [supervisor],
            "stage": [stage],
            "both": [supervisor, guard],
        }[whom]
        if whom == "both":
            os.kill(guard, signal.SIGSTOP)
        for pid in chosen:
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(map(is_zombie, family)))
    sweep()
    gone(ours)


# ---- what is read ----------------------------------------------------------------------------


def test_a_group_of_version_2_is_read(tmp_path):
    """Files as a kernel with cgroup v2 has them; this machine may have version 1."""
    texts = {
        "memory.current": "104857600\n",
        "memory.max": "104857600\n",
        "memory.stat": "anon 62914560\nfile 20971520\nshmem 20971520\n",
        "memory.events": "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n",
        "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    group = _Group(str(tmp_path))
    assert (group.version, group.usage(), group.shmem(), group.waited()) == (
        2,
        100 * MIB,
        20 * MIB,
        1234,
    )
    assert group.events()["oom_kill"] == 1 and "failcnt" not in group.events()


def test_a_group_of_version_2_is_made_to_be_killed_one_by_one(tmp_path):
    """memory.oom.group would kill them all at once (admin-guide/cgroup-v2.rst)."""
    for name, one_by_one, group_kill in (("one", True, "0"), ("all", False, "1")):
        folder = tmp_path / name
        assert containment._make_one(str(folder), 2, 32 * MIB, one_by_one) == ""
        assert (folder / "memory.oom.group").read_text() == group_kill
        assert (folder / "memory.max").read_text() == str(32 * MIB)
        assert (folder / "memory.swap.max").read_text() == "0"


def test_of_the_kernel_s_log_only_the_group_s_own_reports_are_kept(first):
    log = readable(first).log
    ours = oom_report.parse(log.encode())
    assert len(ours) == len(first.deaths) and len(log.splitlines()) == ours[-1].last_line


def test_a_log_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with KernelLog(str(tmp_path / "kmsg")) as log:
        assert log.source == f"not read ({tmp_path}/kmsg: {os.strerror(errno.ENOENT)}); run as root"
        assert log.of_group("memlab-0123456789ab", {1}) == ""


def test_a_tool_prints_what_the_device_would(tmp_path, monkeypatch):
    told = open_rehearsal(ROOT / "notebooks/recordings/oom_tmpfs.json")
    (tmp_path / "lines").write_text(f"[    1.0] unrelated\n{told.log}\n[    2.0] more\n")
    tool = tmp_path / "dmesg"
    tool.write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path}/lines\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with KernelLog(str(tmp_path / "kmsg")) as log:
        assert log.source == "dmesg --syslog"
        name = told.reports[0].kill["oom_memcg"].rsplit("/", 1)[-1]
        assert log.of_group(name, set()) == told.log
        assert log.of_group("memlab-000000000000", set()) == ""


@as_root
def test_who_may_make_no_group_is_told_in_one_line(tmp_path_factory):
    code = (
        "from memlab.lab.rehearsal import rehearse\n"
        "try: rehearse(['a:1MiB', 'b:1MiB'])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    home = Path(f"/tmp/memlab-rehearsal-home-{os.getpid()}")
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    try:
        said = run_as_nobody("-c", code, home=home, packages=False)
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)
    assert said.stdout.startswith(
        f"{Unsupported.__name__} a rehearsal needs a memory cgroup of its own"
    ), said
    assert len(said.stdout.splitlines()) == 1


def test_a_kept_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(Denied):
        open_rehearsal(tmp_path / "none")
    told = json.loads((ROOT / "notebooks/recordings/oom_database.json").read_text())
    path = tmp_path / "kept"
    path.write_text(json.dumps(told))
    assert open_rehearsal(path).victim == "database"
