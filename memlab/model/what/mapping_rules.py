"""What to think of the numbers of a mapping, and of the sums over a process's mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from memlab.model.what.types import Remark, alarming, normal, note
from memlab.model.what.values import both, kilobytes, percent
from memlab.procfs.maps import Header
from memlab.units import KIB, MIB

_HUGE_PAGE = 2 * MIB
# glibc's and musl's guard is one page unless asked otherwise (pthread_attr_setguardsize); arm64 may have 64 KiB pages
_LARGEST_STACK_GUARD = 64 * KIB


class Pasted(Protocol):
    """What the rules look at; `mappings.Pasted` is one."""

    @property
    def header(self) -> Header:
        """Start, end, permissions, offset, device, inode, name."""

    @property
    def kind(self) -> str:
        """Label of its RegionKind."""

    @property
    def size(self) -> int:
        """Bytes of address space."""

    @property
    def perms(self) -> str:
        """rwxp."""

    @property
    def name(self) -> str:
        """A path or ""."""

    @property
    def flags(self) -> list[str]:
        """VmFlags."""

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by the kernel's names."""


def describe(name: str, kind: str) -> str:
    """'thread stack, anonymous', 'file, text: /bin/cat'."""
    return f"{kind}: {name}" if name and name != kind else kind if name else f"anonymous ({kind})"


def one_remarks(mapping: Pasted, among: Sequence[Pasted] = ()) -> Iterator[Remark]:
    """Remarks on one mapping; `among` are those pasted with it."""
    if mapping.perms.startswith("---"):
        yield _guard(mapping, among)
    elif mapping.kind == "thread stack":
        yield _stack(mapping, among)
    elif not mapping.name and mapping.perms == "rw-p" and not among:
        yield note(
            "alone it does not tell whether it is a thread stack: look at its neighbour, a ---p of 4 kB "
            "that touches it is the guard"
        )
    if mapping.perms[1:3] == "wx":
        yield alarming(
            "writable and executable at once: a just-in-time compiler, or something to look into"
        )
    if mapping.name.endswith(" (deleted)"):
        yield note(
            "its file was removed: the disk (or tmpfs) space stays taken until nobody maps it"
        )
    yield from _fill(mapping)
    yield from _sharing(mapping)
    yield from _kept(mapping.sizes)


def _guard(mapping: Pasted, among: Sequence[Pasted]) -> Remark:
    near = [
        m for m in among if m.header[0] == mapping.header[1] or m.header[1] == mapping.header[0]
    ]
    if mapping.kind == "thread stack" or (
        mapping.size <= _LARGEST_STACK_GUARD and any(m.kind == "thread stack" for m in near)
    ):
        return normal(
            "---p may not be touched at all: the guard that stops a thread's stack from running over"
        )
    if mapping.size <= _LARGEST_STACK_GUARD:
        return normal(
            "---p may not be touched at all: a guard, most often of a thread's stack; it takes no memory"
        )
    return normal(
        "---p may not be touched at all: address space kept for later (a malloc arena's rest, a runtime's heap); "
        "it counts in VSZ and takes no memory"
    )


def _stack(mapping: Pasted, among: Sequence[Pasted]) -> Remark:
    start, end = mapping.header[:2]
    for guard in among:
        if guard.perms.startswith("---") and guard.size <= _LARGEST_STACK_GUARD:
            below, above = guard.header[1] == start, guard.header[0] == end
            if below or above:
                place = "below" if below else "above"
                whose = "" if below else " (above: the next stack's guard; its own would lie below)"
                total = kilobytes(mapping.size + guard.size)
                return note(
                    f"rw-p of {kilobytes(mapping.size)} with a ---p of {kilobytes(guard.size)} {place} it{whose}: "
                    f"a thread stack. VSZ grows by {total} a thread; one that stays after its thread has ended "
                    "belongs to a thread that nobody joined"
                )
    if "gu" in mapping.flags:
        return note(
            "a thread stack, by its flags nh and gu: glibc 2.42 and later keep the guard inside"
        )
    return note(
        "a thread stack without a guard, or several that have merged, by its flag nh (MAP_STACK); where most of it is"
        " touched it is other memory, for MADV_NOHUGEPAGE sets the same flag"
    )


