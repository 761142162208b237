"""What all tests share: the order of a run, and skips that name what is missing."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

# the same texts in every run: what CI sees it sees again. `make fuzz` looks for others
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile(
    "fuzz", max_examples=int(os.environ.get("EXAMPLES", "20000")), deadline=None
)
settings.load_profile(os.environ.get("MEMLAB_PROFILE", "ci"))

# any one of these will do for the tests that drive a page
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The packaging tests come last: they take longest and lean on everything else."""
    items.sort(key=lambda item: item.get_closest_marker("packaging") is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, by name, where a program is missing."""
    missing = [
        program
        for marker in item.iter_markers("needs")
        for program in marker.args
        if shutil.which(program) is None
    ]
    if item.get_closest_marker("browser") and browser_program() is None:
        missing.append(BROWSERS[0])
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (memlab doctor says what to install)")


def browser_program() -> str | None:
    """The path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; tests that use it carry the marker `browser`."""
    path = browser_program()
    if path is None:
        pytest.skip(f"needs {BROWSERS[0]} (memlab doctor says what to install)")
    return path
