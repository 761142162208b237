"""Redaction: no name is left anywhere, and the verdict is what it was; in shell and in Python."""

import gzip
import json
import os
import re
import socket
import tarfile
from pathlib import Path

import pytest

from memlab.cli.main import main
from memlab.diagnose import diagnose
from memlab.lab.experiment import start
from memlab.model import outside
from memlab.observe.files import open_recording, save_recording
from memlab.observe.redact import Redactor
from memlab.procfs import sysvipc_shm
from tests.observe.capturing import GENEROUS, SHELLS, capture, under_way
from tests.observe.test_capture import child, named

DATA = Path(__file__).parent.parent / "data" / "recordings"
NAMED = """
import ctypes, mmap, os
place = {place!r} + "/hidden_place"
os.makedirs(place, exist_ok=True)
kept = []
for name in ("hidden_lib.so.1.2", 'hidden "odd\\\\\\u00e9', "hidden (deleted)", "hidden_gone"):
    file = open(place + "/" + name, "w+b")
    file.write(b"x" * 8192); file.flush()
    kept += [file, mmap.mmap(file.fileno(), 8192)]
os.unlink(place + "/hidden_gone")
for n in range(2):
    memfd = os.memfd_create("hidden_memfd")
    os.ftruncate(memfd, 8192)
    kept += [mmap.mmap(memfd, 8192)]
shm = open("/dev/shm/hidden_shm_%d" % os.getpid(), "w+b")
shm.write(b"x" * 8192); shm.flush(); kept.append(mmap.mmap(shm.fileno(), 8192))
os.unlink(shm.name)
ctypes.CDLL(None).prctl(15, b"hidden_program", 0, 0, 0)
"""
# words of the kernel's own, and of what must stay for the verdict
PUBLIC = set(
    """dev shm zero null proc self sys fs cgroup memory tmpfs devices system cpu cpuacct cpuset blkio pids freezer
    unified systemd hugetlb net_cls net_prio perf_event rdma misc devpts devtmpfs sysfs task status stat
    limits sysctl mqueue kernel node root init none udev ext4 overlay heap stack name""".split()
)


def everything(path):
    """All bytes of a packed recording: names and contents, what is packed in it unpacked."""
    found = []
    with tarfile.open(path, ignore_zeros=True) as tar:
        for member in tar:
            found.append(member.name.encode())
            if member.isfile():
                content = tar.extractfile(member).read()
                found.append(gzip.decompress(content) if member.name.endswith(".gz") else content)
    return b"\n".join(found)


def names_in(recording):
    """Every component of every path, every program and the boot that the plain recording names."""
    said = {recording.header.target["comm"], recording.header.target["boot_id"]}
    said |= {
        socket.gethostname(),
        str(recording.header.host["kernel"].partition("-")[2] or "unknown"),
    }
    for sample in recording:
        paths = set() if sample.smaps is None else set(sample.smaps.names)
        paths |= {fd.target for fd in sample.fds or ()}
        paths |= {mount.mount_point for mount in sample.mounts or ()}
        paths |= {mount.root for mount in sample.mounts or ()}
        paths |= {path for path in sample.texts.files if path.startswith("/sys/fs/cgroup")}
        paths |= set(
            re.findall("/.*", sample.texts.files.get(f"/proc/{sample.pid}/cgroup", b"").decode())
        )
        for path in paths:
            said |= set(path.removesuffix(" (deleted)").split("/"))
    plain = re.compile(
        r"\[.*\]|(pipe|socket|anon_inode|memfd)?:?\[?\d*\]?|(memory|pids|cgroup)\..*"
    )
    return {
        word for word in said if len(word) > 2 and word not in PUBLIC and not plain.fullmatch(word)
    }


