"""Names that look like something else come out whole, from the kernel through a recording."""

import os
import subprocess
import sys

import pytest

from memlab.observe.files import RecordingWriter, open_recording
from memlab.observe.sampler import Sampler
from memlab.procfs import fd, maps, maps_table, smaps, stat, status
from memlab.procfs.host import Host

pytestmark = pytest.mark.live
HOST = Host()
NAMES = [
    b"two\nlines", b" blanks  in it ", b"a (deleted)", b"VmFlags: rd wr", b"Rss:                4 kB", b"\xff\xfe\x80",
    b") R 1 2", b"back\\slash\\012", b"7f00-7f01 rw-p 00000000 00:00 0", b"tab\tand\rreturn", b"n" * 255, "ö€".encode(),
]  # fmt: skip
CODE = """
import ctypes, mmap, os, sys
kept = []
for name in os.listdir(b"."):
    number = os.open(name, os.O_RDWR)
    kept.append(mmap.mmap(number, 4096))
    kept[-1][0] = 1
hidden = os.memfd_create(") VmFlags: rd (deleted)")
ctypes.CDLL(None).prctl(15, b") R 1 (x\\n", 0, 0, 0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = os.fsencode(tmp_path_factory.mktemp("hostile"))
    for name in NAMES:
        with open(os.path.join(path, name), "wb") as file:
            file.write(bytes(4096))
    return path


@pytest.fixture(scope="module")
def process(folder):
    child = subprocess.Popen(
        [sys.executable, "-c", CODE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"ready\n"
    os.unlink(os.path.join(folder, NAMES[0]))  # and this one really is deleted
    yield child.pid
    child.communicate()


def in_maps(path, deleted):
    """As the kernel writes a path there: only the newline is escaped (fs/seq_file.c, seq_path)."""
    escaped = path.replace(b"\n", b"\\012") + b" (deleted)" * deleted
    return escaped.decode(errors="surrogateescape")


def expected(folder):
    return {in_maps(os.path.join(folder, name), name == NAMES[0]) for name in NAMES}


def ours(folder, names):
    return {name for name in names if name.startswith(os.fsdecode(folder))}


def test_in_maps_and_smaps_by_every_reader(process, folder):
    assert ours(folder, (m.name for m in maps.read(HOST, process))) == expected(folder)
    assert ours(folder, maps_table.read(HOST, process).names) == expected(folder)
    found = smaps.read(HOST, process)
    assert ours(folder, found.names) == expected(folder)
    for row in found:
        if row.name.startswith(os.fsdecode(folder)):
            assert (row.size, row.rss) == (4096, 4096)
    assert found.unknown == frozenset()


def test_in_descriptors(process, folder):
    targets = {one.target for one in fd.read(HOST, process)}
    for name in NAMES:
        path = os.path.join(folder, name) + b" (deleted)" * (name == NAMES[0])
        assert os.fsdecode(path) in targets
    kinds = {one.target: one.kind for one in fd.read(HOST, process)}
    assert kinds[os.fsdecode(os.path.join(folder, b"a (deleted)"))] == "file"
    assert kinds[os.fsdecode(os.path.join(folder, NAMES[0]) + b" (deleted)")] == "deleted"
    assert kinds["/memfd:) VmFlags: rd (deleted) (deleted)"] == "memfd"


def test_in_the_name_of_the_process(process):
    found = stat.read(HOST, process)
    assert found.comm.startswith(") R 1 (x")
    assert found.state in "RSD"
    assert found.ppid == os.getpid()
    assert status.read(HOST, process).name == r") R 1 (x\n"


def test_through_a_recording(process, folder, tmp_path):
    sampler = Sampler(process, budget=1.0)
    path = tmp_path / "run.tar.gz"
    with RecordingWriter(path, sampler.header()) as writer:
        writer.add(sampler.take(must=True))
    found = open_recording(path)
    assert found.losses == ()
    (sample,) = found
    assert ours(folder, sample.smaps.names) == expected(folder)
    assert {one.target for one in sample.fds} == {one.target for one in fd.read(HOST, process)}
    assert found.header.target["comm"] == sampler.comm
