"""The list of strangers: what each program is, how it is started and loaded, and what is true of it.

The list lies in `cases/*.toml`. The truth of a case is from its issue, its changelog or its manual,
and from a long look at VmRSS that memlab has no part in (`checked`); no verdict goes into it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from memlab.errors import Malformed, Unsupported
from memlab.model.memory import Pattern

FOLDER = Path(__file__).resolve().parent / "cases"
# `grows`: it grows as long as it is watched, and gives all back when its work is done. That is
# no leak and no verdict about this window could know it, so it is scored apart.
TRUTHS = ("leak", "not-a-leak", "grows")


@dataclass(frozen=True)
class Case:
    """One program.

    what: in a few words; run: its argv; prepare: commands before it, in its folder; load: the
    arguments of `load.py`, or a command of its own that begins with "!"; files: what is written
    into its folder, by name; needs: programs on PATH; debian: the package that brings them; pip and
    npm: releases that are installed into the cache; truth, patterns: what is right (any of these
    patterns); because: why we know; source: where that is said; checked: what the long look saw;
    twin: the case that does the same and has the other truth; tree: it forks, and its children are
    judged too; after: seconds between ready and the watch; user: whom it runs as where we are root;
    ready: "port" or "start"; version: a command that prints it; everywhere: part of the quick test;
    box_bytes: the memory it may take.
    """

    name: str
    what: str
    run: tuple[str, ...]
    truth: str
    because: str
    source: str = ""
    checked: str = ""
    patterns: tuple[Pattern, ...] = ()
    needs: tuple[str, ...] = ()
    debian: str = ""
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    load: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    ready: str = "start"
    after: float = 3.0
    tree: bool = False
    user: str = ""
    twin: str = ""
    everywhere: bool = False
    box_bytes: int = 1 << 30


def cases() -> list[Case]:
    """All of them, in the order of the files. Raises Malformed for a list that is not well formed."""
    found = [case for path in sorted(FOLDER.glob("*.toml")) for case in read(path)]
    names = {case.name for case in found}
    for case in found:
        if case.twin and case.twin not in names:
            raise Malformed("cases", 0, case.twin, f"is the twin of {case.name}, and not there")
    return found


def read(path: Path) -> list[Case]:
    """The cases of one file. Raises Malformed."""
    try:
        rows = tomllib.loads(path.read_text())["case"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise Malformed(str(path), 0, str(error), "is no list of cases") from None
    return [_case(row, path) for row in rows]


def chosen(names: list[str] | None) -> list[Case]:
    """Those with these names, or all. Raises Unsupported for a name that is not there."""
    found = cases()
    if not names:
        return found
    known = {case.name: case for case in found}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise Unsupported(
            f"there is no stranger called {', '.join(wrong)}", "memlab strangers --list names them"
        )
    return [known[name] for name in names]


_LISTS = {"run", "needs", "pip", "npm", "load", "version"}


def _case(row: dict[str, Any], path: Path) -> Case:
    """One table as a Case; each field must be known, and the truth complete."""

    def wrong(why: str) -> Malformed:
        return Malformed(str(path), 0, str(row.get("name", row)), why)

    unknown = set(row) - {one.name for one in fields(Case)}
    if unknown:
        raise wrong(f"has fields that nobody reads: {', '.join(sorted(unknown))}")
    plain: dict[str, Any] = {
        name: tuple(value.split()) if name in _LISTS and isinstance(value, str) else value
        for name, value in row.items()
    }
    plain = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
    plain["prepare"] = tuple(_words(one) for one in plain.get("prepare", ()))
    try:
        plain["patterns"] = tuple(map(Pattern, plain.get("patterns", ())))
        case = Case(**plain)
    except (TypeError, ValueError) as error:
        raise wrong(str(error)) from None
    if case.truth not in TRUTHS:
        raise wrong(f"has a truth that is none of {', '.join(TRUTHS)}")
    if (case.truth == "leak") != bool(case.patterns):
        raise wrong("a leak, and only a leak, has patterns")
    return case


def _words(command: str | list[str]) -> tuple[str, ...]:
    return tuple(command.split()) if isinstance(command, str) else tuple(command)
