"""The leakers: what there is, and the truth about each (leakers/manifest.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from memlab.errors import Unsupported, meant
from memlab.lab.paths import leakers_folder
from memlab.units import parse_bytes

LANGUAGES = ("c", "python")


@dataclass(frozen=True)
class Leaker:
    """One leaker, as the manifest describes it; sizes are bytes.

    pattern "none" is a look-alike, which leaks nothing and whose cap bounds what it holds; `reason`
    is why it is no leak. A chunk of 0 bytes is a unit that is counted, as the cap then is.
    moves: by the name of a meter, terms that add up to what one ledger says ("leaked", "touched")
    and a number for each unit. once + slack x units bounds how far the kernel may be from that.
    """

    name: str
    summary: str
    pattern: str
    memory_type: str
    basis: str
    chunk_bytes: int
    cap_bytes: int
    rate: str
    touch: str
    chapter: str
    files: dict[str, str]
    moves: dict[str, tuple[str | int, ...]]
    overhead_bytes: int = 0
    once_bytes: int = 0
    slack_bytes: int = 0
    privileges: str = "none"
    survives: str = "nothing"
    control: str = ""
    reason: str = ""

    @property
    def is_lookalike(self) -> bool:
        """Whether it leaks nothing by itself, without --control."""
        return self.pattern == "none"

    @property
    def is_counted(self) -> bool:
        """Whether its units are things and not bytes: then its cap is a number of them."""
        return self.chunk_bytes == 0

    @property
    def needs(self) -> str:
        """What it wants that a user or a machine may lack; "" for nothing."""
        return "" if self.privileges == "none" else self.privileges.removeprefix("none, but ")

    @property
    def on_tmpfs(self) -> bool:
        """Whether what it takes must fit into /dev/shm."""
        return "/dev/shm" in self.privileges

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it is written in."""
        return tuple(self.files)

    @property
    def default_lang(self) -> str:
        """C where it is written in it, else the language that it has."""
        return self.languages[0]

    @property
    def cap_basis(self) -> str:
        """What its cap counts: address space, pages that were touched, or units."""
        if self.is_counted:
            return "count"
        return "virtual" if self.touch == "never" else "resident"

    def path(self, lang: str) -> Path:
        """Its source file. Unsupported where it is not written in that language."""
        if lang not in self.files:
            raise Unsupported(
                f"{self.name} is not written in {lang!r}", f"choose {' or '.join(self.files)}"
            )
        return leakers_folder() / self.files[lang]

    def source(self, lang: str) -> str:
        """Its source text, to be read beside the chart."""
        return self.path(lang).read_text(encoding="utf-8")


@cache
def leakers() -> dict[str, Leaker]:
    """All leakers by name, in the order of the manifest."""
    with (leakers_folder() / "manifest.toml").open("rb") as file:
        return {name: _leaker(name, entry) for name, entry in tomllib.load(file).items()}


def get(name: str) -> Leaker:
    """One leaker. Unsupported where there is none of that name."""
    if name not in leakers():
        hint = f"{meant(name, leakers())}`memlab leakers` lists what there is"
        raise Unsupported(f"no leaker is called {name!r}", hint)
    return leakers()[name]


def _leaker(name: str, entry: dict[str, Any]) -> Leaker:
    fields = dict(entry)
    files = {lang: fields.pop(lang) for lang in LANGUAGES if lang in fields}
    moves = fields.pop("moves", {}).items()
    return Leaker(
        name=name,
        files=files,
        chunk_bytes=parse_bytes(fields.pop("chunk")),
        cap_bytes=parse_bytes(fields.pop("cap")),
        overhead_bytes=fields.pop("overhead", 0),
        once_bytes=parse_bytes(fields.pop("once", "0")),
        slack_bytes=fields.pop("slack", 0),
        moves={
            meter: tuple(terms) if isinstance(terms, list) else (terms,) for meter, terms in moves
        },
        **fields,
    )
