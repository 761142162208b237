"""A scorecard's folder: what was asked, each case's truth as it ends, and each case's verdicts.

    draw.json       seed, length, the machine
    truth.jsonl     a line a case: what the leaker said of itself, what the observer cost
    verdicts.jsonl  a line a case: what was said of its recording, and by which version
    recordings/     one a case

A line is written whole and at once, so a run that is killed goes on where it was. A torn last
line is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memlab.errors import Denied, Gone, Refused
from memlab.lab.scorecard.cases import Case, draw

FORMAT = 1


@dataclass(frozen=True)
class Asked:
    """What a draw is made from: the same again gives the same cases."""

    seed: int
    quick: bool
    seconds: float
    most: int | None = None
    workers: int = 0
    machine: str = ""
    format: int = FORMAT

    def cases(self) -> list[Case]:
        """The draw."""
        return draw(self.seed, self.quick, self.seconds, self.most)


class Store:
    """The files of one scorecard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def exists(self) -> bool:
        """Whether a draw was begun here."""
        return (self.folder / "draw.json").is_file()

    def begin(self, asked: Asked) -> None:
        """A new draw. Refused where there is one already, Denied where nothing may be written."""
        if self.exists:
            raise Refused(
                f"{self.folder} has a scorecard already",
                "go on with --resume, judge it anew with --rejudge, or choose another --out",
            )
        try:
            (self.folder / "recordings").mkdir(parents=True, exist_ok=True)
            (self.folder / "draw.json").write_text(json.dumps(asdict(asked), indent=1) + "\n")
        except OSError as error:
            raise Denied(f"{self.folder} cannot be written: {error.strerror}") from None

    def asked(self) -> Asked:
        """What was asked for. Gone where no draw was begun."""
        if not self.exists:
            raise Gone(f"there is no scorecard in {self.folder}", "make one with --out")
        asked = Asked(**json.loads((self.folder / "draw.json").read_text()))
        if asked.format != FORMAT:
            raise Refused(f"{self.folder} was made by another memlab", "choose another --out")
        return asked

    def cases(self) -> list[Case]:
        """The draw; of what has run, as it was run, whatever a later version would draw."""
        ran = {label: line["case"] for label, line in self.truths().items() if "case" in line}
        drawn = {case.label: case for case in self.asked().cases()}
        kept = {label: Case(**fields) for label, fields in ran.items()}
        return sorted((drawn | kept).values(), key=lambda case: case.number)

    def truths(self) -> dict[str, dict[str, Any]]:
        """By label."""
        return {line["label"]: line for line in self._lines("truth.jsonl")}

    def verdicts(self, engine: str) -> dict[str, dict[str, Any]]:
        """By label, of this version of the judge only."""
        lines = self._lines("verdicts.jsonl")
        return {line["label"]: line for line in lines if line["engine"] == engine}

    def add_truth(self, case: Case, truth: dict[str, Any]) -> None:
        """Of a case that has run."""
        self._append("truth.jsonl", {"label": case.label, "case": case.to_json(), **truth})

    def add_verdict(self, case: Case, verdict: dict[str, Any]) -> None:
        """Of a case that was judged."""
        self._append("verdicts.jsonl", {"label": case.label, **verdict})

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.folder / name
        for line in path.read_bytes().splitlines() if path.is_file() else ():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut off by a kill; its case runs again

    def _append(self, name: str, value: dict[str, Any]) -> None:
        # one write in append mode; a line break first ends what a kill may have torn
        line = b"\n" + json.dumps(value, separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(
            self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
