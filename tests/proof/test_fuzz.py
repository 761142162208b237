"""No text makes a reader do anything but give a record or say what is malformed."""

import os
from contextlib import suppress
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.errors import Malformed, MemlabError
from memlab.model.what.recognise import explain
from memlab.observe.files import RecordingWriter, open_recording
from memlab.observe.sampler import Sampler
from memlab.procfs import kpage, pagemap
from memlab.procfs.host import Host, InstantTexts
from tests.proof.bending import bent, readers, texts


@pytest.mark.parametrize("name", readers())
def test_a_reader_has_real_text_and_reads_it(name):
    parse = import_module(f"memlab.procfs.{name}").parse
    found = texts(name)
    assert found, f"put a text that procfs.{name} reads into tests/proof/bending.py"
    good = 0
    for text in found:
        try:
            parse(text)
            good += 1
        except Malformed:
            pass  # some real files are cut by those who kept them
    assert good


@pytest.mark.parametrize("name", readers())
@given(data=st.data())
def test_any_text_is_a_record_or_malformed(name, data):
    parse = import_module(f"memlab.procfs.{name}").parse
    text = data.draw(bent(texts(name)) | st.binary(max_size=200))
    with suppress(Malformed):
        parse(text)


@given(st.binary(max_size=300), st.sampled_from([4096, 16384, 65536]))
def test_any_bytes_are_entries_of_pages(raw, page):
    """Binary files have no wrong bytes: each bit means something, whatever comes; a cut entry is none."""
    found = pagemap.parse(raw)
    assert len(found) == len(raw) // 8
    for entry in found:
        assert entry.pfn is None or (entry.present and 0 < entry.pfn < 1 << 55)
        names = kpage.parse_flags(entry.raw)
        assert len(names) == entry.raw.bit_count()
    start = 1 << 40
    runs = pagemap.read_runs(Entries(raw, page), 7, [(start, start + len(found) * page)])
    there = sum(
        entry.present or entry.swapped or entry.guard or entry.file_or_shared for entry in found
    )
    assert int((runs.end - runs.start).sum()) == there * page


class Entries(Host):
    """A pagemap that holds these bytes from 1 TiB on."""

    def __init__(self, raw, page):
        super().__init__(InstantTexts(page_bytes=page))
        self._raw = raw

    def read_at(self, _path, offset, size):
        first = offset - (1 << 40) // self.page_bytes * 8
        return self._raw[first : first + size]


@given(data=st.data())
def test_any_text_is_explained_or_not_known(data):
    name = data.draw(st.sampled_from(readers()))
    text = data.draw(bent(texts(name)) | st.binary(max_size=200))
    with suppress(MemlabError):
        explain(text.decode(errors="replace"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A recording of this process, as bytes."""
    path = tmp_path_factory.mktemp("recording") / "run.tar.gz"
    sampler = Sampler(os.getpid(), budget=1.0)
    with RecordingWriter(path, sampler.header()) as writer:
        for _ in range(3):
            writer.add(sampler.take(must=True))
    return path.read_bytes()


@given(data=st.data())
def test_a_damaged_recording_opens_or_says_why_not(data, recorded, tmp_path_factory):
    at = data.draw(st.integers(0, len(recorded)))
    damaged = data.draw(
        st.just(recorded[:at])
        | st.binary(max_size=3).map(lambda put: recorded[:at] + put + recorded[at + len(put) :])
    )
    path = tmp_path_factory.mktemp("damaged") / "run.tar.gz"
    path.write_bytes(damaged)
    try:
        found = open_recording(path)
    except MemlabError:
        return
    for sample in found:
        with suppress(Malformed):  # a text in the file was changed, and says so when it is read
            assert sample.stat is None or sample.stat.pid > 0
            assert sample.regions is None or len(sample.regions.smaps)
