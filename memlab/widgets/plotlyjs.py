"""plotly.js for a page: taken from the installed plotly package, sent once, kept by the page.

A notebook page may hold many charts and several kernels. The first chart on it asks its
kernel for the script and all others wait for that one (js/plotlyjs.js); a page that was
reloaded asks again. Nothing is fetched from a network, and nothing is copied into memlab.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import Any

from memlab.errors import Unsupported

JS = files("memlab.widgets") / "js"


@cache
def script() -> bytes:
    """plotly.min.js of the installed plotly, gzipped: 1.4 MiB instead of 4.6.

    Jupyter's server drops messages of a kernel that sends more than 3 MB in 3 seconds
    (`iopub_data_rate_limit`), so the plain text would not arrive. Raises Unsupported.
    """
    try:
        text = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise Unsupported("plotly.js is not installed", "pip install plotly") from error
    return gzip.compress(text, compresslevel=6, mtime=0)


def module(name: str) -> str:
    """The ES module of a widget, with the loader before it."""
    return (JS / "plotlyjs.js").read_text() + (JS / name).read_text()


def answer(client: str) -> tuple[dict[str, Any], list[bytes]]:
    """The message and the buffers for a page that asked for the script."""
    try:
        return {"kind": "script", "client": client}, [script()]
    except Unsupported as error:
        return {"kind": "script", "client": client, "error": str(error)}, []
