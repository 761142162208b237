"""Every field has words, every real text is recognised, and no text makes it raise."""

import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.model.what.clean import lines_of
from memlab.model.what.glossary import _hints, everywhere, glossary, meaning
from memlab.model.what.recognise import explain
from memlab.model.what.types import Tone
from memlab.procfs import meminfo, smaps, stat, statm, status
from memlab.procfs.fields import snake
from memlab.procfs.smaps_lines import NUMBERS, TEXTS

DATA = Path(__file__).parents[2] / "data"
OOM = sorted((DATA / "oom").glob("*.txt"))
PROC = (
    "26231/smaps 26231/smaps_rollup 26231/status 26231/stat 26231/statm 26232/maps"
    " meminfo slabinfo buddyinfo swaps pressure/memory"
)
UNNAMED = "not known here"
# the reader's word for the kernel's: comm stands in parentheses, direct maps differ by machine
HIDDEN = {"unknown", "others"}


def known(file):
    return {snake(name) for name in glossary()[file]}


def named(cls):
    return {field.name for field in fields(cls)} - HIDDEN


def value(item, name):
    return next(field.value for field in item.fields if field.name == name)


def told(explanation, tone=None):
    return " ".join(
        remark.text
        for item in explanation.items
        for remark in item.remarks
        if tone in (None, remark.tone)
    )


@pytest.mark.parametrize(
    ("file", "record"),
    [("meminfo", meminfo.Meminfo), ("status", status.Status), ("statm", statm.Statm)],
)
def test_every_field_of_a_record_has_words(file, record):
    assert named(record) - known(file) == set()


def test_every_field_of_stat_smaps_and_others_of_status_has_words():
    assert {name.replace("_", "") for name in named(stat.Stat)} - {
        name.replace("_", "") for name in known("stat")
    } == set()
    assert len(glossary()["stat"]) == 52
    assert (NUMBERS | TEXTS) - glossary()["smaps"].keys() == set()
    assert status._OTHERS - known("status") == set()


def test_every_hint_is_of_a_field():
    assert [key for key in _hints() if meaning(*key) is None] == []


def test_a_field_without_words_is_seen(monkeypatch):
    monkeypatch.delitem(glossary()["meminfo"], "Shmem")
    assert named(meminfo.Meminfo) - known("meminfo") == {"shmem"}


@pytest.mark.parametrize("path", OOM, ids=lambda path: path.stem)
def test_an_oom_report_is_recognised_to_its_last_line(path):
    found = explain(path.read_text())
    assert found.unknown == ()
    assert not [f.name for item in found.items for f in item.fields if UNNAMED in f.meaning]
    assert "was killed" in found.items[-1].title


def test_an_oom_report_says_whose_memory_was_short():
    def says(start):
        return told(
            explain(next(p for p in OOM if p.name.startswith(start)).read_text()), Tone.ALARMING
        )

    assert "the whole machine was out of memory" in says("linux-6.1-")
    assert "at its limit, 65,536 kB = 64 MiB" in says("linux-6.18-memcg-v1.")
    assert "swap is 100 % full" in says("linux-2.6")
    assert "whole machine" not in says("linux-5.15")


def test_an_oom_report_tells_of_each_kill_once():
    for path in OOM:
        found = explain(path.read_text())
        assert [item.title.count("was killed") for item in found.items].count(1) == 1, path
        assert told(found).count("takes it first") <= 1


@pytest.mark.parametrize("name", PROC.split())
def test_a_real_file_of_proc_is_recognised(name):
    found = explain((DATA / "proc" / name).read_text(errors="replace"))
    assert found.items
    assert found.unknown == ()
    assert "the kernel writes no" not in told(found)


def test_the_sums_are_those_of_the_reader():
    text = (DATA / "proc/26231/smaps").read_bytes()
    (item,) = explain(text.decode()).items
    total = smaps.parse(text).total("rss")
    assert item.resident == total
    assert value(item, "Rss").startswith(f"{total // 1024:,} kB")


