"""kmemleak's report: blocks of both eras, and text that is none."""

from __future__ import annotations

import pytest

from memlab.errors import Malformed
from memlab.procfs.kmemleak import parse

# Linux 6.1, the guest of `memlab kernel full`
SIX_ONE = b"""\
unreferenced object 0xffff888003a0a400 (size 1024):
  comm "insmod", pid 104, jiffies 4294893523 (age 12.345s)
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
  backtrace:
    [<ffffffff81138a4b>] kmalloc_trace+0x2b/0xa0
    [<ffffffffa0000035>] leak_kmalloc+0x35/0x40 [kleak]
    [<ffffffffa0000093>] repeat+0x43/0x90 [kleak]
"""
# Linux 6.10 says no age, and a checksum behind "backtrace"
SIX_TEN = b"""\
unreferenced object 0xffff888003a0a400 (size 16384):
  comm "a (b), pid 7", pid 104, jiffies 4294893523
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
  backtrace (crc 0):
    [<ffffffffa0000035>] leak_vmalloc+0x35/0x40 [kleak]
    0xffffffffa0000093
"""


def test_an_object_has_its_size_its_owner_and_its_backtrace() -> None:
    (one,) = parse(SIX_ONE)
    assert (one.address, one.size, one.comm, one.pid) == (0xFFFF888003A0A400, 1024, "insmod", 104)
    assert one.age == 12.345
    assert one.backtrace[1] == "leak_kmalloc+0x35/0x40 [kleak]"
    assert len(one.backtrace) == 3


def test_later_kernels_say_no_age() -> None:
    _, one = parse(SIX_ONE + SIX_TEN)
    assert one.age is None
    assert (one.comm, one.size) == ("a (b), pid 7", 16384)
    assert one.backtrace == ("leak_vmalloc+0x35/0x40 [kleak]", "0xffffffffa0000093")


def test_nothing_found_is_no_object() -> None:
    assert parse(b"") == ()


@pytest.mark.parametrize("line", ["kmemleak: Kernel memory leak detector disabled", "  comm x"])
def test_what_is_no_report_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(Malformed, match="kmemleak:1"):
        parse(line.encode())
