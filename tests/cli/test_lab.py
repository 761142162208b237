"""`memlab lab` as a person starts it: what it prints, who may come in, what is left when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from tests.lab_process import LabProcess, words
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MEMLAB = [sys.executable, "-m", "memlab.cli.main"]

pytestmark = pytest.mark.live

Start = Callable[..., LabProcess]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Makes a LabProcess over a copy of the course."""
    home = tmp_path / "home"
    home.mkdir()

    def make(*options: str, **environment: str) -> LabProcess:
        course = ("--notebooks", str(tmp_path / "course"))
        return LabProcess(MEMLAB, home, *course, *options, cwd=ROOT, **environment)

    return make


@pytest.fixture
def lab(start: Start) -> Iterator[LabProcess]:
    with start("--port", "0") as running:
        yield running


def test_it_opens_the_first_notebook_behind_its_token(lab: LabProcess) -> None:
    assert lab.notebook == "00_start_here.ipynb"
    assert len(lab.token) >= 32
    status, page = lab.ask(f"/lab/tree/{lab.notebook}")
    assert (status, "<title>JupyterLab</title>" in page) == (200, True)
    assert lab.ask(f"/api/contents/{lab.notebook}")[0] == 200


def test_nobody_comes_in_without_the_token(lab: LabProcess) -> None:
    assert lab.ask("/api/contents", token="")[0] == 403
    assert lab.ask("/api/contents", token="guessed")[0] == 403


def test_the_token_is_new_each_time_and_in_nobodys_sight(start: Start) -> None:
    with start("--port", "0") as one, start("--port", "0") as other:
        assert one.token != other.token
        kernel = one.start_kernel()
        for process in (psutil.Process(one.process.pid), kernel):
            assert not any(one.token in word for word in words(process))
        assert one.token not in kernel.environ().values()


def test_it_listens_on_loopback_only(lab: LabProcess) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(lab.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_the_kernel_is_this_python(lab: LabProcess) -> None:
    kernel = lab.start_kernel()
    assert kernel.cmdline()[0] == sys.executable


def test_news_updates_and_extension_downloads_are_off(lab: LabProcess) -> None:
    page = lab.ask("/lab")[1]
    config = json.loads(
        page.split('<script id="jupyter-config-data" type="application/json">')[1].split("<")[0]
    )
    assert config["news"] == {"disabled": True}
    assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
    assert config["extensionManager"]["can_install"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_everything_it_started(start: Start, number: signal.Signals) -> None:
    with start("--port", "0") as lab:
        lab.start_kernel()
        assert lab.ask("/api/terminals", data={})[0] in (200, 201)
        started = psutil.Process(lab.process.pid).children(recursive=True)
        assert len(started) >= 2
        assert lab.end(number) == 0
        until(lambda: not any(child.is_running() for child in started))
    assert "Traceback" not in lab.text


def test_a_taken_port_is_left_to_its_owner(start: Start) -> None:
    with start() as first, start() as second:
        assert first.port != second.port
        assert second.ask("/api")[0] == 200


def test_a_port_that_was_asked_for_and_is_taken_is_one_clear_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lab = start("--port", str(port))
        assert lab.process.wait(timeout=60) == 2
        until(lambda: "in use" in lab.text)
    said = f"memlab lab: port {port} is in use: leave --port out and a free one is taken"
    assert said in lab.text.splitlines()  # what was copied may be said before it or after


@pytest.mark.parametrize("port", ["-1", "65536", "eight"])
def test_a_port_that_is_none_is_one_clear_line(port: str) -> None:
    argv = [*MEMLAB, "lab", f"--port={port}"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is no port" in done.stderr


def test_the_users_own_jupyter_is_neither_read_nor_changed(tmp_path: Path, start: Start) -> None:
    own = tmp_path / "home" / ".jupyter"
    own.mkdir()
    config = own / "jupyter_server_config.py"
    config.write_text("raise SystemExit('the configuration of the user was read')")
    kernels = tmp_path / "home/.local/share/jupyter/kernels/python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "other"}')
    with start("--port", "0", JUPYTER_PATH=str(kernels.parents[1])) as lab:
        assert lab.start_kernel().cmdline()[0] == sys.executable
    assert list(own.iterdir()) == [config]


def test_its_settings_are_for_their_owner_only(tmp_path: Path, start: Start) -> None:
    with start("--port", "0"):
        folder = tmp_path / "home/.local/state/memlab/jupyter"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_home_it_works_and_leaves_nothing(tmp_path: Path, start: Start) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with start("--port", "0", HOME="/proc/nowhere", TMPDIR=str(scratch)) as lab:
        assert "settings end with this run" in lab.text
        lab.start_kernel()
        assert list(scratch.glob("memlab-jupyter-*"))
        assert lab.end(signal.SIGINT) == 0
    assert list(scratch.glob("memlab-jupyter-*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for whom Jupyter wants leave")
def test_root_may_start_it_too(lab: LabProcess) -> None:
    assert lab.ask("/api")[0] == 200


@pytest.mark.browser
def test_the_page_asks_nobody_else(lab: LabProcess, chromium: str) -> None:
    """The whole page, until the notebook is there; every request goes to our own address."""
    asked: list[str] = []
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{lab.base}/lab/tree/{lab.notebook}?token={lab.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_load_state("networkidle")
        popups = page.locator(".Toastify__toast").all_inner_texts()
        browser.close()
    strangers = [url for url in asked if not url.startswith((lab.base, "data:", "blob:"))]
    assert len(asked) > 10
    assert strangers == []
    assert popups == []