def test_the_case_of_the_course():
    stack = explain((DATA / "captures/app_server.smaps.txt").read_text())
    assert "a thread stack. VSZ grows by 10,244 kB a thread" in told(stack)
    samples = explain((DATA / "captures/app_server.pidstat.txt").read_text())
    assert "VSZ rose 4 times by exactly 10,244 kB" in told(samples, Tone.ALARMING)
    assert "10,240 kB + 4 kB" in told(samples)
    assert explain((DATA / "captures/sshd.pmap.txt").read_text()).unknown == ()


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("Rss:   10,240 kB", "Rss", "10,240 kB = 10 MiB"),
        ("> Rss:\t 10.240 kB\r\n", "Rss", "10,240 kB = 10 MiB"),
        ("\x1b[1;32mVmRSS:\x1b[0m   10240 kB", "VmRSS", "10,240 kB = 10 MiB"),
        ("12: MemFree:   80 kB", "MemFree", "80 kB"),
        ("/proc/7/status:VmSwap:  2048 kB", "VmSwap", "2,048 kB = 2 MiB"),
        ("oom_score_adj: -1000", "oom_score_adj", "-1,000"),
        ("[ 12.345678] memory: usage 8kB, limit 9kB, failcnt 3", "failcnt", "3"),
        ("Killed process 7 (x) total-vm:8kB,\nanon-rss:4kB, file-rss:0kB", "anon-rss", "4 kB"),
        ("04:47:00 PM 31108 353,00 0,00 299029776 4182152 12,73 app", "majflt/s", "0.00"),
    ],
)
def test_what_pasting_did_is_undone(text, name, shown):
    (item,) = explain(text).items
    assert value(item, name) == shown


@pytest.mark.parametrize(
    "prefix",
    [
        "[   12.345678] ", "[   12.345678] [ T1234] ", "<3>[   12.345678] ", "kernel: ",
        "[Wed Nov 25 23:30:08 2026] ", "[Nov25 23:30] ", "[Nov 5 23:30] ", "[  +0.000012] ",
        "[   12.345678 <    0.000012>] ", "[<    0.000012>] ",
        "kern  :err   : [   12.345678] ", "kern  :warn  : [Nov25 23:30] ", "kern  :info  : ",
        "2026-11-25T23:30:08,123456+00:00 ", "kern  :err   : 2026-11-25T23:30:08,123456+00:00 ",
        "Nov 25 23:30:08 kernel: ", "Nov 25 23:30:08 host kernel: ", "Nov 25 23:30:08 kernel: [   12.345678] ",
        "2026-11-25T23:30:08+0000 host kernel: ", "[   12.345678] host kernel: ", "3,1234,12345678,-;",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", OOM, ids=lambda path: path.stem)
def test_the_prefix_of_a_log_says_nothing(path, prefix):
    bare = [line for line in lines_of(path.read_text()) if line.strip()]
    assert lines_of("\n".join(prefix + line for line in bare)) == bare


@pytest.mark.parametrize(
    ("text", "calm", "says"),
    [
        ("MemTotal: 1000 kB\nMemAvailable: 49 kB", ("49", "500"), "MemAvailable is 4.9 %"),
        ("CommitLimit: 10 kB\nCommitted_AS: 11 kB", ("11", "9"), "above CommitLimit (110 %)"),
        (
            "MemTotal: 1000 kB\nSUnreclaim: 100 kB",
            ("100 ", "9 "),
            "SUnreclaim is 10 % of the memory",
        ),
        (
            "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=4, oom_score_adj=0",
            ("order=4", "order=0"),
            "order 4: ",
        ),
        ("oom_score_adj: 1000", ("1000", "0"), "takes it first"),
        ("full avg10=0.20 avg60=3.00 avg300=4.95 total=25", ("0.20", "0.00"), "nothing got done"),
        (
            "04:47:00 PM 31108 353.00 7.00 299029776 4182152 12.73 app",
            (" 7.00", " 0.00"),
            "majflt/s up to 7",
        ),
        (
            "1 0 5 23126284 2116 931672 9 0 203 258 155 500 10 3 87 0 0",
            (" 9 0 ", " 0 0 "),
            "si up to 9 KiB/s",
        ),
    ],
)
def test_what_is_alarming_here_and_what_is_not(text, calm, says):
    assert says in told(explain(text), Tone.ALARMING)
    calmed = explain(text.replace(*calm))
    assert calmed.items
    assert told(calmed, Tone.ALARMING) == ""


def test_bare_names():
    for name in (
        "Pss",
        "VmRSS",
        "nDRT",
        "Committed_AS",
        "VmFlags rd",
        "rd",
        "oom_score_adj",
        "vm_rss",
        "meminfo Cached",
        "[heap]",
        "[anon:glibc: malloc]",
    ):
        assert everywhere(name), name
    assert everywhere("VmFlags rd")[0].text == "may be read"
    assert {m.file for m in everywhere("oom_score_adj")} == {"oom", "invoked", "tasks", "kill"}
    assert everywhere("no such thing") == ()


REAL = [path.read_text() for path in OOM] + [
    (DATA / "proc" / name).read_text(errors="replace")[:4000] for name in PROC.split()
]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_makes_it_raise(text):
    explain(text)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REAL), st.data())
