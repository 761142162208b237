"""Files that appear on tmpfs: what is asked about, by the real file system."""

import os
import shutil
import tempfile

import pytest

from memlab.observe.new_files import NewFiles
from memlab.procfs.host import Host, Tee

KIB = 1024


@pytest.fixture
def place():
    """A folder on tmpfs, gone afterwards."""
    folder = tempfile.mkdtemp(prefix="memlab-test-", dir="/dev/shm")
    yield folder
    shutil.rmtree(folder)


def looked(watch, fill):
    """The calls of one look, by path."""
    tee = Tee(Host())
    watch.look(tee, {"blocks": 1, "files": 1, "free": fill})
    return {call.path: call for call in tee.texts.calls}


def write(path, size):
    with open(path, "wb") as file:
        file.write(bytes(size))


def test_what_was_there_is_not_asked_about(place):
    write(f"{place}/old", 4 * KIB)
    watch = NewFiles(place)
    assert looked(watch, 0).keys() == {place}
    write(f"{place}/new", 8 * KIB)
    second = looked(watch, 1)
    assert second.keys() == {place, f"{place}/new"}
    assert second[f"{place}/new"].result["allocated_bytes"] == 8 * KIB


def test_a_folder_that_is_new_is_entered(place):
    watch = NewFiles(place)
    looked(watch, 0)
    os.mkdir(f"{place}/inner")
    write(f"{place}/inner/file", KIB)
    assert looked(watch, 1).keys() == {place, f"{place}/inner", f"{place}/inner/file"}


def test_a_mount_that_is_as_full_as_before_is_not_walked(place):
    watch = NewFiles(place)
    looked(watch, 0)
    write(f"{place}/new", KIB)
    assert looked(watch, 0) == {}
    assert f"{place}/new" in looked(watch, 1)


def test_a_mount_without_a_limit_is_walked_each_time(place):
    watch = NewFiles(place)
    no_limit = {"blocks": 0, "files": 0, "free": 0}
    watch.look(Host(), no_limit)
    write(f"{place}/new", KIB)
    tee = Tee(Host())
    watch.look(tee, no_limit)
    assert f"{place}/new" in {call.path for call in tee.texts.calls}


def test_what_is_gone_is_said_once(place):
    watch = NewFiles(place)
    looked(watch, 0)
    write(f"{place}/new", KIB)
    looked(watch, 1)
    os.unlink(f"{place}/new")
    assert looked(watch, 2)[f"{place}/new"].error
    assert f"{place}/new" not in looked(watch, 3)


def test_of_many_some_are_asked_about_and_the_folder_says_how_many(place):
    watch = NewFiles(place)
    empty = looked(watch, 0)[place].result["size_bytes"]
    for number in range(100):
        write(f"{place}/{number}", 0)
    calls = looked(watch, 1)
    assert 10 <= len(calls) < 50
    assert calls[place].result["size_bytes"] - empty == 100 * 20


def test_a_link_leads_nowhere(place):
    watch = NewFiles(place)
    looked(watch, 0)
    os.symlink("/proc/self/mem", f"{place}/link")
    os.symlink("/etc", f"{place}/folder")
    assert looked(watch, 1).keys() == {place}


def test_a_place_that_may_not_be_read_or_is_gone_says_nothing(place):
    watch = NewFiles(f"{place}/never")
    assert looked(watch, 0) == {}
    assert looked(watch, 1) == {}
