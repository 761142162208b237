"""OOM reports of several kernels, as they stand and as logs leave them."""

import os
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.errors import Denied, MemlabError, Unsupported
from memlab.procfs import oom_report
from memlab.procfs.oom import collect, prefix, table
from memlab.procfs.oom import lines as kinds
from tests import oom_texts as real

KIB = 1024
# what differs from log to log and is no content
PLACE = {"first_line": 0, "last_line": 0, "host": ""}


def only(text):
    (report,) = oom_report.parse(text)
    return report


def content(report):
    return replace(report, **PLACE)


def test_a_cgroup_v2_report_is_read_to_its_last_field():
    report = only(real.text(real.V2))
    assert report.host == "node-vmss000001"
    assert (report.invoked.comm, report.asker.pid) == ("stress-ng-vm", 183960)
    assert report.invoked.pairs == {
        "gfp_mask": "0x1100cca(GFP_HIGHUSER_MOVABLE)", "order": "0", "oom_score_adj": "1000",
    }  # fmt: skip
    assert (report.version, report.constraint) == ((5, 15, 0), "CONSTRAINT_MEMCG")
    assert report.kill["oom_memcg"].endswith("pod5931aa75_4603_4e65_b552_7c71cf55cfb5.slice")
    assert report.kill["task_memcg"].startswith(report.kill["oom_memcg"] + "/cri-containerd-")
    assert report.cpuset == "cri-containerd-25a38b5b8d55.scope"
    assert [(x.what, x.usage_kb, x.failcnt) for x in report.limits] == [
        ("memory", 102400, 6402), ("swap", 0, 0),
    ]  # fmt: skip
    ((path, stat),) = report.stats.items()
    assert path == report.kill["oom_memcg"]
    assert (stat["anon"], stat["shmem"], stat["slab"]) == (98742272, 2297856, 2452248)
    assert len(report.rows) == 9 and report.rows_whole
    assert report.rows[0].oom_score_adj == -998
    last = report.rows[-1]
    assert (last.pid, last.uid, last.total_vm, last.rss) == (183960, 0, 74798, 23376)
    assert (last.pgtables_bytes, last.swapents, last.oom_score_adj) == (487424, 0, 1000)
    (killed,) = report.killed
    assert (killed.pid, killed.comm, killed.uid, killed.oom_score_adj) == (
        183960, "stress-ng-vm", 0, 1000,
    )  # fmt: skip
    assert [killed.total_vm, killed.anon_rss, killed.file_rss, killed.shmem_rss] == [
        299192 * KIB, 93176 * KIB, 316 * KIB, 12 * KIB,
    ]  # fmt: skip
    assert killed.page_tables == 476 * KIB


def test_a_cgroup_v1_report_from_kmsg_has_the_parts_of_rss():
    report = only(real.text(real.V1))
    assert report.version == (6, 18, 44)
    assert {x.what: x.limit_kb for x in report.limits} == {
        "memory": 65536, "memory+swap": 65536, "kmem": 9007199254740988,
    }  # fmt: skip
    assert report.stats["/memlabk"]["total_rss"] == 66830336
    row = report.rows[0]
    assert (row.rss, row.rss_anon, row.rss_file, row.rss_shmem) == (16557, 16288, 269, 0)
    assert row.rss == row.rss_anon + row.rss_file + row.rss_shmem


def test_a_report_of_the_whole_machine_has_its_memory_and_every_task():
    report = only(real.text(real.GLOBAL))
    assert report.constraint == "CONSTRAINT_NONE"
    assert len(report.rows) == 509 and report.rows_whole
    assert report.mem_info["inactive_anon"] == 80651
    assert report.mem_info["slab_unreclaimable"] == 2549
    assert report.nodes[0][1]["kernel_stack"] == 8656
    assert [label for label, _ in report.zones] == ["DMA32"]
    assert report.pages["pages RAM"] - report.pages["pages reserved"] == 371856 // 4
    assert report.buddy_kb == 4


def test_a_report_without_a_table_says_all_else():
    report = only(real.text(real.NO_TABLE))
    assert report.rows == () and not report.rows_whole
    assert report.killed[0].pid == 574


