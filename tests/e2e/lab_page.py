"""One notebook in a browser: run it, wait for its charts, read what they show."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Request, WebSocket

from tests.e2e.jupyter import Server
from tests.waiting import until

ARTEFACTS = Path(__file__).parent.parent / "artefacts"

# the indicator in the toolbar says "idle" before there is a kernel: ask the session itself
_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return context?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# from the notebook itself: the page shows no number where a cell's source is folded
_CELLS = r"""() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
  .filter(cell => cell.cell_type === 'code')
  .map(cell => ({
    number: cell.execution_count, state: cell.executionState,
    errors: cell.getOutputs().filter(o => o.output_type === 'error').map(
      o => `${o.ename}: ${o.evalue}\n${o.traceback.slice(-2).join('\n').replace(/\x1b\[[\d;]*m/g, '')}`),
  }))"""
_PLOTS = """() => [...document.querySelectorAll('.memlab-chart')].map(el => ({
  title: el.querySelector('.memlab-title').textContent,
  failed: el.querySelector('.memlab-failed')?.textContent ?? null,
  legend: el.querySelector('.memlab-legend').innerText,
  width: el.querySelector('.memlab-plot').getBoundingClientRect().width,
  drawn_width: el.querySelector('.main-svg')?.getBoundingClientRect().width ?? 0,
  traces: (el.querySelector('.memlab-plot').data ?? []).map(t => ({
    name: t.name, points: t.x.length, x: Array.from(t.x), y: Array.from(t.y).map(v => isNaN(v) ? null : v),
    path: null})),
  paths: [...el.querySelectorAll('.memlab-plot .js-line')].map(p => p.getAttribute('d')),
  ticks: [...el.querySelectorAll('.memlab-plot .ytick text')].map(t => t.textContent),
}))"""


def wait(predicate: Callable[[], Any], seconds: float, what: Callable[[], str]) -> None:
    """`until`, which says on failure what there was instead."""
    try:
        until(predicate, seconds, every=0.1)
    except AssertionError as error:
        raise AssertionError(f"{error}: {what()}") from None


class LabPage:
    """A page on a notebook; collects every address that any request went to."""

    def __init__(self, server: Server, context: BrowserContext) -> None:
        self._server = server
        self._context = context
        self.page: Page = context.new_page()
        self._asked: list[str] = []
        self.console: list[str] = []
        context.on("request", self._note_request)
        self.page.on("websocket", self._note_socket)
        self.page.on(
            "console", lambda message: self.console.append(f"{message.type}: {message.text}")
        )
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    def close(self) -> None:
        """Close the page; its context may serve another one."""
        self.page.close()
        self._context.remove_listener("request", self._note_request)

    def _note_request(self, request: Request) -> None:
        self._asked.append(request.url)

    def _note_socket(self, socket: WebSocket) -> None:
        self._asked.append(socket.url)

    def strangers(self) -> list[str]:
        """The addresses asked for that are not the server's own."""
        own = urlsplit(self._server.url).netloc
        return [url for url in self._asked if urlsplit(url).netloc not in ("", own)]

    def open(self, notebook: str) -> None:
        """Open it and wait until its kernel is idle."""
        self._notebook = notebook
        self.page.goto(self._server.address(notebook))
        self.page.wait_for_function(_READY, timeout=90_000)

    def reload(self) -> None:
        """As the reader does with F5; the kernel goes on."""
        self.page.reload()
        self.page.wait_for_function(_READY, timeout=90_000)

    def save(self) -> None:
        """Save the notebook, and wait until the file has changed."""
        path = self._server.notebooks / self._notebook
        before = path.stat().st_mtime_ns
        self.command("docmanager:save")
        until(lambda: path.stat().st_mtime_ns != before)

    def command(self, name: str) -> None:
        """Run one of JupyterLab's commands, as its menu does, without waiting for its end."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def run_all(self, seconds: float = 180.0) -> None:
        """Run every cell and wait until each has its number; a failing cell fails."""
        self._ask_to_run()
        wait(self._over, seconds, lambda: f"cells still run: {self.cells()}")
        errors = [error for cell in self.cells() for error in cell["errors"]]
        assert errors == [], "\n".join(errors)

    def run(self, code: str) -> None:
        """Run a line in the notebook's kernel, without a cell."""
        self.page.evaluate(
            """code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
                 .requestExecute({ code }).done""",
            code,
        )

    def _ask_to_run(self) -> None:
        self.command("notebook:run-all-cells")
        self._asked_to_run = time.monotonic()

    def _over(self) -> bool:
        """Every cell has its number; or one failed, and the rest was not run."""
        cells = self.cells()
        left = [cell for cell in cells if cell["number"] is None]
        # right after the start JupyterLab may ignore the command, or drop what it had queued:
        # then cells without a number are left and none is running
        running = any(cell["state"] == "running" for cell in cells)
        if left and not running and time.monotonic() > self._asked_to_run + 5:
            self._ask_to_run()
        return not left or any(cell["errors"] for cell in cells)

    def dialogs(self) -> list[str]:
        """The text of any dialog that JupyterLab has put over the page."""
        return self.page.locator("dialog.jp-Dialog").all_inner_texts()

    def cells(self) -> list[dict[str, Any]]:
        """The code cells: the number that each got (None: not run yet), its state, its errors."""
        found: list[dict[str, Any]] = self.page.evaluate(_CELLS)
        return found

    def charts(self) -> list[dict[str, Any]]:
        """What each live chart on the page has: title, legend, traces with their points."""
        found: list[dict[str, Any]] = self.page.evaluate(_PLOTS)
        return found

    def until_charts(self, predicate: Any, seconds: float = 90.0) -> list[dict[str, Any]]:
        """Wait until `predicate(charts)` holds, and return them."""
        wait(
            lambda: predicate(self.charts()),
            seconds,
            lambda: f"{self._brief()}\n{self.console[-10:]}",
        )
        return self.charts()

    def _brief(self) -> str:
        return str(
            [
                (c["title"], c["failed"], [(t["name"], t["points"]) for t in c["traces"]])
                for c in self.charts()
            ]
        )

    def picture(self, name: str, selector: str | None = None) -> Path:
        """A screenshot into tests/artefacts/."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        if selector:
            self.page.locator(selector).first.screenshot(path=path)
        else:
            self.page.screenshot(path=path)
        return path
