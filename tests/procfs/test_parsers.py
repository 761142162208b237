"""The readers on real files of other kernels, and on text that was bent and cut."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.errors import Malformed, Unsupported
from memlab.procfs import (
    cgroup,
    limits,
    maps,
    meminfo,
    mountinfo,
    smaps,
    smaps_rollup,
    stat,
    statm,
    status,
    vmstat,
)

PROC = Path(__file__).parent.parent / "data" / "proc"
KIB = 1024


def text(name):
    return (PROC / name).read_bytes()


def test_smaps_of_linux_4_19():
    found = smaps.parse(text("26231/smaps"))
    assert len(found) == text("26231/smaps").count(b"VmFlags:")
    assert found.unknown == frozenset()
    assert found.total("size") == sum(mapping.size for mapping in found)
    first = found.row(0)
    assert (first.start, first.end, first.perms, first.name) == (
        0x400000,
        0xCB1000,
        "r-xp",
        "/bin/alertmanager",
    )
    assert first.device == "253:1"
    assert found.column("rss")[0] == 2952 * KIB
    assert "dw" in found.vm_flags[0]
    assert "ksm" not in found.columns


def test_a_rollup_of_linux_4_19():
    """tests/proof/test_eras.py holds its sums against smaps of the same process."""
    rollup = smaps_rollup.parse(text("26231/smaps_rollup"))
    assert rollup["rss"] == 29948 * KIB
    assert rollup["anonymous"] == 20756 * KIB
    with pytest.raises(Unsupported, match="pss_anon"):
        rollup["pss_anon"]  # 5.3


def test_a_capture_without_vmflags_and_without_padding():
    captured = (PROC.parent / "captures" / "app_server.smaps.txt").read_bytes()
    found = smaps.parse(captured)
    assert found.column("size").tolist() == [10240 * KIB, 4 * KIB]
    assert list(found.perms) == ["rw-p", "---p"]
    assert list(found.vm_flags) == [frozenset(), frozenset()]


def test_names_that_try_to_be_something_else():
    header = b"7f0000000000-7f0000001000 rw-p 00000000 00:01 77                         "
    body = b"\nSize:                  4 kB\nRss:                   0 kB\nVmFlags: rd wr\n"
    names = [
        b"/tmp/VmFlags: x",
        b"/a  b",
        b"/line\\012break",
        b"/gone (deleted)",
        b"/\xff\xfe",
        b"",
        b"/Rss: 4 kB",
    ]
    found = smaps.parse(b"".join(header + name + body for name in names))
    assert list(found.names) == [name.decode(errors="surrogateescape") for name in names]
    assert found.total("size") == len(names) * 4 * KIB


@pytest.mark.parametrize(
    ("bent", "says"),
    [
        (b"nonsense\n", "smaps:1: is no mapping"),
        (b"00400000-00401000 rw-p 0 00:00 0\nRss: many kB\n", "smaps:2: is no number"),
        (b"00400000-00401000 rw-p 0 00:00 0\nRss: 4 kB\nRss: 4 kB\n", "smaps:3: is there twice"),
        (
            b"00400000-00401000 rw-p 0 00:00 0\nRss: 4 kB\n00401000-00402000 rw-p 0 00:00 0\n",
            "is cut",
        ),
        (b"00400000-00401000 rw-p 0 00:00 0\n", "this is maps"),
        (b"00401000-00400000 rw-p 0 00:00 0\n", "ends before it starts"),
    ],
)
def test_bent_smaps_say_where(bent, says):
    with pytest.raises(Malformed, match=says):
        smaps.parse(bent)


def test_maps_and_stat_of_a_go_server():
    assert len(maps.parse(text("26232/maps"))) == 9
    found = stat.parse(text("26232/stat"))
    assert (found.pid, found.comm, found.state, found.num_threads) == (33, "ata_sff", "S", 1)


def test_a_stat_line_whose_name_holds_parentheses_and_blanks():
    line = text("26231/stat").replace(b"(vim)", b"(a) b (c) 1 2)")
    assert stat.parse(line).comm == "a) b (c) 1 2"


def test_status_knows_sizes_in_bytes_and_what_a_kernel_thread_lacks():
    found = status.parse(text("26231/status"))
    assert (found.name, found.vm_size, found.vm_rss, found.rss_anon) == (
        "prometheus", 58440 * KIB, 6716 * KIB, 2092 * KIB,
    )  # fmt: skip
    kernel_thread = b"Name:\tkthreadd\nState:\tS (sleeping)\nPid:\t2\nPPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
    assert status.parse(kernel_thread).vm_size is None
    with pytest.raises(Malformed, match="has no gid"):
        status.parse(b"Name:\tx\n")


def test_statm_is_pages():
    assert statm.parse(b"2 1 1 1 0 1 0\n", page_bytes=4096) == statm.Statm(
        8192, 4096, 4096, 4096, 4096
    )
    with pytest.raises(Malformed, match="7"):
        statm.parse(b"1 2 3\n")


def test_meminfo_counts_huge_pages_and_knows_all_other_lines():
    found = meminfo.parse(text("meminfo"))
    assert found.mem_total == 15666184 * KIB
    assert found.huge_pages_total == 0
    assert found.unknown == {}
    with pytest.raises(Malformed, match="MemTotal"):
        meminfo.parse(b"Buffers: 3 kB\n")


def test_mountinfo_undoes_octal_escapes():
    line = b"36 35 98:0 /a\\040b /mnt\\134x rw,noatime shared:1 master:2 - tmpfs name rw,size=4k\n"
    (mount,) = mountinfo.parse(line)
    assert (mount.root, mount.mount_point, mount.fs_type, mount.device) == (
        "/a b",
        "/mnt\\x",
        "tmpfs",
        "98:0",
    )
    assert len(mountinfo.parse(text("26231/mountinfo"))) == text("26231/mountinfo").count(b"\n")


def test_limits_and_groups_and_counters():
    found = limits.parse(text("26231/limits"))
    assert (found.soft["open_files"], found.soft["address_space"]) == (2048, 8589934592)
    groups = cgroup.parse(b"9:memory:/a\n4:cpu,cpuacct:/b\n0::/c\n")
    assert groups == {"memory": "/a", "cpu": "/b", "cpuacct": "/b", "": "/c"}
    assert vmstat.parse(b"nr_free_pages 5\npgfault 7\n")["pgfault"] == 7
    with pytest.raises(Malformed, match="vmstat:1"):
        vmstat.parse(b"oops\n")


PARSERS = [
    (smaps.parse, "26231/smaps"), (smaps_rollup.parse, "26231/smaps_rollup"), (maps.parse, "26232/maps"),
    (stat.parse, "26231/stat"), (statm.parse, "26231/statm"), (status.parse, "26231/status"),
    (meminfo.parse, "meminfo"), (mountinfo.parse, "26231/mountinfo"), (limits.parse, "26231/limits"),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "name"), PARSERS, ids=[name for _, name in PARSERS])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_the_text_it_is_a_record_or_one_of_our_errors(parse, name, data):
    raw = bytearray(text(name))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    with suppress(Malformed, Unsupported):
        parse(bytes(raw[:cut]) if data.draw(st.booleans()) else bytes(raw))
