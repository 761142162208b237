"""Who holds shared memory, on objects that children of the test really hold."""

import ctypes
import json
import mmap
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from memlab.model.owners import ObjectKind, State
from memlab.observe.owners import gather, look
from memlab.observe.tmpfs import filesystems
from memlab.present.owners import owners_text
from memlab.procfs.host import Host
from tests.sysv import segment
from tests.waiting import until

pytestmark = pytest.mark.live
HOST = Host()
PAGE = 4096
MIB = 1 << 20
ROOT = os.getuid() == 0
# a CPU keeps up to 125 pages of the machine's Shmem to itself (mm/vmstat.c, MAX_THRESHOLD)
BATCHES = 125 * PAGE * os.cpu_count()

CHILD = """
import ctypes, json, mmap, os, sys
opened, mapped, orphan, memfd = sys.argv[1:4] + [int(sys.argv[4])]
held = os.open(opened, os.O_RDWR)
os.unlink(opened)
number = os.open(mapped, os.O_RDWR)
libc = ctypes.CDLL(None)  # Python's own mmap keeps a descriptor of the file
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
view = libc.mmap(None, 2 * 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, number, 0)
os.close(number)
ctypes.memset(view, ord("x"), 2 * 4096)
common = mmap.mmap(-1, 64 * 4096)
common[: 5 * 4096] = b"x" * 5 * 4096
reading, writing = os.pipe()
grandchild = os.fork()
if grandchild == 0:
    os.close(writing)
    common[4096] = 1
    os.read(reading, 1)
    os._exit(0)
print(json.dumps({"grandchild": grandchild, "held": held}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def scene():
    """A child and its child, with one object of each sort; all is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="memlab-test-", dir="/dev/shm") as folder:
        paths = {name: Path(folder, name) for name in ("opened", "mapped", "orphan")}
        for count, path in enumerate(paths.values(), 1):
            path.write_bytes(b"x" * PAGE * (count + 2))
        memfd = os.memfd_create("memlab-test-handed-over")
        os.ftruncate(memfd, MIB)
        os.pwrite(memfd, b"x" * 7 * PAGE, 0)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, paths.values()), str(memfd)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[memfd],
        )  # fmt: skip
        os.close(memfd)
        try:
            told = json.loads(child.stdout.readline())
            yield {"folder": folder, "pid": child.pid, "memfd": memfd, **told}
        finally:
            child.communicate(timeout=20)


@pytest.fixture(scope="module")
def found(scene):
    return look(HOST)


def only(found, kind, pid):
    (thing,) = (o for o in found.of(pid) if o.kind is kind)
    return thing


def posix(found, scene, name):
    path = f"{scene['folder']}/{name}"
    (thing,) = (o for o in found.objects if o.name in (path, path + " (deleted)"))
    return thing


def test_a_deleted_file_is_held_by_the_process_that_has_it_open(found, scene):
    thing = posix(found, scene, "opened")
    assert (thing.kind, thing.state, thing.bytes) == (ObjectKind.TMPFS, State.DELETED, 3 * PAGE)
    # the grandchild was forked with the same descriptors
    assert {h.pid: h.fds for h in thing.holders} == {
        scene["pid"]: (scene["held"],), scene["grandchild"]: (scene["held"],),
    }  # fmt: skip


def test_a_file_that_is_only_mapped_is_held_by_no_descriptor(found, scene):
    thing = posix(found, scene, "mapped")
    assert (thing.state, thing.bytes) == (State.HELD, 4 * PAGE)
    assert {(h.fds, h.mapped) for h in thing.holders} == {((), 2 * PAGE)}


def test_a_file_that_nobody_has_is_an_orphan(found, scene):
    thing = posix(found, scene, "orphan")
    assert (thing.state, thing.bytes, thing.holders) == (State.ORPHAN, 5 * PAGE, ())


def test_a_memfd_that_nobody_mapped_is_found_by_its_descriptor(found, scene):
    thing = only(found, ObjectKind.MEMFD, scene["pid"])
    assert (thing.state, thing.allocated, thing.length) == (State.HELD, 7 * PAGE, MIB)
    assert [(h.pid, h.fds, h.mapped) for h in thing.holders] == [
        (scene["pid"], (scene["memfd"],), 0), (scene["grandchild"], (scene["memfd"],), 0),
    ]  # fmt: skip


def test_a_shared_mapping_of_parent_and_child_counts_once(found, scene):
    thing = only(found, ObjectKind.SHARED_ANONYMOUS, scene["pid"])
    assert thing.bytes == 5 * PAGE
    assert {h.pid for h in thing.holders} == {scene["pid"], scene["grandchild"]}
    assert only(found, ObjectKind.SHARED_ANONYMOUS, scene["grandchild"]) == thing


def test_text_names_each_of_them(found, scene):
    text = owners_text(found, top=10_000)
    for word in ("held by nobody", "deleted, held", "memlab-test-handed-over", "= Shmem"):
        assert word in text
    own = owners_text(found, scene["pid"])
    assert f"{scene['folder']}/mapped" in own
    assert f"{scene['folder']}/orphan" not in own