def left(names, content):
    """Those names that still stand there as words of their own."""
    return {
        name
        for name in names
        if re.search(rb"(?<![\w.-])" + re.escape(os.fsencode(name)) + rb"(?![\w-])", content)
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The path of a recording of a program whose every name begins with hidden, by memlab record."""
    folder = tmp_path_factory.mktemp("plain")
    listed = f"/dev/shm/hidden_listed {os.getpid()}\"'é"  # a name that /dev/shm lists
    with child(NAMED.format(place=str(folder))) as running, named(listed):
        path = folder / "plain.tar.gz"
        asked = ["record", str(running.pid), "-o", str(path), "--seconds", "1"]
        assert main(asked) == 0
        assert main([*asked[:3], str(folder / "direct.tar.gz"), *asked[4:], "--redact"]) == 0
        for shell in SHELLS:
            words = ("--seconds", "1", *GENEROUS, "--redact", "--out", shell, running.pid)
            run = capture(shell, *words, cwd=folder)
            assert (run.returncode, run.stderr) == (0, "")
        yield path


@pytest.mark.parametrize("way", ["command", "direct", *SHELLS])
def test_no_name_is_left_in_any_byte(plain, way):
    path = plain.with_name(f"{way}.tar.gz")
    if way == "command":
        assert main(["redact", str(plain)]) == 0
        path = plain.with_name("plain-redacted.tar.gz")
    names = names_in(open_recording(plain))
    assert {"hidden_program", "hidden_place", "hidden_lib.so.1.2", "memfd:hidden_memfd"} <= names
    assert len(left(names, everything(plain))) > len(names) / 2, "this test sees names"
    content = everything(path)
    assert b"hidden" not in content and b"hidde" not in content
    assert left(names, content) == set()
    assert not list(path.parent.glob("*.unredacted"))


@pytest.mark.parametrize("way", ["direct", *SHELLS])
def test_what_the_verdict_rests_on_stays(plain, way):
    redacted = open_recording(plain.with_name(f"{way}.tar.gz")).samples[0]
    before = open_recording(plain).samples[0]
    assert redacted.regions.kinds.tolist() == before.regions.kinds.tolist()
    assert redacted.regions.types.tolist() == before.regions.types.tolist()
    assert redacted.smaps.inode.tolist() == before.smaps.inode.tolist()
    assert [fd.kind for fd in redacted.fds] == [fd.kind for fd in before.fds]
    # the same name is the same number, in mappings, descriptors and mounts
    for ours, theirs in zip(before.fds, redacted.fds, strict=True):
        assert (ours.target in before.smaps.names) == (theirs.target in redacted.smaps.names), ours
    number = dict(zip(before.smaps.names, redacted.smaps.names, strict=True))
    assert len(set(number.values())) == len(number)
    assert sum(name.endswith(".so") for name in number.values()) == sum(
        re.search(r"\.so[.\d]*$", name) is not None for name in number
    )
    known = {mount.mount_point for mount in redacted.tmpfs_mounts}
    assert "/dev/shm" in known
    assert all(redacted.space(mount) is not None for mount in redacted.tmpfs_mounts)
    assert redacted.status.uid == before.status.uid
    assert redacted.host.listdir("/dev/shm")
    assert outside.written(redacted) is not None and outside.segments(redacted) is not None
    group, there = outside.group_of(before), outside.group_of(redacted)
    assert (group is None) == (there is None)
    assert group is None or redacted.pid in there.pids
    limits = [
        open_recording(plain.with_name(f"{one}.tar.gz")).header.host["limits"]
        for one in (way, "plain")
    ]
    for name in ("pid_max", "cgroup_tasks_limit"):
        assert limits[0][name] == limits[1][name]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.tar.gz")), ids=lambda path: path.stem)
def test_recordings_of_other_machines_keep_their_verdict(path):
    recording = open_recording(path)
    assert said(Redactor().recording(recording)) == said(recording)


def said(recording):
    """The diagnosis as JSON, without names."""
    text = json.dumps(diagnose(recording).to_json(), sort_keys=True)
    return re.sub(r'(/[^ ",]+|"comm": "[^"]*"|"boot_id": "[^"]*"|\bmemlab\b|fs/\S+)', "_", text)


@pytest.mark.live
@pytest.mark.parametrize("name", ["tmpfs", "shm", "memfd"])
def test_leaks_in_named_memory_are_found_without_the_names(name, tmp_path):
    with start(name, rate="4MiB/s", cap="96MiB") as experiment:
        path = tmp_path / "run.tar.gz"
        asked = [
            "record",
            str(experiment.pid),
            "-o",
            str(path),
            "--seconds",
            "4",
            "--budget",
            "30%",
        ]
        assert main(asked) == 0
    before, after = open_recording(path), Redactor().recording(open_recording(path))
    found = [diagnose(recording) for recording in (before, after)]
    assert found[0].findings and found[0].findings[0].pattern == found[1].findings[0].pattern
    assert found[0].findings[0].bytes == found[1].findings[0].bytes
    save_recording(after, tmp_path / "again.tar.gz")
    assert said(open_recording(tmp_path / "again.tar.gz")) == said(after)


def test_one_call_has_one_table(plain, tmp_path):
    """So that before and after still belong together; another call has another."""
    both = [plain, plain.with_name("two.tar.gz")]
    save_recording(open_recording(plain), both[1])
    both = [
        path.rename(tmp_path / path.name) if path.name == "two.tar.gz" else path for path in both
    ]
    redactor = Redactor()
    first, second = (redactor.recording(open_recording(path)) for path in both)
    assert first.samples[0].smaps.names == second.samples[0].smaps.names
    assert first.header.target == second.header.target


def test_killed_before_it_is_redacted_it_is_called_unredacted(tmp_path):
    from tests.observe.capturing import capturing

    with child("pass") as running:
        words = ("--seconds", "50", *GENEROUS, "--redact", "--out", "it", running.pid)
        with capturing("dash", *words, cwd=tmp_path) as run:
            under_way(tmp_path / "it.unredacted", 2)
            run.kill()
            run.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["it.unredacted"]
    assert len(open_recording(tmp_path / "it.unredacted")) >= 1


def test_ids_of_users_become_others_and_root_stays():
    change = Redactor()._change_of("status")
    redacted = change(b"Name:\tsecret\nUid:\t1000\t0\t1000\t1001\nGroups:\t4 1000 \n")
    assert redacted == b"Name:\tname1\nUid:\t100001\t0\t100001\t100002\nGroups:\t100003\t100001\n"


def test_system_v_tables_keep_their_sizes_and_lose_their_owners():
    texts = {name: Path(f"/proc/sysvipc/{name}").read_bytes() for name in ("shm", "msg")}
    made = texts["shm"] + b"1835100 7 1600 1048576 4242 0 2 1234 1234 1234 1234 0 0 0 4096 0\n"
    redactor = Redactor()
    redacted = redactor._change_of("shm")(made)
    (last,) = [row for row in sysvipc_shm.parse(redacted) if row.shmid == 7]
    assert (last.size, last.rss, last.nattch) == (1 << 20, 4096, 2)
    assert b"1234" not in redacted and b"1835100" not in redacted
    assert len(redactor._change_of("msg")(texts["msg"]).split()) == len(texts["msg"].split())
