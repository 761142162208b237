"""maps, smaps and smaps_rollup: one mapping, some, or a whole process."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.model.what.glossary import field, glossary, impossible
from memlab.model.what.mapping_rules import describe, one_remarks, sum_remarks
from memlab.model.what.types import Field, Item, Remark, note
from memlab.model.what.values import kilobytes, whole
from memlab.procfs.maps import Header, parse_header

_KEYED = re.compile(r" *([A-Z]\w*):(.*)")
_UNSUMMED = ("KernelPageSize", "MMUPageSize", "THPeligible", "ProtectionKey", "VmFlags", "Name")
_MOST_REMARKED = 8


@dataclass(frozen=True)
class Pasted:
    """One mapping as pasted: its header, its lines as they are, its kind in words."""

    header: Header
    texts: dict[str, str]
    kind: str = ""

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.header[1] - self.header[0]

    @property
    def perms(self) -> str:
        """rwxp."""
        return self.header[2]

    @property
    def name(self) -> str:
        """A path, or "" for anonymous memory."""
        return self.header[6]

    @property
    def flags(self) -> list[str]:
        """VmFlags."""
        return self.texts.get("VmFlags", "").split()

    @property
    def sizes(self) -> dict[str, int]:
        """All lines in kB, in bytes."""
        found = {key: whole(text) for key, text in self.texts.items() if key not in _UNSUMMED[2:]}
        return {key: number * 1024 for key, number in found.items() if number is not None}


def header_of(line: str) -> Header | None:
    """The fields of a mapping's first line; None where it is none."""
    words = line.split(None, 5)
    if len(words) < 5 or "-" not in words[0]:
        return None
    try:
        return parse_header(" ".join(words), "", 0)
    except Malformed:
        return None


def _collect(lines: list[str], at: int) -> tuple[list[Pasted], int]:
    found: list[Pasted] = []
    while at < len(lines) and (header := header_of(lines[at])):
        texts: dict[str, str] = {}
        at += 1
        while at < len(lines) and (match := _KEYED.fullmatch(lines[at])):
            key, text = match[1], match[2].strip()
            if key in texts or (key not in glossary()["smaps"] and not text.endswith(" kB")):
                break
            texts[key] = text
            at += 1
        found.append(Pasted(header, texts))
        while at < len(lines) and lines[at].strip() in ("", "..."):
            at += 1
    return found, at


def read_mappings(lines: list[str], at: int) -> tuple[Item, int] | None:
    """A run of mappings, with their smaps lines or without."""
    found, after = _collect(lines, at)
    if not found:
        return None
    if found[0].name == "[rollup]" and len(found) == 1:
        return _rollup(found[0]), after
    found = [
        Pasted(mapping.header, mapping.texts, kind)
        for mapping, kind in zip(found, _kinds(found), strict=True)
    ]
    return (_one(found[0]) if len(found) == 1 else _several(found)), after


def _kinds(found: list[Pasted]) -> list[str]:
    """The classification that the verdicts use, over what was pasted."""
    import numpy as np

    from memlab.model.classify import classify
    from memlab.model.memory import RegionKind
    from memlab.procfs.smaps import Smaps

    start, end, perms, offset, device, inode, names = zip(
        *(mapping.header for mapping in found), strict=True
    )
    addresses = [np.array(column, dtype=np.uint64) for column in (start, end, offset, inode)]
    smaps = Smaps(
        start=addresses[0],
        end=addresses[1],
        offset=addresses[2],
        inode=addresses[3],
        perms=perms,
        device=device,
        names=names,
        texts={"vm_flags": [mapping.texts.get("VmFlags", "") for mapping in found]},
    )
    return [RegionKind(kind).label for kind in classify(smaps).kinds.tolist()]


def _file_of(found: list[Pasted]) -> str:
    return "smaps" if any(mapping.texts for mapping in found) else "maps"


def _one(mapping: Pasted) -> Item:
    what = describe(mapping.name, mapping.kind)
    title = f"one mapping of /proc/PID/{_file_of([mapping])}: {kilobytes(mapping.size)} {mapping.perms}, {what}"
    fields = [*_header_fields(mapping), *_text_fields(mapping.texts)]
    rss = mapping.sizes.get("Rss")
    remarks = (*impossible("smaps", mapping.texts), *one_remarks(mapping))
    return Item(title, tuple(fields), remarks, rss)