def test_no_bent_text_makes_it_raise(text, data):
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : start + 1500]
    at = data.draw(st.integers(0, len(piece)))
    put = data.draw(st.text(max_size=12) | st.text("0123456789", min_size=19, max_size=5000))
    explain(piece[:at] + put + piece[at + data.draw(st.integers(0, 9)) :])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REAL), st.data())
def test_a_strange_line_is_never_dropped(text, data):
    lines = text.splitlines()
    lines.insert(data.draw(st.integers(0, len(lines))), "zq strange words here")
    assert "zq strange words here" in [line for _, line in explain("\n".join(lines)).unknown]


@pytest.mark.live
@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/smaps",
        "/proc/self/maps",
        "/proc/self/smaps_rollup",
        "/proc/self/status",
        "/proc/self/stat",
        "/proc/self/statm",
        "/proc/self/limits",
        "/proc/self/numa_maps",
        "/proc/meminfo",
        "/proc/vmstat",
        "/proc/zoneinfo",
        "/proc/buddyinfo",
        "/proc/slabinfo",
        "/proc/swaps",
        "/proc/pressure/memory",
    ],
)
def test_this_machines_files(path):
    try:
        text = Path(path).read_text(errors="replace")
    except OSError as error:
        pytest.skip(f"{path}: {error.strerror}")
    found = explain(text)
    assert found.items
    assert "the kernel writes no" not in told(found)
    assert found.unknown == ()
    assert not [f.name for item in found.items for f in item.fields if UNNAMED in f.meaning]


@pytest.mark.live
@pytest.mark.parametrize(
    "command",
    [
        *(
            pytest.param(["pmap", *option, "PID"], marks=pytest.mark.needs("pmap"))
            for option in ([], ["-x"], ["-X"], ["-XX"])
        ),
        pytest.param(["pidstat", "-r", "-p", "PID", "1", "2"], marks=pytest.mark.needs("pidstat")),
        pytest.param(
            ["pidstat", "-h", "-r", "-p", "PID", "1", "1"], marks=pytest.mark.needs("pidstat")
        ),
        pytest.param(["top", "-b", "-n1"], marks=pytest.mark.needs("top")),
        pytest.param(["ps", "aux"], marks=pytest.mark.needs("ps")),
        pytest.param(["ps", "-o", "pid,rss,vsz,comm"], marks=pytest.mark.needs("ps")),
        pytest.param(["ps", "-eo", "rss,pid,ppid,nlwp,args"], marks=pytest.mark.needs("ps")),
        pytest.param(["ipcs", "-m"], marks=pytest.mark.needs("ipcs")),
        pytest.param(["smem"], marks=pytest.mark.needs("smem")),
        *(
            pytest.param(["free", *option], marks=pytest.mark.needs("free"))
            for option in ([], ["-hw"], ["-tm"])
        ),
        pytest.param(["vmstat", "1", "2"], marks=pytest.mark.needs("vmstat")),
    ],
    ids=" ".join,
)
def test_this_machines_tools(command):
    words = [str(os.getpid()) if word == "PID" else word for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, errors="replace", timeout=60, check=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    found = explain(done.stdout)
    assert found.items
    assert found.unknown == ()
    assert not [f.name for item in found.items for f in item.fields if UNNAMED in f.meaning]


FREE = """               total        used        free      shared  buff/cache   available
Mem:           24105        3068       18357          38        3104       21036
Swap:              0           0           0"""


def test_free_names_no_unit_so_the_machine_tells_it():
    (item,) = explain(FREE).items
    assert value(item, "Mem total") == "24,105 kB = 23.5 MiB"
    assert "of `free -m` 23.5 GiB" in told(explain(FREE))
    (item,) = explain(FREE, here_bytes=24684092 * 1024).items
    assert value(item, "Mem total") == "24,683,520 kB = 23.5 GiB"
    assert "unit" not in told(explain(FREE, here_bytes=24684092 * 1024))
    (item,) = explain(FREE, here_bytes=900 << 30).items
    assert value(item, "Mem total") == "24,105 kB = 23.5 MiB"
    assert "none of them" in told(explain(FREE, here_bytes=900 << 30))


@pytest.mark.live
@pytest.mark.needs("free")
@pytest.mark.parametrize("option", ["-b", "-k", "-m"])
def test_here_every_unit_of_free_is_the_same_machine(option):
    with open("/proc/meminfo") as file:
        here = int(file.readline().split()[1]) * 1024
    text = subprocess.run(["free", option], capture_output=True, text=True, check=True).stdout
    (item,) = explain(text, here).items
    assert int(value(item, "Mem total").split()[0].replace(",", "")) == pytest.approx(
        here / 1024, abs=1024
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Pss: 8 MB", "8 MB"), ("Pss: -8 kB", "-8 kB"), ("RssAnon: abc kB", "abc kB"), ("MemFree: 1.5 kB", "1.5 kB"),
     ("Threads: many", "many"),
     ("7f0000000000-7f0000001000 rw-p 00000000 00:00 0\nRss: 4 GB\nPss: 4 kB", "4 GB")],
)  # fmt: skip
def test_a_value_that_no_kernel_prints_is_said_and_not_taken_for_kb(text, shown):
    (item,) = explain(text).items
    assert f"like this: '{shown}'" in told(explain(text), Tone.ALARMING)
    assert item.resident is None
    sizes = [field.value for field in item.fields]
    assert shown in sizes or shown == "-8 kB"


