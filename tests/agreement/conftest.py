"""What the tests against the tools share."""

import os
import subprocess

import pytest

from tests.still_process import still_process


@pytest.fixture(scope="module")
def still():
    """The pid of a process with mappings of many sorts that holds still."""
    with still_process() as pid:
        yield pid


@pytest.fixture
def said():
    """What a tool prints, in the C locale."""

    def run(*command, **environment):
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, check=True,
            env={**os.environ, "LC_ALL": "C", "S_TIME_FORMAT": "ISO", **environment},
        )  # fmt: skip
        return done.stdout.splitlines()

    return run
