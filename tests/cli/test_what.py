"""`memlab what` as a person types it."""

import os
import subprocess
import sys
from pathlib import Path

import memlab

PACKAGE = str(Path(memlab.__file__).parent.parent)


def what(*words, text=""):
    return subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", "what", *words],
        input=text, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip


def test_arguments_and_standard_input_say_the_same():
    given, piped = what("Pss:", "80", "kB"), what(text="Pss: 80 kB\n")
    assert given.returncode == piped.returncode == 0
    assert given.stdout == piped.stdout
    assert "fair share" in " ".join(given.stdout.split())


def test_what_is_not_known_is_one_line():
    for done in (what("VmRZS"), what(text="")):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""
    assert "did you mean VmRSS" in what("VmRZS").stderr
