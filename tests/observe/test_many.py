"""Many processes at a fixed rate, against the readers of one."""

import os
import subprocess
import threading

import pytest

from memlab.observe import many
from memlab.observe.many import FIND_EVERY, STAT_EVERY, Crowd
from memlab.procfs import stat, statm
from memlab.procfs.host import Host
from tests.waiting import until

HOST = Host()
STATM = "2049 301 277 23 0 110 0\n"
STAT = (
    "{pid} (a) S 1 42 42 0 -1 4194560 139 0 3 0 7 9 0 0 20 0 1 0 {start} {vsize} 301 "
    "18446744073709551615 94 95 96 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 97 98 99 100 101 102 103 0\n"
)


@pytest.fixture
def sleepers():
    found = [subprocess.Popen(["sleep", "100"]) for _ in range(5)]
    for one in found:
        until(lambda one=one: stat.read(HOST, one.pid).comm == "sleep")
        until(lambda one=one: stat.read(HOST, one.pid).state == "S")
    yield found
    for one in found:
        one.kill()
        one.wait()


def open_descriptors():
    return set(os.listdir("/proc/self/fd"))


def rows(crowd):
    table = crowd.table()
    return {
        int(pid): {name: int(table[name][i]) for name in table}
        for i, pid in enumerate(table["pid"])
    }


def expected(pid):
    line, pages = stat.read(HOST, pid), statm.read(HOST, pid)
    return {
        "pid": pid,
        "starttime": line.starttime,
        "rss": line.rss,
        "minflt": line.minflt,
        "majflt": line.majflt,
        "size": pages.size,
        "resident": pages.resident,
        "shared": pages.shared,
    }


@pytest.mark.live
@pytest.mark.parametrize("descriptors", [None, 0, 1, 7])
def test_the_table_says_what_the_readers_of_one_say(sleepers, descriptors):
    """With all files kept open, with none, and with some of them."""
    pids = [one.pid for one in sleepers]
    with Crowd(only=pids, descriptors=descriptors) as crowd:
        crowd.look()
        assert rows(crowd) == {pid: expected(pid) for pid in pids}
        kept = 10 if descriptors is None else descriptors
        assert crowd.opened_each_time == 10 - kept


@pytest.mark.live
@pytest.mark.parametrize("descriptors", [None, 0])
def test_who_ends_is_forgotten_and_who_comes_is_found(sleepers, descriptors):
    with Crowd(descriptors=descriptors) as crowd:
        crowd.look()
        first = set(rows(crowd))
        assert {one.pid for one in sleepers} | {os.getpid()} <= first
        sleepers[1].kill()
        sleepers[1].wait()
        crowd.look()
        assert sleepers[1].pid not in rows(crowd)
        with pytest.raises(KeyError):
            crowd.history(sleepers[1].pid)
        new = subprocess.Popen(["sleep", "100"])
        sleepers.append(new)
        for _ in range(FIND_EVERY - 1):
            crowd.look()
        assert rows(crowd)[new.pid]["starttime"] == stat.read(HOST, new.pid).starttime
        history = crowd.history(new.pid)
        assert len(history.times) == len(history.stat_times) == 1  # not its row's former owner's


@pytest.mark.live
def test_descriptors_come_back(sleepers):
    before = open_descriptors()
    with Crowd(only=[one.pid for one in sleepers]) as crowd:
        crowd.look()
        assert len(open_descriptors()) == len(before) + 10
        sleepers[0].kill()
        sleepers[0].wait()
        crowd.look()
        assert len(open_descriptors()) == len(before) + 8
    assert open_descriptors() == before
    assert len(crowd) == 0


def test_it_leaves_descriptors_to_the_rest_of_the_program():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(open_descriptors())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 24, hard))
        assert 0 <= many._spare_descriptors(HOST) <= 24
        with Crowd() as crowd:
            crowd.look()
            assert os.getpid() in rows(crowd)
            os.close(os.open("/dev/null", os.O_RDONLY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def folder(tmp_path):
    """A machine of files: `put(pid, start, …)` makes a process."""

    def put(pid, start=100, vsize=8392704, pages=STATM):
        (tmp_path / f"proc/{pid}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"proc/{pid}/stat").write_text(STAT.format(pid=pid, start=start, vsize=vsize))
        (tmp_path / f"proc/{pid}/statm").write_text(pages)

    put.host = Host(tmp_path)
    return put


def test_history_is_bounded_and_in_order(folder):
    folder(7)
    crowd = Crowd(folder.host, instants=10, descriptors=2)
    for n in range(25):
        folder(7, pages=f"{n} 1 1 1 0 1 0\n")
        crowd.look(now=float(n))
    history = crowd.history(7)
    assert history.times.tolist() == list(range(15, 25))
    assert history.statm["size"].tolist() == [n * 4096 for n in range(15, 25)]
    assert history.stat_times.tolist() == [15, 20]
    assert history.stat["minflt"].tolist() == [139, 139]


def test_a_successor_with_the_same_pid_is_another_process(folder):
    folder(7, start=100)
    crowd = Crowd(folder.host, descriptors=0)
    crowd.look()
    folder(7, start=200)
    for _ in range(STAT_EVERY):
        crowd.look()
    assert len(crowd) == 0
    for _ in range(FIND_EVERY - STAT_EVERY):
        crowd.look()
    assert rows(crowd)[7]["starttime"] == 200
    assert len(crowd.history(7).times) == 1


def test_who_has_no_memory_is_not_taken_up(folder):
    folder(2, vsize=0, pages="0 0 0 0 0 0 0\n")
    folder(7)
    crowd = Crowd(folder.host)
    crowd.look()
    assert set(rows(crowd)) == {7}


def test_of_too_many_the_last_are_counted(folder, monkeypatch):
    monkeypatch.setattr(many, "MAX_PROCESSES", 3)
    for pid in range(1, 6):
        folder(pid)
    crowd = Crowd(folder.host)
    crowd.look()
    assert (set(rows(crowd)), crowd.left_out) == ({1, 2, 3}, 2)


def test_nobody_is_an_empty_table(folder):
    crowd = Crowd(folder.host, only=())
    assert crowd.table()["size"].tolist() == []
    crowd.look()
    assert crowd.table()["size"].tolist() == []
    assert crowd.table().keys() == {
        *("pid", "starttime", "size", "resident", "shared", "rss", "minflt", "majflt")
    }


def test_looks_come_at_their_rate_and_end(folder):
    folder(7)
    crowd, stop = Crowd(folder.host), threading.Event()
    times = list(crowd.looks(seconds=0.5))
    assert len(times) <= 3 and times == sorted(times)
    assert crowd.history(7).times.tolist() == times
    for _ in crowd.looks(stop=stop):
        stop.set()
