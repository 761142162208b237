"""JupyterLab and a headless Chromium, shared by the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """The system's Chromium, with a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab of this environment."""
    folder: Path = tmp_path_factory.mktemp("jupyter")
    with Server(folder) as running:
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile whose cache keeps JupyterLab's own scripts from one page to the next."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def lab_page(server: Server, context: BrowserContext) -> Iterator[LabPage]:
    """A fresh page; when the test is over, nothing may have asked any other host."""
    page = LabPage(server, context)
    page.page.set_viewport_size({"width": 1440, "height": 1500})
    yield page
    strangers = page.strangers()
    page.close()
    assert strangers == []