def _header_fields(mapping: Pasted) -> list[Field]:
    start, end, perms, offset, device, inode, name = mapping.header
    hexadecimal = ":".join(f"{int(number):02x}" for number in device.split(":"))
    shown = {
        "address": f"{start:x}-{end:x}",
        "perms": perms,
        "offset": f"{offset:08x}",
        "dev": hexadecimal,
        "inode": str(inode),
        "pathname": name or "(none)",
    }
    return [field("maps", key, value) for key, value in shown.items()]


def _text_fields(texts: dict[str, str]) -> list[Field]:
    fields = []
    for key, text in texts.items():
        fields.append(field("smaps", key, text))
        if key == "VmFlags":
            fields += [field("VmFlags", flag, "", f"  {flag}") for flag in text.split()]
    return fields


def _rollup(rollup: Pasted) -> Item:
    fields = [field("maps", "address", f"{rollup.header[0]:x}-{rollup.header[1]:x}")]
    fields += _text_fields(rollup.texts)
    title = "/proc/PID/smaps_rollup: the sums over all mappings of one process"
    remarks = (*impossible("smaps", rollup.texts), *sum_remarks(rollup.sizes))
    return Item(title, tuple(fields), remarks, rollup.sizes.get("Rss"))


def _several(found: list[Pasted]) -> Item:
    virtual = sum(mapping.size for mapping in found)
    title = f"{len(found)} mappings of /proc/PID/{_file_of(found)}: {kilobytes(virtual)} of address space in sum"
    sums: dict[str, int] = {}
    for mapping in found:
        for key, size in mapping.sizes.items():
            if key not in _UNSUMMED:
                sums[key] = sums.get(key, 0) + size
    fields = [field("maps", key, "") for key in glossary()["maps"]]
    for key in dict.fromkeys(key for mapping in found for key in mapping.texts):
        if key in sums:
            fields.append(field("smaps", key, f"{sums[key] // 1024} kB"))
        elif key != "VmFlags":
            distinct = dict.fromkeys(mapping.texts.get(key, "none") for mapping in found)
            shown = list(distinct)[:3] + ["…"] * (len(distinct) > 3)
            fields.append(field("smaps", key, " or ".join(shown)))
    flags = [flag for mapping in found for flag in mapping.flags]
    if flags:
        fields.append(field("smaps", "VmFlags", ""))
    for flag in dict.fromkeys(flags):
        fields.append(field("VmFlags", flag, f"in {flags.count(flag):,}", f"  {flag}"))
    remarks = [note("sizes above are sums over these mappings")] if sums else []
    remarks += _by_kind(found)
    remarks += sum_remarks(sums)
    remarks += [remark for mapping in found for remark in impossible("smaps", mapping.texts)]
    for mapping in found[:_MOST_REMARKED]:
        where = f"{mapping.header[0]:x} ({kilobytes(mapping.size)} {mapping.perms}): "
        remarks += [Remark(r.tone, where + r.text) for r in one_remarks(mapping, found)]
    if len(found) > _MOST_REMARKED:
        rest = len(found) - _MOST_REMARKED
        remarks.append(
            note(f"{rest:,} more mappings are in the sums only: paste one to read about it")
        )
    return Item(title, tuple(fields), tuple(remarks), sums.get("Rss"))


def _by_kind(found: list[Pasted]) -> list[Remark]:
    remarks = []
    for kind in dict.fromkeys(mapping.kind for mapping in found):
        those = [mapping for mapping in found if mapping.kind == kind]
        virtual = sum(mapping.size for mapping in those)
        resident = sum(mapping.sizes.get("Rss", 0) for mapping in those)
        known = any("Rss" in mapping.texts for mapping in those)
        rss = f", {kilobytes(resident)} resident" if known else ""
        remarks.append(note(f"{kind}: {len(those):,} mapped as {kilobytes(virtual)}{rss}"))
    return remarks


def read_permissions(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`rw-p` alone."""
    perms = lines[at].strip()
    if not re.fullmatch(r"[r-][w-][x-][ps]", perms):
        return None
    what = "a guard or a reservation" if perms.startswith("---") else "as in maps"
    item = Item(f"permissions of a mapping: {perms}, {what}", (field("maps", "perms", perms),))
    return item, at + 1


READERS = (read_mappings, read_permissions)
