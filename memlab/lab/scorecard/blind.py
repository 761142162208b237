"""Ten programs under letters, watched at the same time: to be judged by eye before anybody else does."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from memlab.diagnose import diagnose
from memlab.lab.experiment import start
from memlab.lab.registry import get
from memlab.lab.scorecard.baselines import judged_by_all
from memlab.model.diagnosis import Diagnosis
from memlab.model.recording import Recording
from memlab.observe.live import LiveRecorder

LETTERS = "ABCDEFGHIJ"
# half of them leak; two of those never show in resident memory
_PROGRAMS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("heap", "c", {"rate": "1MiB/s"}),
    ("heap", "c", {"rate": "4MiB/s", "profile": "sawtooth-with-drift", "period": 2.0, "cap": "256MiB"}),
    ("anonymous-objects", "python", {"rate": "1MiB/s", "cap": "64MiB"}),
    ("thread-stack", "c", {"rate": "2/s"}),
    ("tmpfs", "c", {"rate": "1MiB/s"}),
    ("heap", "c", {"rate": "4MiB/s", "control": True}),
    ("warm-up", "c", {"rate": "2MiB/s", "cap": "16MiB"}),
    ("bounded-cache", "c", {"rate": "2MiB/s", "cap": "12MiB"}),
    ("sawtooth", "c", {"rate": "4MiB/s", "cap": "12MiB"}),
    ("retention", "c", {"rate": "4MiB/s", "cap": "16MiB"}),
)  # fmt: skip


@dataclass(frozen=True)
class Blind:
    """One program: what it was, and what was seen of it."""

    name: str
    options: dict[str, Any]
    recording: Recording

    @property
    def is_leak(self) -> bool:
        """The truth, of the manifest."""
        return not get(self.name).is_lookalike and not self.options.get("control")

    @property
    def words(self) -> str:
        """What it was, in a few words."""
        if self.options.get("control"):
            return f"{self.name}, given back"
        profile = self.options.get("profile")
        return f"{self.name}, {profile}" if profile else self.name

    def diagnosis(self) -> Diagnosis:
        """What memlab says of it."""
        return diagnose(self.recording)

    def others(self) -> dict[str, bool]:
        """Whether each plain detector calls it a leak."""
        return judged_by_all(self.recording)


def ten(seconds: float = 20.0, seed: int | None = None) -> dict[str, Blind]:
    """Run ten programs side by side for so long; by letters that are dealt by chance."""
    programs = list(_PROGRAMS)
    random.Random(seed).shuffle(programs)
    with ExitStack() as running:
        runs = [
            running.enter_context(start(name, lang, paused=True, **options))
            for name, lang, options in programs
        ]
        recorders = [running.enter_context(LiveRecorder(run.pid)) for run in runs]
        for run in runs:
            run.resume()
        time.sleep(seconds)
        for recorder in recorders:
            recorder.stop()
        return {
            letter: Blind(name, options, recorder.recording)
            for letter, (name, _, options), recorder in zip(
                LETTERS, programs, recorders, strict=True
            )
        }


def verdicts_table(programs: Mapping[str, Blind], mine: Mapping[str, str]) -> str:
    """Who said what of each, beside what it was; ! where it is wrong.

    `mine` is what the reader said by letter: "leak", "no leak", or nothing.
    """
    detectors = list(next(iter(programs.values())).others())
    head = f"{'':3}{'what it was':27}" + "".join(
        f"{name:>15}" for name in ("you", "memlab", *detectors)
    )
    lines = [head]
    for letter, program in programs.items():
        truth = "leak" if program.is_leak else "no leak"
        said = [mine.get(letter, ""), _plain(program.diagnosis())]
        said += ["leak" if called else "no leak" for called in program.others().values()]
        cells = "".join(f"{_marked(word, truth):>15}" for word in said)
        lines.append(f"{letter:3}{program.words:27}{cells}")
    return "\n".join(lines)


def _plain(diagnosis: Diagnosis) -> str:
    return str(diagnosis.verdict.value).replace("not-a-leak", "no leak")


def _marked(word: str, truth: str) -> str:
    return word if word in (truth, "") else f"{word} !"
