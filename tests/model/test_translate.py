"""Addresses of this very process, whose pages the test makes itself."""

import ctypes
import json
import mmap
import os

import pytest

from memlab.errors import Denied, MemlabError
from memlab.model.memory import MemoryType, RegionKind
from memlab.model.translate import find_address, levels, translate
from memlab.observe.files import RecordingWriter, open_recording
from memlab.observe.page import look_at_page
from memlab.observe.sampler import Sampler
from memlab.present.translate import translate_text
from memlab.procfs import kpage
from memlab.procfs.host import Host
from tests.model.views import whole, with_texts

pytestmark = pytest.mark.live
PAGE = mmap.PAGESIZE
HOST = Host()
MACHINE = os.uname().machine


@pytest.fixture(scope="module")
def areas(tmp_path_factory):
    """First addresses: a page is written, one is read, one is left alone, in each sort of mapping."""
    path = tmp_path_factory.mktemp("mapped") / "file"
    path.write_bytes(b"f" * 4 * PAGE)
    private, shared = mmap.MAP_PRIVATE, mmap.MAP_SHARED
    with open(path, "r+b") as file:
        made = {
            "anonymous": mmap.mmap(-1, 4 * PAGE, private | mmap.MAP_ANONYMOUS),
            "shared": mmap.mmap(-1, 4 * PAGE),
            "file": mmap.mmap(file.fileno(), 4 * PAGE, shared),
            "copy": mmap.mmap(file.fileno(), 4 * PAGE, private),
        }
    made["anonymous"].madvise(mmap.MADV_NOHUGEPAGE)
    for name, area in made.items():
        if name != "file":
            area[0] = 1
        area[PAGE]  # read only
    yield {name: ctypes.addressof(ctypes.c_char.from_buffer(area)) for name, area in made.items()}
    assert made


@pytest.fixture(scope="module")
def sample(areas):
    return whole(os.getpid())


def seen(sample, address):
    return translate(look_at_page(sample, address), address, MACHINE)


def hides_frames():
    try:
        kpage.read_flags(HOST, 1)
    except Denied:
        return True
    return False


def test_what_is_behind_each_sort_of_page(sample, areas):
    def state(name, page):
        return seen(sample, areas[name] + page * PAGE).page.state

    assert state("anonymous", 0) == "anonymous"
    assert state("anonymous", 1) == ("present" if hides_frames() else "zero")
    assert state("anonymous", 3) == "absent"
    assert state("shared", 0) == "shared"
    assert state("file", 1) == "file"
    assert state("copy", 0) == "anonymous"  # written, so it left the file
    assert state("copy", 1) == "file"


def test_pages_of_the_kernel_are_of_no_file_and_not_called_untouched(sample):
    mapped = {row.name for row in sample.smaps}
    for name, states in (("[vdso]", ("present", "absent")), ("[vvar]", ("unknown",))):
        if name in mapped:  # else this kernel has none
            page = seen(sample, find_address(sample, name)).page
            assert page.state in states
            assert "page cache" not in page.meaning


def test_the_mapping_and_the_place_in_its_file(sample, areas):
    found = seen(sample, areas["copy"] + 2 * PAGE + 17)
    assert (found.page_offset, found.file_offset) == (17, 2 * PAGE + 17)
    assert found.memory_type is MemoryType.PRIVATE_FILE
    assert found.mapping.name.endswith("/file")
    assert seen(sample, areas["anonymous"]).file_offset is None
    assert seen(sample, find_address(sample, "[stack]")).kind is RegionKind.MAIN_STACK


@pytest.mark.skipif(hides_frames(), reason="needs root, to see frames")
def test_the_frame_is_what_the_kernel_says_of_it(sample, areas):
    written, again = (seen(sample, areas["anonymous"] + at) for at in (0, 0x123))
    assert written.page.pfn == again.page.pfn == written.page.entry.pfn
    assert again.physical == written.physical + 0x123 == written.page.pfn * PAGE + 0x123
    assert {"anon", "swapbacked"} <= written.page.flags
    assert written.page.mapped == 1
    zero = seen(sample, areas["anonymous"] + PAGE).page
    assert "zero_page" in zero.flags
    assert zero.pfn != written.page.pfn


