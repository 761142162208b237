"""smaps texts as kernels from 2.6 to 6 write them, with what names and numbers may be at worst."""

from hypothesis import strategies as st

OLD = "Size Rss Pss Shared_Clean Shared_Dirty Private_Clean Private_Dirty Referenced Swap KernelPageSize MMUPageSize"
MIDDLE = (
    "Size Rss Pss Shared_Clean Shared_Dirty Private_Clean Private_Dirty Referenced Anonymous AnonHugePages"
    " Swap KernelPageSize MMUPageSize Locked"
)
NEW = (
    "Size KernelPageSize MMUPageSize Rss Pss Pss_Dirty Shared_Clean Shared_Dirty Private_Clean Private_Dirty"
    " Referenced Anonymous KSM LazyFree AnonHugePages ShmemPmdMapped FilePmdMapped Shared_Hugetlb"
    " Private_Hugetlb Swap SwapPss Locked THPeligible ProtectionKey"
)
UNITLESS = {"THPeligible", "ProtectionKey"}
NAMES = st.sampled_from(
    ["", "", "", "[heap]", "[stack]", "/usr/lib/libc.so.6", "/a  b", "/x (deleted)", "/VmFlags: rd", "/Rss: 4 kB",
     "/\\012VmFlags:", "/7f00-7f01 rw-p 00000000 00:00 0", "[anon: a b ]", "/" + "n" * 4095,
     "/\udcff\udcfe", "/e\\134", "//", "/ends in blanks  "]
)  # fmt: skip
SIZES = st.sampled_from([0, 0, 0, 4, 8, 132, 99999999, 100000000, 12345678901]) | st.integers(
    0, 1 << 40
)
FLAGS = st.lists(st.sampled_from("rd wr ex sh mr mw me ac sd nh gu ?? hg".split()), max_size=14)


@st.composite
def blocks(draw, start):
    """(text of one mapping but for its numbers' names, a function of these)."""
    size = 4096 * draw(st.integers(1, 1 << 20))
    perms = "".join(draw(st.sampled_from(pair)) for pair in ("r-", "w-", "x-", "ps"))
    name, inode = draw(NAMES), draw(st.sampled_from([0, 1, 987654321012]))
    device = draw(st.sampled_from(["00:00", "fe:00", "103:0f"]))
    head = f"{start:08x}-{start + size:08x} {perms} {draw(st.sampled_from([0, 4096, 1 << 40])):08x} {device} {inode} "
    if name:
        head = head.ljust(73) + name
    return head, start + size, draw(FLAGS)


@st.composite
def smaps_texts(draw, most=12):
    """A whole text."""
    names = draw(st.sampled_from([OLD, MIDDLE, NEW])).split()
    if draw(st.integers(0, 4)) == 0:
        names.append("SomethingNew")
    with_flags = draw(st.integers(0, 5)) > 0
    old_way = draw(st.integers(0, 5)) == 0  # numbers that are not aligned to eight places
    position = draw(st.sampled_from([0x400000, 0x555500000000, 0x7FFF00000000]))
    lines = []
    for _ in range(draw(st.integers(0, most))):
        position += 4096 * draw(st.integers(0, 3))
        head, position, flags = draw(blocks(position))
        lines.append(head)
        for name in names:
            value = draw(SIZES)
            if name in UNITLESS:
                lines.append(f"{name + ':':<16}{value % 16:>8}")
            else:
                lines.append(f"{name}: {value} kB" if old_way else f"{name + ':':<16}{value:>8} kB")
        if with_flags:
            lines.append("VmFlags: " + "".join(flag + " " for flag in flags))
    return "".join(line + "\n" for line in lines).encode(errors="surrogateescape")