def test_a_posix_segment_is_a_name_in_dev_shm_itself():
    name = f"memlab-test-segment-{os.getpid()}"
    path = Path("/dev/shm") / name
    path.write_bytes(bytes(3 * PAGE))
    try:
        with path.open("rb"):
            kept = look(HOST)
            path.unlink()
            lost = look(HOST)
    finally:
        path.unlink(missing_ok=True)
    for found, state in ((kept, State.HELD), (lost, State.DELETED)):
        (thing,) = (o for o in found.of(os.getpid()) if name in o.name)
        assert (thing.kind, thing.state, thing.bytes) == (ObjectKind.POSIX, state, 3 * PAGE)


def test_a_segment_with_and_without_attachments():
    with segment(8 * PAGE) as (shmid, attach):

        def mine():
            (thing,) = (
                o for o in look(HOST).objects if o.kind is ObjectKind.SYSV and o.inode == shmid
            )
            return thing

        lone = mine()
        assert (lone.state, lone.holders, lone.bytes, lone.length) == (
            State.ORPHAN,
            (),
            0,
            8 * PAGE,
        )
        attach(touch=3 * PAGE)
        held = mine()
        assert (held.state, held.attached, held.bytes) == (State.HELD, 1, 3 * PAGE)
        assert [(h.pid, h.mapped) for h in held.holders] == [(os.getpid(), 8 * PAGE)]


def test_a_segment_and_a_memfd_with_one_inode_are_two():
    """The inode of a segment is its shmid: on the same device a memfd may have it too."""
    seen = gather(HOST)
    with segment(PAGE) as (shmid, attach):
        attach(touch=PAGE)
        memfd = os.memfd_create("twin")
        try:
            device = os.fstat(memfd).st_dev
            mapping = next(
                line for line in Path("/proc/self/maps").read_text().splitlines() if "/SYSV" in line
            )
            assert int(mapping.split()[4]) == shmid
            major, minor = (int(part, 16) for part in mapping.split()[3].split(":"))
            assert os.makedev(major, minor) == device
        finally:
            os.close(memfd)
    assert seen.ipc


def test_huge_pages_are_no_shmem():
    """A memfd of hugetlbfs looks like any other by name; it needs no huge page until it is touched."""
    try:
        number = os.memfd_create("memlab-test-huge", os.MFD_HUGETLB)
    except OSError as error:
        pytest.skip(f"no hugetlbfs: {error}")
    try:
        names = [o.name for o in look(HOST).of(os.getpid())]
    finally:
        os.close(number)
    assert not any("memlab-test-huge" in name for name in names)


def test_the_ledger_moves_with_what_is_made_and_misses_what_lies_in_a_socket():
    """16 MiB of each: a file and a memfd are explained, a memfd in a queue is the residual."""
    size = 16 * MIB

    def moves_the_residual_by(expected, make):
        """Asked again where others made or freed shared memory during or between the looks."""
        before = look(HOST)
        undo = make()
        try:
            after = look(HOST)
        finally:
            undo()
        moved = after.shmem - before.shmem, after.residual - before.residual
        off = [abs(moved[0] - size), abs(moved[1] - expected)]
        return all(amount <= 2 * BATCHES for amount in off)

    def a_file():
        file = tempfile.NamedTemporaryFile(dir="/dev/shm")  # noqa: SIM115
        file.write(b"x" * size)
        file.flush()
        return file.close

    def a_memfd():
        number = os.memfd_create("memlab-test")
        os.write(number, b"x" * size)
        return lambda: os.close(number)

    def a_queue():
        one, other = socket.socketpair()
        number = os.memfd_create("memlab-test")
        os.write(number, b"x" * size)
        socket.send_fds(one, [b"x"], [number])
        os.close(number)
        return lambda: (one.close(), other.close())

    until(lambda: moves_the_residual_by(0, a_file), seconds=60)
    until(lambda: moves_the_residual_by(0, a_memfd), seconds=60)
    until(lambda: moves_the_residual_by(size, a_queue), seconds=60)


def test_a_walk_says_that_it_was_cut_and_follows_no_link(tmp_path):
    with tempfile.TemporaryDirectory(prefix="memlab-test-", dir="/dev/shm") as folder:
        Path(folder, "loop").symlink_to(folder)
        Path(folder, "file").write_bytes(b"x")
        whole = filesystems(HOST, (), 100_000)
        assert sum(f.path.startswith(folder) for s in whole for f in s.files) == 1
        assert not any(system.cut for system in whole)
        assert any(system.cut for system in filesystems(HOST, (), 1))
    assert any("cut" in remark for remark in look(HOST, most_files=1).remarks)


@pytest.mark.skipif(not ROOT, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_sees_its_own_and_how_many_it_may_not_read():
    """Without map_files the size of its shared mapping comes from Pss, as a lower bound."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE, which a change of user takes away
        memory = mmap.mmap(-1, 64 * PAGE)
        memory[: 9 * PAGE] = b"x" * 9 * PAGE
        found = look(HOST)
        mine = [(o.kind.value, o.allocated, o.at_least) for o in found.of(os.getpid())]
        os.write(writing, json.dumps([mine, found.remarks]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        mine, remarks = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert ["shared anonymous", None, 9 * PAGE] in mine
    assert sum("processes that may not be read" in remark for remark in remarks) == 1