def test_the_indices_make_the_address_again(sample, areas):
    for address in (*areas.values(), find_address(sample, "[stack]")):
        found = seen(sample, address + 0x45)
        if not found.levels:
            pytest.skip(f"the page tables of {MACHINE} are not known")
        made = sum(level.index(found.address) << level.shift for level in found.levels)
        assert made + found.page_offset == found.address
        assert found.levels[-1].shift == PAGE.bit_length() - 1


@pytest.mark.parametrize(
    ("machine", "page", "five", "highest", "expected"),
    [
        ("x86_64", 4096, False, 1 << 47, [("PGD", 39, 9), ("PUD", 30, 9), ("PMD", 21, 9), ("PTE", 12, 9)]),
        ("x86_64", 4096, True, 1 << 47,
         [("PGD", 48, 9), ("P4D", 39, 9), ("PUD", 30, 9), ("PMD", 21, 9), ("PTE", 12, 9)]),
        # Documentation/arch/arm64/memory.rst: 4 KiB with 39 and 48 bits, 64 KiB with 42 and 48
        ("aarch64", 4096, False, 1 << 39, [("PGD", 30, 9), ("PMD", 21, 9), ("PTE", 12, 9)]),
        ("aarch64", 4096, False, 1 << 48, [("PGD", 39, 9), ("PUD", 30, 9), ("PMD", 21, 9), ("PTE", 12, 9)]),
        ("aarch64", 65536, False, 1 << 42, [("PGD", 29, 13), ("PTE", 16, 13)]),
        ("aarch64", 65536, False, 1 << 48, [("PGD", 42, 6), ("PMD", 29, 13), ("PTE", 16, 13)]),
        ("riscv64", 4096, False, 1 << 38, []),
    ],
)  # fmt: skip
def test_the_layouts_of_other_machines(machine, page, five, highest, expected):
    found = levels(machine, page, five, highest)
    assert [(level.name, level.shift, level.bits) for level in found] == expected


def test_names_and_numbers_of_an_address(sample, areas):
    start = areas["file"]
    for text in (f"{start:x}", f"{start:#x}", f"0X{start:X}"):
        assert find_address(sample, text) == start
    assert find_address(sample, "[stack]") in sample.smaps.start.tolist()
    libc = next(row for row in sample.smaps if "/libc" in row.name)
    assert find_address(sample, libc.name.rpartition("/")[2]) == libc.start
    for wrong, says in (
        ("[heep]", "neither an address nor a mapping"),
        ("f" * 17, "neither"),
        ("0x10", "the nearest"),
    ):
        with pytest.raises(MemlabError, match=says):
            find_address(sample, wrong)


def test_the_text_shows_the_bits_over_their_levels(sample, areas):
    found = seen(sample, areas["anonymous"] + 0x123)
    text = translate_text(found)
    if found.levels:
        bits, digits, names, indices = (
            [cell.strip() for cell in line[8:].split("|")] for line in text.splitlines()[2:6]
        )
        assert bits[-1] == "11..0" and names[-1] == "offset" and indices[-1] == "291 = 0x123"
        assert int("".join(digits), 2) == found.address
    assert "an anonymous page" in text
    unknown = translate_text(
        translate(look_at_page(sample, areas["file"]), areas["file"], "riscv64")
    )
    assert "page-table layout of riscv64 is not known here" in unknown


def test_a_recording_answers_as_the_machine_did(sample, areas, tmp_path):
    address = areas["anonymous"]
    looked = look_at_page(sample, address)
    sampler = Sampler(os.getpid())
    with RecordingWriter(tmp_path / "run.tar.gz", sampler.header()) as writer:
        writer.add(looked)
    (again,) = open_recording(tmp_path / "run.tar.gz")
    told, now = translate(again, address, MACHINE), translate(looked, address, MACHINE)
    assert told.page == now.page
    assert translate_text(told) == translate_text(now)


def test_without_smaps_the_refusal_is_said(sample, areas):
    blind = with_texts(sample, refused=[f"/proc/{sample.pid}/smaps"])
    with pytest.raises(Denied, match="smaps may not be read"):
        find_address(blind, "[stack]")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_is_told_what_is_hidden():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE, which a change of user takes away
        try:
            area = mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            area[0] = 1
            address = ctypes.addressof(ctypes.c_char.from_buffer(area))
            page = seen(whole(os.getpid()), address).page
            said = [page.state, page.pfn, page.flags, page.hidden]
        except BaseException as error:
            said = repr(error)
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        state, pfn, flags, hidden = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert (state, pfn, flags) == ("anonymous", None, None)
    assert "CAP_SYS_ADMIN" in hidden
