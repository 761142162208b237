"""Recordings on disk: whole, cut anywhere, damaged, too large, and what is none."""

import gzip
import io
import os
import subprocess
import sys
import tarfile

import pytest

from memlab.errors import Gone, Malformed, MemlabError, Unsupported
from memlab.model.recording import Header
from memlab.model.sample import Sample
from memlab.observe.files import RecordingWriter, open_recording, save_recording
from memlab.procfs.host import Call, InstantTexts

HEADER = Header(target={"pid": 42, "comm": "made"}, host={"kernel": "6.18"}, memlab="test")


def made_sample(index, size=2000):
    """Text that does not compress to nothing, so that a cut falls inside of it."""
    noise = os.urandom(size // 2).hex().encode()
    texts = InstantTexts(
        {"/proc/42/statm": b"10 5 1 1 0 4 0\n", "/proc/42/smaps": noise},
        [
            Call("readlink", "/proc/42/exe", "/bin/\udcff odd"),
            Call("read", "/proc/42/io", error="Denied", message="no"),
        ],
    )
    return Sample(
        index,
        42,
        100.0 + index,
        1e9 + index,
        0.001,
        0.0005,
        texts,
        ({"event": "mark", "n": index},),
    )


@pytest.fixture
def whole(tmp_path):
    """A recording of 40 instants in several gzip members, and its path."""
    path = tmp_path / "whole.tar.gz"
    writer = RecordingWriter(path, HEADER)
    for index in range(40):
        writer.add(made_sample(index))
        if index % 4 == 3:
            writer._members.flush()
    writer.close()
    return path


def test_what_is_written_is_read_again(whole):
    recording = open_recording(whole)
    assert recording.losses == ()
    assert recording.header == HEADER
    assert [sample.index for sample in recording] == list(range(40))
    sample = recording.samples[7]
    assert (sample.monotonic, sample.wall, sample.read_seconds) == (107.0, 1e9 + 7, 0.001)
    assert sample.statm.size == 10 * 4096
    assert sample.host.readlink("/proc/42/exe") == "/bin/\udcff odd"
    assert sample.denied == ("/proc/42/io",)
    assert recording.events[7] == {"event": "mark", "n": 7}


def test_cut_anywhere_it_opens_up_to_its_last_whole_instant_and_says_so(whole, tmp_path):
    raw = whole.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    seen = set()
    for length in range(len(raw) - 1, 200, -97):
        cut.write_bytes(raw[:length])
        try:
            recording = open_recording(cut)
        except Malformed:
            assert length < 400, "only a cut header opens nothing"
            continue
        assert recording.losses, f"silent about a cut at {length} of {len(raw)}"
        assert [s.index for s in recording] == list(range(len(recording)))
        seen.add(len(recording))
    assert max(seen) == 40, "a cut in the index loses no instant"
    assert min(seen) < 4
    assert len(seen) > 9, "every whole member is worth its instants"


def test_a_damaged_middle_keeps_what_is_before_it(whole):
    raw = bytearray(whole.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    whole.write_bytes(raw)
    recording = open_recording(whole)
    assert recording.losses
    assert 0 < len(recording) < 40


def test_tar_unpacks_it_and_the_folder_is_the_same_recording(whole, tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "xzf", whole, "-C", folder], check=True)
    assert (folder / "000000003" / "proc" / "42" / "statm").read_bytes() == b"10 5 1 1 0 4 0\n"
    (folder / "000000003" / "proc" / "42" / "statm.gz").write_bytes(
        gzip.compress((folder / "000000003" / "proc" / "42" / "statm").read_bytes())
    )
    (folder / "000000003" / "proc" / "42" / "statm").unlink()
    unpacked, packed = open_recording(folder), open_recording(whole)
    assert unpacked.header == packed.header
    assert [s.texts.files for s in unpacked] == [s.texts.files for s in packed]


def test_a_recording_packed_again_by_tar_opens(whole, tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "xzf", whole, "-C", folder], check=True)
    again = tmp_path / "again.tar.gz"
    subprocess.run(["tar", "czf", again, "-C", folder, "."], check=True)
    assert len(open_recording(again)) == 40
    assert open_recording(again).losses == ()


def test_a_recording_is_never_overwritten(whole):
    before = whole.read_bytes()
    with pytest.raises(Unsupported, match="exists already"):
        RecordingWriter(whole, HEADER)
    assert whole.read_bytes() == before


def fill(writer):
    for index in range(1000):
        writer.add(made_sample(index))
        writer._members.flush()


@pytest.mark.parametrize("cap", [0, 10])
def test_a_cap_that_holds_no_header_makes_no_file(tmp_path, cap):
    path = tmp_path / "run.tar.gz"
    with pytest.raises(MemlabError, match="not even the header"):
        RecordingWriter(path, HEADER, cap_bytes=cap)
    assert not path.exists()
    RecordingWriter(path, HEADER).close()
    assert len(open_recording(path)) == 0


def test_at_its_cap_it_stops_and_stays_whole(tmp_path):
    path = tmp_path / "capped.tar.gz"
    writer = RecordingWriter(path, HEADER, cap_bytes=20_000)
    with pytest.raises(MemlabError, match="cap"):
        fill(writer)
    writer.close()
    assert path.stat().st_size <= 20_000
    assert len(open_recording(path)) > 5


def test_a_full_disk_keeps_what_was_written(tmp_path):
    """RLIMIT_FSIZE stands for the full disk: write(2) fails in the same way, in the middle."""
    path = tmp_path / "full.tar.gz"
    code = f"""
import resource, signal, sys
sys.path.insert(0, {os.getcwd()!r})
from tests.observe.test_files import HEADER, made_sample
from memlab.observe.files import RecordingWriter
from memlab.errors import MemlabError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    with RecordingWriter({str(path)!r}, HEADER) as writer:
        for index in range(1000):
            writer.add(made_sample(index)); writer._members.flush()
except MemlabError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "could not grow" in said.stdout
    recording = open_recording(path)
    assert len(recording) > 5
    assert [s.index for s in recording] == list(range(len(recording)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "header"),
        (b"hello", "not gzip"),
        (gzip.compress(b"hello", mtime=0), "not a tar|header"),
        (b"\x1f\x8b", "header"),
    ],
)
def test_what_is_no_recording_is_one_clear_line(tmp_path, content, says):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(Malformed, match=says) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


def test_a_foreign_tar_is_no_recording(tmp_path):
    path = tmp_path / "foreign.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("etc/passwd")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(Malformed, match="is no recording"):
        open_recording(path)


def test_no_file_is_said_so(tmp_path):
    with pytest.raises(Gone, match="there is no file"):
        open_recording(tmp_path / "nope")


def test_a_newer_format_is_refused_by_number(tmp_path):
    path = tmp_path / "newer.tar.gz"
    save_recording(
        type("R", (), {"header": Header(target={"pid": 1}, format=99), "samples": ()})(), path
    )
    with pytest.raises(Unsupported, match="99"):
        open_recording(path)
