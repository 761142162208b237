"""Files of /proc that stay open between looks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Denied, Gone, Unsupported
from memlab.procfs import stat, statm, status
from memlab.procfs.host import Host, InstantTexts, Tee
from tests.waiting import until

HOST = Host()


def open_descriptors():
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture
def child():
    """A shell that becomes `sleep` when it reads a line."""
    process = subprocess.Popen(["sh", "-c", "read line; exec sleep 100"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("in_one_piece", [False, True])
@pytest.mark.parametrize("name", ["stat", "statm", "status"])
def test_a_kept_file_says_what_a_fresh_one_says(name, in_one_piece, child):
    """sleep(1)'s counters of context switches stand still, and so does what else is in these."""
    path = f"/proc/{child.pid}/{name}"
    until(lambda: stat.read(HOST, child.pid).state == "S")
    kept = HOST.keep(path, in_one_piece)
    assert kept.path == path
    assert until(lambda: kept.read() == Path(path).read_bytes())
    assert kept.read() == kept.read()
    kept.close()


def test_it_survives_exec_and_sees_the_new_program(child):
    files = [HOST.keep(f"/proc/{child.pid}/{name}", True) for name in ("stat", "statm", "status")]
    before = [kept.read() for kept in files]
    child.stdin.write(b"\n")
    child.stdin.close()
    until(lambda: stat.read(HOST, child.pid).comm == "sleep")
    until(lambda: stat.read(HOST, child.pid).state == "S")
    assert stat.parse(files[0].read()).comm == "sleep"
    assert statm.parse(files[1].read()) == statm.read(HOST, child.pid) != statm.parse(before[1])
    assert status.parse(files[2].read()).name == "sleep"


def test_it_is_gone_with_its_process(child):
    kept = HOST.keep(f"/proc/{child.pid}/statm", True)
    assert statm.parse(kept.read()).size > 0
    child.kill()
    child.wait()
    with pytest.raises(Gone, match=f"/proc/{child.pid}/statm was opened for has ended"):
        kept.read()


def test_esrch_is_gone_even_where_the_pid_lives():
    """So answers a kept file whose pid was given to another process."""
    kept = HOST.keep(f"/proc/{os.getpid()}/smaps_rollup")
    with pytest.raises(Gone):
        raise kept._tree.translated_of_kept(ProcessLookupError(3, "No such process"), kept.path)


def test_what_cannot_be_opened_says_so_at_once(child):
    child.kill()
    child.wait()
    with pytest.raises(Gone):
        HOST.keep(f"/proc/{child.pid}/statm")
    with pytest.raises(Unsupported):
        HOST.keep("/proc/self/no_such_file")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_is_denied_at_opening():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            HOST.keep("/proc/1/smaps_rollup")
        except Denied as error:
            os.write(writing, str(error).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert "may not be read" in pipe.read()
    os.waitpid(child, 0)


def test_closing_gives_the_descriptor_back_once():
    before = open_descriptors()
    kept = HOST.keep("/proc/self/statm")
    assert len(open_descriptors()) == len(before) + 1
    kept.close()
    assert open_descriptors() == before
    kept.close()
    with pytest.raises(Unsupported, match="closed"):
        kept.read()
    HOST.keep("/proc/self/statm")  # dropped at once
    assert open_descriptors() == before


@pytest.mark.parametrize("in_one_piece", [False, True])
@pytest.mark.parametrize("size", [0, 1, 447, 448, 449, 896, 4096, 70_000])
def test_a_file_of_any_length_is_whole(tmp_path, size, in_one_piece):
    text = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(text)
    kept = Host(tmp_path).keep("/file", in_one_piece)
    assert [kept.read() for _ in range(3)] == [text] * 3
    (tmp_path / "file").write_bytes(b"shorter")
    assert kept.read() == b"shorter"


def test_a_text_of_many_records_is_whole():
    """maps of a process that holds still, which the kernel gives a page at a time."""
    code = "import ctypes, json, sys; print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdout.readline()
        kept = HOST.keep(f"/proc/{process.pid}/maps")
        whole = Path(f"/proc/{process.pid}/maps").read_bytes()
        assert len(whole) > 4096
        assert kept.read() == kept.read() == whole
    finally:
        process.kill()
        process.communicate()


def test_an_instant_and_a_tee_answer_too():
    instant = Host(InstantTexts({"/proc/1/statm": b"1 2 3 4 5 6 7\n"}))
    kept = instant.keep("/proc/1/statm", True)
    assert kept.read() == kept.read() == b"1 2 3 4 5 6 7\n"
    kept.close()
    with pytest.raises(Unsupported, match="not in this recording"):
        instant.keep("/proc/1/stat")
    before, tee = open_descriptors(), Tee(HOST)
    kept = tee.keep("/proc/self/statm", True)
    assert open_descriptors() == before
    assert tee.texts.files == {"/proc/self/statm": tee.texts.files["/proc/self/statm"]}
    assert kept.read() == tee.texts.files["/proc/self/statm"]


def test_each_of_many_files_is_read_or_says_why_not(child):
    ended = subprocess.Popen(["true"])
    zombie = subprocess.Popen(["true"])
    ended.wait()
    until(lambda: stat.read(HOST, zombie.pid).state == "Z")
    before = open_descriptors()
    paths = [
        f"/proc/{child.pid}/cmdline",
        f"/proc/{ended.pid}/statm",
        f"/proc/{zombie.pid}/smaps_rollup",
        "/proc/self/no_such_file",
    ]
    found = list(HOST.read_each(paths))
    assert found[0] == b"sh\0-c\0read line; exec sleep 100\0"
    assert isinstance(found[1], Gone)
    assert found[2] is None
    assert isinstance(found[3], Unsupported)
    assert open_descriptors() == before
    zombie.wait()


@pytest.mark.parametrize("size", [0, 4095, 4096, 4097, 70_000])
def test_each_is_whole_whatever_its_length(tmp_path, size):
    (tmp_path / "file").write_bytes(b"x" * size)
    assert list(Host(tmp_path).read_each(["/file"] * 2)) == [b"x" * size] * 2


def test_each_from_an_instant_and_through_a_tee():
    tee = Tee(HOST)
    found = list(tee.read_each(["/proc/self/statm", "/proc/self/no_such_file"]))
    assert isinstance(found[1], Unsupported)
    again = list(Host(tee.texts).read_each(["/proc/self/statm", "/proc/self/no_such_file", "/x"]))
    assert again[0] == found[0]
    assert [str(error) for error in again[1:2]] == [str(found[1])]
    assert isinstance(again[2], Unsupported)
