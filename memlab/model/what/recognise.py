"""Find out what a pasted text is, piece by piece."""

from __future__ import annotations

import re
from collections.abc import Callable

from memlab.model.what import lists, machine, mappings, oom, pmap, processes, tools
from memlab.model.what.clean import is_ornament, lines_of, without_prompt
from memlab.model.what.glossary import TITLES, everywhere, hint
from memlab.model.what.types import Explanation, Field, Item, note

Reader = Callable[[list[str], int], tuple[Item, int] | None]

# Each looks at the lines from one number on, and answers what it is and the number of the first
# line that is not of it. The first that knows it wins: the narrow ones stand before the broad.
READERS: tuple[Reader, ...] = (
    *mappings.READERS,
    *lists.READERS,
    *tools.READERS,
    *pmap.READERS,
    *oom.READERS,
    *machine.READERS,
    *processes.READERS,
)
FORMATS = (
    "maps, smaps, smaps_rollup, status, stat, statm, limits, numa_maps, meminfo, vmstat, slabinfo, "
    "buddyinfo, zoneinfo, swaps, pressure, memory.stat, kmemleak, OOM reports, "
    "pidstat -r, top, ps, smem, ipcs -m, pmap, free"
)
_MOST_WRAPPED = 3
_PAIR = re.compile(r" *[\w-]+[:=]\S")


def explain(text: str, here_bytes: int | None = None) -> Explanation:
    """Explain a field's name, or any lines; what is not recognised is in `unknown`. Never raises.

    here_bytes: MemTotal of the machine that the text is from.
    """
    if "\n" not in text.strip() and (item := _named(text.strip())):
        return Explanation((item,))
    lines = lines_of(text)
    items: list[Item] = []
    unknown: list[tuple[int, str]] = []
    at = 0
    while at < len(lines):
        if is_ornament(lines[at]):
            at += 1
            continue
        found = _read_broken(lines, at) or _read(lines, at) or _read_mended(lines, at)
        if found is None:
            unknown.append((at + 1, lines[at].strip()))
            at += 1
        else:
            item, at = found
            items.append(item.known(here_bytes) if here_bytes and item.known else item)
    return Explanation(tuple(items), tuple(unknown))


def _read(lines: list[str], at: int) -> tuple[Item, int] | None:
    for reader in READERS:
        found = reader(lines, at)
        if found is not None:
            return found
    return None


def _read_broken(lines: list[str], at: int) -> tuple[Item, int] | None:
    """A line that was broken behind a comma: its first part alone may look whole."""
    if not lines[at].endswith(",") or at + 1 == len(lines) or not _PAIR.match(lines[at + 1]):
        return None
    return None if _read(lines, at + 1) else _read_mended(lines, at)


def _read_mended(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Without a prompt; then as a line that a terminal or a mail has broken."""
    bare = without_prompt(lines[at])
    if bare != lines[at] and (found := _read([bare], 0)):
        return found[0], at + 1
    for many in range(2, _MOST_WRAPPED + 1):
        parts = lines[at : at + many]
        if (
            len(parts) < many
            or not all(part.strip() for part in parts)
            or _read(lines, at + many - 1)
        ):
            break
        for glue in (" ", ""):
            if found := _read([glue.join([parts[0], *map(str.strip, parts[1:])])], 0):
                return found[0], at + many
    return None


def _named(name: str) -> Item | None:
    """A bare name, in every file where it occurs."""
    found = everywhere(name)
    if not found:
        return None
    rows, remarks = [], []
    for m in found:
        title = TITLES[m.file] + (f" ({m.name})" if m.name != found[0].name else "")
        rows.append(Field(title, "", f"{m.text}{_unit(m.unit)}", m.source))
        if advice := hint(m.file, m.name):
            remarks.append(note(f"{TITLES[m.file]}: {advice}" if len(found) > 1 else advice))
    places = "one place" if len(rows) == 1 else f"{len(rows)} places"
    return Item(f"{found[0].name}: a field in {places}", tuple(rows), tuple(remarks))


def _unit(unit: str) -> str:
    return "" if unit in ("text", "flag", "mixed", "range") else f" (unit: {unit})"
