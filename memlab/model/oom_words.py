"""The words of an OOM report in plain ones: what was asked for (gfp_mask, order), and whose memory was short."""

from __future__ import annotations

from memlab.model.what.glossary import meaning
from memlab.procfs.oom.records import Report, Version
from memlab.units import format_bytes

# include/linux/gfp.h of 2.6.24 to 4.3, which print the number alone; other kernels moved the bits
_BITS = (
    (0x10, "__GFP_WAIT"), (0x20, "__GFP_HIGH"), (0x40, "__GFP_IO"), (0x80, "__GFP_FS"),
    (0x1, "__GFP_DMA"), (0x2, "__GFP_HIGHMEM"), (0x4, "__GFP_DMA32"), (0x8, "__GFP_MOVABLE"),
    (0x100, "__GFP_COLD"), (0x200, "__GFP_NOWARN"), (0x400, "__GFP_REPEAT"), (0x800, "__GFP_NOFAIL"),
    (0x1000, "__GFP_NORETRY"), (0x4000, "__GFP_COMP"), (0x8000, "__GFP_ZERO"),
    (0x20000, "__GFP_HARDWALL"), (0x40000, "__GFP_THISNODE"), (0x80000, "__GFP_RECLAIMABLE"),
    (0x100000, "__GFP_MOVABLE"),
)  # fmt: skip
_KERNEL = {"__GFP_WAIT", "__GFP_IO", "__GFP_FS"}
_SETS = (
    ("GFP_HIGHUSER_MOVABLE", {*_KERNEL, "__GFP_HARDWALL", "__GFP_HIGHMEM", "__GFP_MOVABLE"}),
    ("GFP_HIGHUSER", {*_KERNEL, "__GFP_HARDWALL", "__GFP_HIGHMEM"}),
    ("GFP_USER", {*_KERNEL, "__GFP_HARDWALL"}),
    ("GFP_KERNEL", _KERNEL),
    ("GFP_NOFS", {"__GFP_WAIT", "__GFP_IO"}),
    ("GFP_NOIO", {"__GFP_WAIT"}),
)
_CONSTRAINTS = {
    "CONSTRAINT_NONE": "the whole machine was out of memory",
    "CONSTRAINT_MEMCG": "a cgroup had reached its limit",
    "CONSTRAINT_CPUSET": "the nodes of the cpuset were full",
    "CONSTRAINT_MEMORY_POLICY": "the nodes of the memory policy were full",
}


def gfp_flags(mask: str, version: Version | None) -> tuple[str, ...]:
    """'0xcc0(GFP_KERNEL)' -> ("GFP_KERNEL",). Of a bare number by the bits of 2.6.24 to 4.3; () of other kernels."""
    number, bracket, names = mask.partition("(")
    if bracket:
        return tuple(name for name in names.rstrip(")").split("|") if name)
    try:
        bits = int(number, 16)
    except ValueError:
        return ()
    # 4.4 gave __GFP_WAIT two new bits above all these (d0164adc89f6)
    if bits >= 1 << 21 or (version is not None and not (2, 6, 24) <= version < (4, 4, 0)):
        return ()
    found = {name for bit, name in _BITS if bits & bit}
    for name, members in _SETS:
        if members <= found:
            return (name, *sorted(found - members))
    return tuple(sorted(found))


def gfp_text(flags: tuple[str, ...], constraint: str | None) -> str:
    """What the first of them means; "" where nobody has written it."""
    if constraint == "CONSTRAINT_MEMCG" and flags[:1] == ("GFP_KERNEL",):
        return "any page is charged to its cgroup so, that of a page fault too"
    found = meaning("gfp", flags[0]) if flags else None
    return found.text if found else ""


def order_of(report: Report) -> int | None:
    """2^order pages were asked for; -1: by hand (SysRq f). None where it is cut off or no such number."""
    text = report.invoked.pairs.get("order", "") if report.invoked else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) < 4 else None


def asked_adj(report: Report) -> int | None:
    """oom_score_adj of who asked."""
    text = report.invoked.pairs.get("oom_score_adj", "") if report.invoked else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) < 6 else None


def size_text(order: int | None, page_bytes: int) -> str:
    """'4 KiB', 'memory by hand (SysRq f)'."""
    if order is None:
        return "memory"
    if order < 0:
        return "nothing: it was called by hand (SysRq f)"
    return format_bytes(page_bytes << min(order, 40)) + (" in one piece" if order else "")


def constraint_words(constraint: str) -> str:
    """Whose memory was short; a constraint that nobody knows as it is."""
    return _CONSTRAINTS.get(constraint, constraint)


def constraint_text(report: Report) -> str:
    """Whose memory was short, with the cgroup's or the cpuset's name."""
    if report.constraint is None:
        return "not said: the machine, or some of its nodes" if report.mem_info else "cut off"
    text = constraint_words(report.constraint)
    path = group_of(report)
    if report.constraint == "CONSTRAINT_MEMCG" and path:
        text += f": {path}"
    if report.constraint == "CONSTRAINT_CPUSET" and report.cpuset:
        text += f": {report.cpuset}"
    return text


def group_of(report: Report) -> str | None:
    """The memory cgroup whose limit was hit."""
    return report.kill.get("oom_memcg") or (report.limit_of[1] if report.limit_of else None)


def task_group_of(report: Report) -> str | None:
    """The memory cgroup of the victim, which may lie below."""
    return report.kill.get("task_memcg") or (report.limit_of[0] if report.limit_of else None)