TOP = """MiB Mem :  24105.6 total,  19818.2 free,   1375.1 used,   3241.0 buff/cache
MiB Swap:   9.0 total,   8.0 free,   1.0 used.  22729.9 avail Mem"""


@pytest.mark.parametrize("text", [FREE, TOP], ids=["free", "top"])
def test_memory_and_swap_are_each_told_of_themselves(text):
    fields = [f for item in explain(text).items for f in item.fields if f.name.endswith("total")]
    assert [field.meaning for field in fields] == ["MemTotal", "SwapTotal"]
    everything = " ".join(f.meaning for item in explain(text).items for f in item.fields)
    assert everything.count("SwapTotal - SwapFree") == 1


def test_columns_of_ps_and_smem_may_stand_in_any_order():
    text = "  RSS   PID COMMAND\n 4100     7 tail -f x\n  900     8 sh"
    (item,) = explain(text).items
    assert (value(item, "RSS"), value(item, "COMMAND")) == ("4,100 kB = 4 MiB", "tail -f x")
    assert item.resident == 4100 * 1024
    assert "kernel thread" not in told(explain(text))
    smem = """  PID User     Command                         Swap      USS      PSS      RSS
 8167 root     tail -f 10                            0    116      183     1792
 4072 root                                        0     2868     7056     15508"""
    (item,) = explain(smem).items
    assert explain(smem).unknown == ()
    assert (value(item, "PID"), value(item, "Command"), item.resident) == (
        "4,072",
        "",
        15508 * 1024,
    )
    (item,) = explain(smem.rpartition("\n")[0]).items
    assert (value(item, "Command"), value(item, "USS")) == ("tail -f 10", "116 kB")


def test_limits_numa_maps_and_segments():
    (item,) = explain(
        "Max address space         1073741824           unlimited            bytes"
    ).items
    assert value(item, "Max address space") == "1,073,741,824 B = 1 GiB; at most unlimited"
    numa = "00400000 default file=/bin/x mapped=2 N0=2 kernelpagesize_kB=4\n"
    numa += "7f0000000000 bind:0 anon=3 dirty=3 mapmax=2 N0=1 N1=2 kernelpagesize_kB=4"
    (item,) = explain(numa).items
    assert (value(item, "N0"), value(item, "policy")) == ("3 pages = 12 KiB", "default or bind:0")
    ipcs = "0x00000000 5          root       600        524288     0          dest\n"
    ipcs += "0x1c0ffee1 6          nobody     666        1048576    2"
    (item,) = explain(ipcs).items
    assert value(item, "bytes") == "1,048,576 B = 1 MiB"
    assert "1 with no attachment, 512 kB" in told(explain(ipcs), Tone.ALARMING)


def test_kmemleak():
    text = """unreferenced object 0xffff888003c5a000 (size 4096):
  comm "insmod", pid 71, jiffies 4294896612 (age 12.020s)
  hex dump (first 32 bytes):
    a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5  ................
  backtrace (crc 5aef8a1c):
    [<ffffffffc0000012>] leak_init+0x12/0x40 [leak]
    do_one_initcall+0x43/0x210
"""
    found = explain(text)
    (item,) = found.items
    assert found.unknown == ()
    assert value(item, "size") == "4,096 B = 4 KiB"
    assert re.match(r"leak_init\+0x12/0x40 \[leak\] and 1 more", value(item, "backtrace"))