def test_an_old_kernel_s_report_names_who_was_chosen_and_who_died():
    report = only(real.text(real.OLD))
    assert report.version == (2, 6, 24)
    assert report.chosen.pairs == {"score": "42837"}
    assert (report.killed[0].pid, report.killed[0].anon_rss) == (5790, None)
    assert report.constraint == "CONSTRAINT_NONE"  # before 2.6.36 the words tell
    assert report.swap_kb == {"Free swap": 0, "Total swap": 875532}


@pytest.mark.parametrize("prefixed", real.PREFIXES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", real.NAMES)
def test_the_log_s_prefix_changes_nothing(name, prefixed):
    report = only(prefixed(real.words(name)))
    assert content(report) == content(only(real.text(name)))


def test_carriage_returns_and_kmsg_escapes_change_nothing():
    text = real.text(real.V1)
    assert content(only(text.replace(b"\n", b"\r\n"))) == content(only(text))
    assert only(text.replace(b"oomleak", rb"oom\x09eak")).killed[0].comm == "oom\teak"


def test_several_reports_stay_apart():
    names = [name for name in real.NAMES if name != real.OLD] * 2
    reports = oom_report.parse(b"\n".join(map(real.text, names)))
    assert [content(one) for one in reports] == [content(only(real.text(n))) for n in names]
    assert [one.first_line for one in reports] == sorted(one.first_line for one in reports)


def test_other_lines_between_are_passed_over():
    noise = [
        "usb 1-1: new high-speed USB device number 7", "", "audit: type=1400 pid=4242 comm=\"x\"",
        "CPU: 3 PID: 1 Comm: other Not tainted 3.2.0 #1", "[drm] 17 42 ready",
    ]  # fmt: skip
    for name in real.NAMES:
        lines = real.words(name)
        # behind the line that says who asked: until then a stranger's would be taken for it
        begin = next(n for n, line in enumerate(lines) if "omm:" in line) + 1
        mixed = lines[:begin]
        for number, line in enumerate(lines[begin:]):
            mixed += [noise[number % len(noise)], line]
        mixed.append(noise[0])
        assert content(only(real.dmesg(mixed))) == content(only(real.text(name))), name


def test_lines_of_two_machines_in_one_syslog_are_told_apart():
    one = real.journal(real.words(real.V2)).splitlines(keepends=True)
    two = real.journal(real.words(real.GLOBAL)).replace(b" box ", b" other ").splitlines(True)
    mixed = []
    for n in range(max(len(one), len(two))):
        mixed += one[n : n + 1] + two[n : n + 1]
    found = {report.host: content(report) for report in oom_report.parse(b"".join(mixed))}
    assert found == {
        "box": content(only(real.text(real.V2))),
        "other": content(only(real.text(real.GLOBAL))),
    }


@pytest.mark.parametrize("name", real.NAMES)
def test_what_is_cut_off_is_said_and_the_rest_is_read(name):
    lines = real.words(name)
    whole = only(real.text(name))
    for cut in range(1, len(lines), max(1, len(lines) // 40)):
        head = oom_report.parse(real.dmesg(lines[:cut]))
        assert len(head) == 1 and head[0].begins and not head[0].ends
        assert not head[0].rows_whole or head[0].kill or head[0].chosen
        assert head[0].rows == whole.rows[: len(head[0].rows)]
        tail = oom_report.parse(real.dmesg(lines[cut:]))
        assert len(tail) == 1 and not tail[0].begins and tail[0].ends
        assert tail[0].killed[0].pid == whole.killed[0].pid
        assert tail[0].rows == whole.rows[len(whole.rows) - len(tail[0].rows) :]


def test_a_cut_report_does_not_run_into_the_next():
    lines = real.words(real.GLOBAL)
    first, second = oom_report.parse(real.dmesg(lines[:300] + real.words(real.V1)))
    assert not first.ends and not first.rows_whole
    assert len(first.rows) == sum(table.row(line, None) is not None for line in lines[:300]) > 200
    assert content(second) == content(only(real.text(real.V1)))
    # and one without its beginning comes behind a whole one
    whole, rest = oom_report.parse(real.dmesg(real.words(real.V1) + lines[300:]))
    assert whole.killed[0].comm == "oomleak" and rest.killed[0].comm == "hog"
    assert not rest.begins and len(rest.rows) == len(lines) - 300 - 2


def test_a_report_that_never_ends_is_closed_after_so_many_other_lines(monkeypatch):
    monkeypatch.setattr(collect, "MOST_BETWEEN", 50)
    lines = real.words(real.V1)
    noise = ["usb 1-1: new device"] * 60
    first, second = oom_report.parse(real.dmesg(lines[:40] + noise + lines[40:]))
    assert (first.begins, first.ends, second.begins, second.ends) == (True, False, False, True)
    assert second.rows and second.killed[0].pid == 15598


def test_grepped_kills_are_a_report_each():
    lines = [line for name in real.NAMES for line in real.words(name) if "Killed process" in line]
    assert len(oom_report.parse(real.dmesg(lines))) == len(real.NAMES)


def test_a_table_with_lost_lines_is_not_whole():
    lines = real.words(real.GLOBAL)
    lines[100:103] = ["** 3 printk messages dropped **"]
    report = only(real.dmesg(lines))
    assert len(report.rows) == 506 and not report.rows_whole


def test_mem_info_alone_is_no_report():
    lines = real.words(real.GLOBAL)
    begin = lines.index("Mem-Info:")
    info = lines[begin : next(n for n, x in enumerate(lines) if x.startswith("Tasks state"))]
    assert oom_report.parse(real.dmesg(info)) == ()
    # and that of a failed allocation does not get into the next report
    failed = ["x: page allocation failure: order:4, mode:0x40cc0", *info]
    assert content(only(real.dmesg(failed + real.words(real.V1)))).mem_info == {}


def test_a_group_dies_in_one_report():
    lines = real.words(real.V1)
    path = "/memlabk"
    group = f"Tasks in {path} are going to be killed due to memory.oom.group set"
    report = only(real.kmsg([*lines, group, lines[-1].replace("15598 (oomleak)", "15599 (sleep)")]))
    assert [one.pid for one in report.killed] == [15598, 15599] and report.group == path


def test_the_reaper_s_line_belongs_to_its_victim_only():
    lines = real.words(real.V1)
    reaped = "oom_reaper: reaped process {} ({}), now anon-rss:0kB, file-rss:0kB, shmem-rss:8kB"
    report = only(
        real.kmsg([*lines, reaped.format(15598, "oomleak"), reaped.format(77, "stranger")])
    )
    assert [(one.pid, one.pairs["shmem-rss"]) for one in report.reaped] == [(15598, "8kB")]


@pytest.mark.parametrize(
    "comm", ["Web Content", "a b=c,d", "x,pid=7", "x)", "(sd-pam)", "1 2 3", "kworker/u8:3"]
)
def test_a_comm_may_hold_anything(comm):
    lines = [line.replace("oomleak", comm) for line in real.words(real.V1)]
    report = only(real.dmesg(lines))
    assert report.invoked.comm == report.killed[0].comm == report.rows[0].name == comm
    assert report.kill["task"] == comm and report.kill["pid"] == "15598"
    assert report.asker.comm == comm


def test_columns_of_other_eras_are_read_by_their_heading():
    """Headings as mm/oom_kill.c of 2.6.36, 3.10 and 4.9 has them; rows are those of a real report, rearranged."""
    source = only(real.text(real.V1)).rows[0]
    for names in ("cpu oom_adj oom_score_adj", "nr_ptes swapents oom_score_adj",
                  "nr_ptes nr_pmds swapents oom_score_adj"):  # fmt: skip
        columns = table.heading(f"[ pid ]   uid  tgid total_vm      rss {names} name")
        assert columns == ("uid", "tgid", "total_vm", "rss", *names.split())
        values = [0, source.tgid, source.total_vm, source.rss, *range(len(names.split()))]
        row = table.row(f"[15598] {' '.join(map(str, values))} a b", columns)
        assert (row.pid, row.rss, row.name) == (15598, 16557, "a b")
        assert [getattr(row, name) for name in names.split()] == list(range(len(names.split())))


def test_without_a_heading_the_columns_are_guessed_by_their_number():
    for name in (real.V1, real.V2, real.GLOBAL):
        whole = only(real.text(name))
        rows = [line for line in real.words(name) if table.row(line, None)]
        assert tuple(table.row(line, None) for line in rows) == whole.rows


LONG = (
    b"[ ", b"1 ", b"Killed process 1 (", b",task=", b"Memory cgroup stats for a: ", b" invoked oom-killer: ",
    b'{"a":', b'{"MESSAGE":"oom",', b"[1] 1 1 1 1 1 1 1 ", b"(\\x41", b"1*4kB ", b"a:1kB ", b"Comm: Tainted: ",
    b"CPU: 1 PID: 1 Comm: ", b"a cpuset= mems_allowed=", b"oom-kill:constraint=x,task=a", b"Node 0 ",
)  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_long_lines_cost_little(piece):
    """Behind the first line of a report, so that every kind of line is tried on them."""
    begins = real.dmesg(real.words(real.V1)[:1])
    begin = time.process_time()
    oom_report.parse(begins + piece * 40_000 + b"\n" + (piece * 200 + b"\n") * 200)
    # 0.2 s; with a quadratic pattern planted (".*,task=.*Z") 17 s
    assert time.process_time() - begin < 2


def test_memory_has_a_bound(monkeypatch):
    monkeypatch.setattr(collect, "MOST_ROWS", 1000)
    monkeypatch.setattr(collect, "MOST_REPORTS", 3)
    log = oom_report.stream(_File((real.text(real.GLOBAL) + b"\n") * 4))
    assert [len(one.rows) for one in log.reports] == [509, 491, 0] and log.dropped == 1
    assert log.reports[1].rows_dropped == 18 and not log.reports[1].rows_whole


class _File:
    """A log that is read once, in lines."""

    def __init__(self, text):
        self._lines = iter(text.splitlines(keepends=True))

    def readline(self, most):
        line = next(self._lines, b"")
        assert len(line) <= most
        return line


def test_a_stream_ends_at_its_bound(monkeypatch):
    monkeypatch.setattr(oom_report, "MOST_BYTES", 100_000)
    with open("/dev/zero", "rb") as file:
        log = oom_report.stream(file)
    assert log.cut and log.reports == ()


def test_a_stream_says_the_same_as_the_whole_text(tmp_path):
    path = tmp_path / "log"
    text = b"x" * 10_000 + b"\n" + b"\n".join(map(real.text, real.NAMES))
    path.write_bytes(text)
    with path.open("rb") as file:
        assert list(map(content, oom_report.stream(file).reports)) == list(
            map(content, oom_report.parse(text))
        )


def test_records_of_a_kmsg_come_one_by_one(tmp_path):
    """A FIFO stands for the device: one read is one record, and none is EAGAIN."""
    path = tmp_path / "kmsg"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    record = b"6,1,1,-;" + real.words(real.V1)[-1].encode() + b"\n SUBSYSTEM=acpi\n"
    with open(path, "wb") as writer:
        writer.write(record)
        writer.flush()
        found = oom_report.kmsg(str(path))
    os.close(reader)
    assert found.reports[0].killed[0].pid == 15598


def test_a_kmsg_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises((Denied, Unsupported), match="kmsg"):
        oom_report.kmsg(str(tmp_path / "kmsg"))


def test_this_machine_s_kmsg_is_read_or_refused():
    said = "/dev/kmsg was read"
    try:
        oom_report.kmsg()
    except MemlabError as error:
        said = str(error)
    assert "/dev/kmsg" in said


PIECES = st.sampled_from([line for name in real.NAMES for line in real.words(name)[:70]])
BENT = st.sampled_from(
    ["", "\0", "\x1b[31m", "9" * 30, "-1", "kB", "(", ")", ",", "=", "٣", "\\x0a", ": "]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(PIECES, BENT, st.integers(0, 200)), max_size=60),
    st.sampled_from(real.PREFIXES),
)
def test_shuffled_and_bent_lines_never_raise(drawn, prefixed):
    lines = [line[:at] + bend + line[at:] for line, bend, at in drawn]
    text = prefixed(lines)
    for report in oom_report.parse(text):
        assert 1 <= report.first_line <= report.last_line
    for line in lines:
        for read in (
            kinds.invoked,
            kinds.kill,
            kinds.killing,
            kinds.limit,
            kinds.stats,
            kinds.asker,
        ):
            read(line)
        prefix.strip(line)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_never_raise(text):
    oom_report.parse(text)
    oom_report.parse(real.text(real.V1)[:2000] + text + real.text(real.V1)[2000:])
