"""A real JupyterLab on loopback, with nothing of the user's own, for one test run."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import nbformat

import memlab
from tests.waiting import until

PACKAGE = Path(memlab.__file__).parent


class Server:
    """Starts JupyterLab over `folder/notebooks`; the context ends it and its kernels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self._token = secrets.token_hex(16)
        self._runtime = folder / "runtime"
        self._log = folder / "jupyter.log"
        self._configure()

    def _configure(self) -> None:
        for name in (
            "home",
            "config/labconfig",
            "data",
            "runtime",
            "ipython",
            "settings",
            "workspaces",
        ):
            (self.folder / name).mkdir(parents=True)
        disabled = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (self.folder / "config/labconfig/page_config.json").write_text(json.dumps(disabled))

    def set_theme(self, theme: str) -> None:
        """'JupyterLab Light' or 'JupyterLab Dark', for pages opened from now on."""
        place = self.folder / "settings/@jupyterlab/apputils-extension"
        place.mkdir(parents=True, exist_ok=True)
        (place / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))

    def _environment(self) -> dict[str, str]:
        folders = {
            "HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        ours = {name: str(self.folder / place) for name, place in folders.items()}
        # the kernels get the memlab under test, installed or not
        path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
        return {**os.environ, **ours, "JUPYTER_TOKEN": self._token, "PYTHONPATH": path}

    def __enter__(self) -> Server:
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            "--port=0",  # two that start together would both find 8888 free, and one would end
            "--expose-app-in-browser",
            f"--notebook-dir={self.notebooks}",
        ]
        if os.geteuid() == 0:
            options.append("--allow-root")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until(lambda: self._address() or self._process.poll() is not None, seconds=120)
            assert self._process.poll() is None, self._tail()
            self.url = self._address()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _address(self) -> str:
        """Where it says that it is; empty while it has not yet written that whole."""
        record = self._runtime / f"jpserver-{self._process.pid}.json"
        try:
            return str(json.loads(record.read_text())["url"])
        except (OSError, ValueError):
            return ""

    def _tail(self) -> str:
        return "JupyterLab said:\n" + self._log.read_text(errors="replace")[-2000:]

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        # SIGTERM lets the server end its kernels; they are in sessions of their own
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=20)
            return
        self._process.kill()
        self._process.wait()

    def add(self, name: str, *cells: str) -> str:
        """Write a notebook of these code cells; returns its name."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
        )
        nbformat.write(notebook, self.notebooks / name)
        return name

    def add_file(self, path: Path) -> str:
        """Copy a notebook of the course and the recordings beside it; returns its name."""
        shutil.copy(path, self.notebooks)
        if (path.parent / "recordings").is_dir():
            shutil.copytree(
                path.parent / "recordings", self.notebooks / "recordings", dirs_exist_ok=True
            )
        return path.name

    def address(self, notebook: str) -> str:
        """Where to open a notebook, token included."""
        return f"{self.url}lab/tree/{notebook}?reset&token={self._token}"
