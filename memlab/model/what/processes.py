"""Lines of `Key: value` (status, meminfo, smaps without its header), stat, statm."""

from __future__ import annotations

import re
from collections.abc import Mapping

from memlab.model.what.glossary import TITLES, field, glossary, impossible, meaning
from memlab.model.what.machine_rules import meminfo_remarks
from memlab.model.what.mapping_rules import sum_remarks
from memlab.model.what.process_rules import stat_remarks, statm_remarks, status_remarks
from memlab.model.what.types import Field, Item, Remark, alarming, normal, note
from memlab.model.what.values import whole
from memlab.units import PAGE_BYTES

_KEYED = re.compile(r" *([A-Za-z][\w()-]*) *[:=] ?(.*)")
_FILES = ("smaps", "status", "meminfo", "oom")
_STAT = re.compile(r" *(\d+) \((.*)\) ([A-Za-z])((?: -?\d{1,20}){36,80})")
_STATM = re.compile(r" *\d{1,20}(?: +\d{1,20}){6}")


def read_keyed(lines: list[str], at: int) -> tuple[Item, int] | None:
    """A run of `Key: value`, of the file that knows most of its keys."""
    first = _KEYED.fullmatch(lines[at])
    if not first or not any(first[1] in glossary()[file] for file in _FILES):
        return None
    pairs: list[tuple[str, str]] = []
    while at < len(lines) and (match := _KEYED.fullmatch(lines[at])):
        known = any(match[1] in glossary()[file] for file in _FILES)
        if not known and not match[2].rstrip().endswith(" kB"):
            break
        pairs.append((match[1], " ".join(match[2].split())))
        at += 1
    file = max(_FILES, key=lambda file: sum(key in glossary()[file] for key, _ in pairs))
    fields: list[Field] = []
    for key, text in pairs:
        where = file if meaning(file, key) else _other_file(key, file)
        fields.append(field(where, key, text))
        if key == "VmFlags":
            fields += [field("VmFlags", flag, "", f"  {flag}") for flag in text.split()]
    texts = dict(pairs)
    remarks, resident = _remarks(file, texts)
    remarks = [*impossible(file, texts), *remarks]
    some = "a line" if len(pairs) == 1 else f"{len(pairs)} lines"
    return Item(f"{some} of {TITLES[file]}", tuple(fields), tuple(remarks), resident), at


def _other_file(key: str, file: str) -> str:
    return next((other for other in _FILES if key in glossary()[other]), file)


def _remarks(file: str, texts: Mapping[str, str]) -> tuple[list[Remark], int | None]:
    in_kb = {key: whole(text) for key, text in texts.items() if text.endswith(" kB")}
    sizes = {key: number * 1024 for key, number in in_kb.items() if number is not None}
    if file == "status":
        return list(status_remarks(texts, sizes)), sizes.get("VmRSS")
    if file == "meminfo":
        return list(meminfo_remarks(texts, sizes)), None
    if file == "oom":
        return _oom_remarks(texts), None
    return list(sum_remarks(sizes)), sizes.get("Rss")


def _oom_remarks(texts: Mapping[str, str]) -> list[Remark]:
    points = whole(texts.get("oom_score_adj", ""))
    return [] if points is None else [points_remark(points)]


def points_remark(points: int) -> Remark:
    """On a value of oom_score_adj."""
    if points == -1000:
        return note(
            "oom_score_adj -1000: the OOM killer never takes it; if it leaks, others die for it"
        )
    if points == 1000:
        return alarming("oom_score_adj 1000: the OOM killer takes it first, whatever its size")
    if points == 0:
        return normal("oom_score_adj 0: judged by its memory alone")
    direction = "more" if points > 0 else "less"
    return note(
        f"oom_score_adj {points}: judged as if it used {abs(points) / 10:g} % of the memory in question {direction}"
    )


def read_stat(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The one line of /proc/PID/stat."""
    match = _STAT.fullmatch(lines[at])
    if match is None:
        return None
    values = [match[1], match[2], match[3], *match[4].split()]
    names = list(glossary()["stat"])
    fields = [field("stat", name, value) for name, value in zip(names, values, strict=False)]
    fields += [
        Field(f"({n + 1})", values[n], "newer than the 52 fields of Linux 6.18", "")
        for n in range(52, len(values))
    ]
    numbers = dict(zip(names, values, strict=False))
    title = f"/proc/PID/stat of process {match[1]} ({match[2]}), {min(len(values), 52)} fields"
    resident = int(numbers["rss"]) * PAGE_BYTES
    return Item(title, tuple(fields), tuple(stat_remarks(numbers)), resident), at + 1


def read_statm(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Seven numbers alone on a line."""
    if not _STATM.fullmatch(lines[at]):
        return None
    values = lines[at].split()
    numbers = dict(zip(glossary()["statm"], values, strict=True))
    fields = tuple(field("statm", name, value) for name, value in numbers.items())
    # as in procfs.statm: a sum of per-CPU counts may be caught below zero and printed unsigned
    pages = {name: 0 if int(value) >= 1 << 63 else int(value) for name, value in numbers.items()}
    return Item(
        "/proc/PID/statm: seven sizes in pages",
        fields,
        tuple(statm_remarks(pages)),
        pages["resident"] * PAGE_BYTES,
    ), at + 1


READERS = (read_stat, read_statm, read_keyed)