def _fill(mapping: Pasted) -> Iterator[Remark]:
    rss, swap = mapping.sizes.get("Rss"), mapping.sizes.get("Swap", 0)
    if rss is None or mapping.perms.startswith("---"):
        return
    share = percent(rss + swap, mapping.size)
    if mapping.kind in ("thread stack", "[stack]"):
        yield normal(f"{share:.1f} % of the stack was ever touched: the rest is address space only")
    elif mapping.kind in ("[heap]", "malloc arena", "plain anonymous"):
        if share >= 90:
            yield note(
                f"{share:.0f} % of it is in memory or swap: all that was asked for was touched. In use or kept by "
                "malloc, one look cannot tell: look again later, growth is what counts"
            )
        elif share < 10:
            yield normal(
                f"only {share:.1f} % of it was touched: it costs address space (VSZ), hardly memory"
            )
        else:
            yield normal(f"{share:.0f} % of it was touched; the rest costs no memory")


def _sharing(mapping: Pasted) -> Iterator[Remark]:
    sizes = mapping.sizes
    rss, pss, file = sizes.get("Rss", 0), sizes.get("Pss"), mapping.name.startswith("/")
    if rss and pss is not None:
        yield _users(rss, pss)
    if sizes.get("Shared_Dirty"):
        if mapping.perms.endswith("s"):
            yield note(
                f"Shared_Dirty {both(sizes['Shared_Dirty'])}: written and visible to all who map it"
            )
        else:
            yield normal(
                f"Shared_Dirty {both(sizes['Shared_Dirty'])}: written before a fork and not copied since; "
                "whoever writes next gets a copy of its own"
            )
    copied = sizes.get("Anonymous", 0)
    if file and mapping.perms.endswith("p") and copied:
        yield normal(
            f"Anonymous {both(copied)} in a private file mapping: pages that were written and so copied "
            "(relocations, global variables); they no longer belong to the file"
        )


def _users(rss: int, pss: int) -> Remark:
    if pss >= rss:
        return normal(f"Pss = Rss: nobody shares it, so the end of this process frees {both(rss)}")
    if not pss:
        return normal("Pss 0: shared by so many that its share of it rounds to nothing")
    return normal(
        f"Pss is {percent(pss, rss):.0f} % of Rss: its pages have {rss / pss:.1f} users in the mean, "
        "do not add up Rss over processes"
    )


def _kept(sizes: Mapping[str, int]) -> Iterator[Remark]:
    """What holds for one mapping and for sums alike."""
    if sizes.get("Swap"):
        yield note(
            f"{both(sizes['Swap'])} lie in swap: judge growth by Rss + Swap, Rss alone may fall"
        )
    if sizes.get("AnonHugePages"):
        pages = sizes["AnonHugePages"] / _HUGE_PAGE
        yield note(
            f"AnonHugePages: {pages:,.0f} huge pages of 2 MiB; one byte touched can take a whole one"
        )
    if sizes.get("LazyFree"):
        yield normal(
            f"LazyFree {both(sizes['LazyFree'])}: freed already, and only counted in Rss until somebody needs it"
        )
    if sizes.get("Locked"):
        yield note(f"Locked {both(sizes['Locked'])}: can neither be dropped nor swapped")
    huge = sizes.get("Shared_Hugetlb", 0) + sizes.get("Private_Hugetlb", 0)
    if huge:
        yield alarming(
            f"{both(huge)} of reserved huge pages stand in neither Rss nor Pss: add them"
        )
    if sizes.get("KSM"):
        yield note(
            f"KSM {both(sizes['KSM'])}: merged with equal pages; the next write makes a copy"
        )
    rss, referenced = sizes.get("Rss", 0), sizes.get("Referenced")
    if rss and referenced is not None and 2 * referenced < rss:
        yield note(
            f"only {percent(referenced, rss):.0f} % of Rss is marked Referenced: the rest has not "
            f"been touched for a while, "
            "as leaked memory is not (nor is any idle memory)"
        )


def sum_remarks(sizes: Mapping[str, int]) -> Iterator[Remark]:
    """Remarks on the sums over mappings."""
    rss, pss = sizes.get("Rss", 0), sizes.get("Pss")
    if rss and pss is not None:
        yield _users(rss, pss)
    if rss and "Anonymous" in sizes:
        share = percent(sizes["Anonymous"], rss)
        yield note(
            f"{share:.0f} % of Rss is anonymous (heaps, stacks): only swap or this process can give that back; "
            "the rest belongs to files or shared memory"
        )
    private = sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
    if private:
        yield note(
            f"USS (Private_Clean + Private_Dirty) {both(private)}: what ending the process frees for sure"
        )
    yield from _kept(sizes)
