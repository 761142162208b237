"""What real libraries do without keeping memory, as tests of a user who says so; run by test_no_leak.py."""

from __future__ import annotations

import asyncio
import copy
import ctypes
import functools
import itertools
import json
import logging
import multiprocessing.shared_memory
import pickle
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable

import pytest

ROWS = [{"name": f"row {n}", "values": list(range(20))} for n in range(200)]
TEXT = json.dumps(ROWS)
NUMBERS = itertools.count()
CONTROLS: dict[str, Callable[[], object]] = {
    "json": lambda: json.loads(TEXT),
    "re": lambda: re.findall(r'"(\w+)": (\d+)', TEXT),
    "zlib": lambda: zlib.decompress(zlib.compress(TEXT.encode())),
    "pickle": lambda: pickle.loads(pickle.dumps(ROWS)),
    "deepcopy": lambda: copy.deepcopy(ROWS),
    "ssl": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    "xml": lambda: ElementTree.fromstring("<a>" + "<b>text</b>" * 2000 + "</a>"),
    "ctypes": lambda: ctypes.create_string_buffer(1 << 20),
    "subprocess": lambda: subprocess.run(["true"], check=True),
    "asyncio": lambda: asyncio.run(asyncio.sleep(0)),
    "signal": lambda: signal.signal(signal.SIGUSR1, lambda *_: None),
    "print": lambda: print("x" * 20_000),
    "logging": lambda: logging.getLogger("a.library").warning("y" * 20_000),
    "warnings": lambda: warnings.warn("z" * 20_000, DeprecationWarning, stacklevel=1),
}


def control(function: Callable[[], object]) -> Callable[[], object]:
    """Under its own name."""
    CONTROLS[function.__name__] = function
    return function


@control
def sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a)")
    connection.executemany("insert into t values (?)", [(n,) for n in range(500)])
    connection.close()


@control
def shared_memory() -> None:
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 16)
    memory.buf[:] = bytes(1 << 16)
    memory.close()
    memory.unlink()


@control
def file_on_tmpfs() -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(bytes(1 << 16))
        file.flush()


@control
def sockets() -> None:
    for end in socket.socketpair():
        end.close()


@control
def thread() -> None:
    worker = threading.Thread(target=lambda: bytearray(1 << 16))
    worker.start()
    worker.join()


@control
def cycles() -> None:
    one: list[object] = [bytearray(1 << 16)]
    one.append(one)  # only the collector can free it


@control
def numpy() -> None:
    import numpy as np

    np.linalg.svd(np.random.default_rng(1).random((60, 60)))


@control
def plotly() -> None:
    import plotly.graph_objects as go

    go.Figure(go.Scatter(y=list(range(500)))).to_json()


@control
def psutil() -> None:
    import psutil

    psutil.Process().as_dict(["memory_info", "open_files", "num_threads", "cmdline"])


@functools.lru_cache(maxsize=64)
def bounded(key: int) -> bytes:
    return b"%08d" % key * 1000


@pytest.mark.parametrize("name", CONTROLS)
def test_control(no_leak: Callable[..., None], name: str) -> None:
    no_leak(CONTROLS[name], rounds=20)


def test_a_bounded_cache_that_was_filled_before(no_leak: Callable[..., None]) -> None:
    no_leak(lambda: bounded(next(NUMBERS)), rounds=20, warm_up=80)


def test_the_bounded_cache_of_re(no_leak: Callable[..., None]) -> None:
    no_leak(lambda: re.compile(f"(a|b)*{next(NUMBERS)}{'c?' * 60}"), rounds=20, warm_up=700)


@pytest.mark.no_leak(rounds=20)
def test_marked(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    print("said once a round")
    assert capsys.readouterr().out == "said once a round\n"


@pytest.mark.no_leak(rounds=20)
def test_marked_and_reading_its_own_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("a.library").warning("x")
    assert len(caplog.records) == 1


class TestOfAClass:
    @pytest.mark.no_leak(rounds=20, warm_up=3)
    @pytest.mark.parametrize("text", ["1", "[2]"])
    def test_marked_method(self, text: str) -> None:
        assert json.loads(text)
        assert sys.intern(f"{next(NUMBERS)} is forgotten")
