"""Python as an ordinary user, for tests that run as root."""

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy
import pytest

import memlab

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
_USER = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
# packages with compiled parts, as numpy, are of one version of Python
_PACKAGES = (Path(memlab.__file__).parent.parent, Path(numpy.__file__).parent.parent)


@cache
def _python(condition):
    """A Python that an ordinary user may run: that of a venv below /root is not."""
    for candidate in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with suppress(OSError):
            asked = subprocess.run(
                [candidate, "-c", condition], env=_environment("/"), capture_output=True, **_USER
            )
            if asked.returncode == 0:
                return candidate
    return None


def _environment(home):
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, _PACKAGES)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
    }


def run_as_nobody(*words, home="/", packages=True):
    """Run Python with these arguments as an ordinary user, in a home of its own.

    Skips the test without a Python that such a user may run, with our packages where it needs them.
    """
    ours = sys.version_info[:2]
    alike = f"import sys, numpy; assert sys.version_info[:2] == {ours}"
    python = _python(alike if packages else "import sys; assert sys.version_info >= (3, 11)")
    if python is None:
        wanted = "Python {}.{} and its packages".format(*ours) if packages else "Python 3.11"
        pytest.skip(f"needs a {wanted}, open to an ordinary user")
    return subprocess.run(
        [python, *words], env=_environment(home), cwd=_PACKAGES[0], capture_output=True, text=True, **_USER,
    )  # fmt: skip


def as_nobody(code, home="/"):
    """Run Python code as an ordinary user, the lab at hand; what it printed, by line."""
    said = run_as_nobody("-c", code, home=home, packages=False)
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()
