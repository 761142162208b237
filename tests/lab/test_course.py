"""A reader's copy of the notebooks: made once, brought up to date, never overwritten."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from memlab.errors import Denied, Malformed, MemlabError
from memlab.lab.course import Course, copy, first_notebook, open_course


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    (folder / "recordings").mkdir(parents=True)
    (folder / "00_start_here.ipynb").write_text("first")
    (folder / "01_next.ipynb").write_text("second")
    (folder / "recordings" / "run.tar.gz").write_bytes(b"\x1f\x8b")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "01_next.ipynb").write_text("old")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def test_the_first_time_everything_is_copied(source: Path, target: Path) -> None:
    course = copy(source, target)
    assert course.written == ("00_start_here.ipynb", "01_next.ipynb", "recordings/run.tar.gz")
    assert (target / "recordings" / "run.tar.gz").read_bytes() == b"\x1f\x8b"
    assert not (target / ".ipynb_checkpoints").exists()


def test_the_second_time_nothing_is_written(source: Path, target: Path) -> None:
    copy(source, target)
    assert copy(source, target) == Course(target)


def test_what_the_reader_changed_stays(source: Path, target: Path) -> None:
    copy(source, target)
    (target / "01_next.ipynb").write_text("my answers")
    (source / "01_next.ipynb").write_text("second edition")
    for _ in range(2):
        course = copy(source, target)
        assert (course.written, course.kept) == ((), ("01_next.ipynb",))
    assert (target / "01_next.ipynb").read_text() == "my answers"


def test_what_the_reader_did_not_change_is_brought_up_to_date(source: Path, target: Path) -> None:
    copy(source, target)
    (source / "01_next.ipynb").write_text("second edition")
    assert copy(source, target).written == ("01_next.ipynb",)
    assert (target / "01_next.ipynb").read_text() == "second edition"


def test_a_file_that_was_there_before_is_the_readers(source: Path, target: Path) -> None:
    target.mkdir()
    (target / "01_next.ipynb").write_text("something of mine")
    assert copy(source, target).kept == ("01_next.ipynb",)


def test_what_the_reader_deleted_can_be_had_again(source: Path, target: Path) -> None:
    copy(source, target)
    (target / "01_next.ipynb").unlink()
    assert copy(source, target).written == ("01_next.ipynb",)


def test_a_copy_that_may_not_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Denied, match="--notebooks DIR") as caught:
        open_course(tmp_path / "file" / "below")
    assert "\n" not in str(caught.value)


def test_a_damaged_record_is_named(source: Path, target: Path) -> None:
    copy(source, target)
    (target / ".memlab-copied.json").write_text("[")
    with pytest.raises(Malformed, match="delete it"):
        copy(source, target)


def test_a_course_without_its_first_notebook_is_named(source: Path, target: Path) -> None:
    course = copy(source, target)
    (target / "00_start_here.ipynb").unlink()
    with pytest.raises(MemlabError, match="00_start_here"):
        first_notebook(course)


def test_a_copy_that_fails_leaves_the_old_file_whole(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(source, target)
    (source / "01_next.ipynb").write_text("second edition")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            copy(source, target)
    assert (target / "01_next.ipynb").read_text() == "second"
    assert not list(target.rglob("*.new"))
    assert copy(source, target).written == ("01_next.ipynb",)
