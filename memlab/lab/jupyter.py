"""A JupyterLab for the course: loopback only, a random token, this Python, no request outside.

It runs in this process, so that ending this process is ending it. Its settings live in a folder
of memlab's own: what the user has in ~/.jupyter is neither read nor changed.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import zmq

from memlab.errors import MemlabError, Unsupported

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8888
# a kernel that does not end by itself is killed after 2 s (below); the rest takes less than one
PATIENCE_SECONDS = 8
# variables of the user's that would bring in other kernels, settings or a token that is known
_FOREIGN = ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JUPYTER_TOKEN_FILE", "JUPYTER_PORT")
_NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
_OFFLINE = {
    "LabApp": {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    },
    # it would run npm to find language servers, which writes into the user's home
    "LanguageServerManager": {"autodetect": False},
}


@dataclass(frozen=True)
class Address:
    """Where the server answers; `url` opens the first notebook and holds the token."""

    port: int
    token: str
    notebook: str

    @property
    def url(self) -> str:
        """What a person opens."""
        return f"http://{ADDRESS}:{self.port}/lab/tree/{self.notebook}?token={self.token}"


class Server:
    """JupyterLab over a folder; `run` serves until a signal ends it."""

    def __init__(self, folder: Path, notebook: str, port: int | None, browser: bool) -> None:
        if port:
            _require_free(port)
        encryption = "auto" if zmq.has("curve") else "disabled"
        token = secrets.token_urlsafe(24)
        # by environment, not by argv, which every user of the machine may read in /proc
        os.environ["JUPYTER_TOKEN"] = token
        try:
            self._app = _lab_app().initialize_server(
                [
                    f"--ServerApp.ip={ADDRESS}",
                    f"--ServerApp.port={DEFAULT_PORT if port is None else port}",
                    f"--ServerApp.port_retries={50 if port is None else 0}",
                    f"--ServerApp.root_dir={folder}",
                    f"--ServerApp.default_url=/lab/tree/{notebook}",
                    f"--ServerApp.open_browser={browser}",
                    f"--ServerApp.allow_root={os.geteuid() == 0}",
                    "--Application.log_level=WARN",
                    # a cell that leaks in a loop is killed after 2 s, not 5, when Ctrl-C comes
                    "--KernelManager.shutdown_wait_time=2",
                    # a kernel's plain ports would show its output to every user of the machine
                    f"--KernelManager.transport_encryption={encryption}",
                ]
            )
            assert self._app.identity_provider.token == token
        finally:
            del os.environ["JUPYTER_TOKEN"]
        _require_own_kernel(self._app.kernel_spec_manager)
        self.address = Address(self._app.port, token, notebook)
        self._stopping = False

    def run(self, announce: Callable[[Address], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; then end every kernel and terminal.

        `announce` is called once the address answers.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, self._stop)
        # the socket is bound by a callback that is queued already, so this one comes after it
        self._app.io_loop.add_callback(announce, self.address)
        self._app.start()

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:  # asked twice, or it takes too long: no more patience
            for child in psutil.Process().children(recursive=True):
                child.kill()
            os._exit(128 + number)
        self._stopping = True
        signal.alarm(PATIENCE_SECONDS)
        # not from here: Jupyter's own stop is not safe in a signal handler
        self._app.io_loop.add_callback_from_signal(self._app.stop)


@contextmanager
def settings() -> Iterator[bool]:
    """Point Jupyter at memlab's own settings; yields whether they outlive this run.

    They are in $XDG_STATE_HOME/memlab/jupyter (~/.local/state), or, where that cannot be
    written, in a temporary folder.
    """
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    try:
        _point_at(Path(base) / "memlab" / "jupyter")
    except OSError:
        with tempfile.TemporaryDirectory(prefix="memlab-jupyter-") as folder:
            _point_at(Path(folder))
            os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
            yield False
    else:
        yield True


def has_display() -> bool:
    """Whether a browser could show up on a screen of this machine."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _point_at(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True, exist_ok=True)
    (config / "labconfig" / "page_config.json").write_text(json.dumps(_NO_NEWS))
    (config / "jupyter_server_config.json").write_text(json.dumps(_OFFLINE))
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["JUPYTER_CONFIG_DIR"] = str(config)
    os.environ["JUPYTER_DATA_DIR"] = str(folder / "data")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
    os.environ["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    os.environ["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "workspaces")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"


def _lab_app() -> Any:
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise Unsupported(
            f"JupyterLab cannot be loaded ({error})",
            "pip install jupyterlab, or install memlab again",
        ) from None
    return LabApp


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        # as the server will do: a port that is only winding down may be used
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                hint = "leave --port out and a free one is taken"
                raise MemlabError(f"port {port} is in use", hint) from None
            why = os.strerror(error.errno or 0).lower()
            raise MemlabError(f"port {port}: {why}", "choose one from 1024 to 65535") from None


def _require_own_kernel(specs: Any) -> None:
    """The kernel `python3` must be this very Python, or it would not find this memlab."""
    argv = specs.get_kernel_spec("python3").argv
    # jupyter_client replaces a bare "python" by sys.executable
    if argv[0] not in (sys.executable, "python", "python3", f"python3.{sys.version_info.minor}"):
        raise MemlabError(
            f"the Jupyter kernel python3 would run {argv[0]}, not {sys.executable}",
            "pip install --force-reinstall ipykernel, in the environment of memlab",
        )
