"""Programs that are no leakers, in the box that one would get."""

import sys
from pathlib import Path

from memlab.lab.experiment import Experiment, spawn
from memlab.lab.registry import get

MISBEHAVING = str(Path(__file__).parent / "misbehaving.py")


def misbehaving(*does, cap="8MiB", name="heap"):
    """misbehaving.py, ready."""
    argv = [sys.executable, "-S", "-E", MISBEHAVING, *does]
    run = Experiment(get(name), "python", spawn(get(name), argv, {"cap": cap}))
    run.wait(lambda: run.ready and run.box)
    return run
