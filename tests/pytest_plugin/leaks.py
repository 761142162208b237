"""What real libraries keep when they are used wrongly, as tests of a user; run by test_no_leak.py."""

from __future__ import annotations

import atexit
import codecs
import ctypes
import functools
import itertools
import logging
import logging.handlers
import mmap
import multiprocessing.shared_memory
import os
import socket
import sqlite3
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator

import pytest

NUMBERS = itertools.count()
KEPT: list[object] = []
LOCAL = threading.local()
LEAKS: dict[str, tuple[str, Callable[[], object]]] = {}


def leak(pattern: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Under its own name, with the pattern that must be found."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        LEAKS[function.__name__] = pattern, function
        return function

    return register


def fresh(size: int = 50_000) -> str:
    """A text that no other has."""
    return f"{next(NUMBERS):010}" * (size // 10)


@functools.cache  # lru_cache without a bound
def unbounded(key: str) -> str:
    return key[::-1]


@leak("heap")
def lru_cache() -> None:
    unbounded(fresh())


@leak("heap")
def logging_handlers() -> None:
    logging.getLogger("kept").addHandler(
        logging.handlers.MemoryHandler(10, target=logging.NullHandler())
    )
    logging.getLogger("kept").handlers[-1].set_name(fresh())


@leak("heap")
def interned() -> None:
    KEPT.append(sys.intern(fresh()))


@leak("heap")
def atexit_functions() -> None:
    atexit.register(len, fresh())


@leak("heap")
def codec_searches() -> None:
    text = fresh()
    codecs.register(lambda name: {}.get(name + text))


@leak("heap")
def xml_namespaces() -> None:
    ElementTree.register_namespace(f"p{next(NUMBERS)}", fresh())


@leak("heap")
def thread_local() -> None:
    setattr(LOCAL, f"name{next(NUMBERS)}", bytearray(50_000))


@leak("heap")  # malloc's mmap threshold has risen in any process that has freed a large block
def large_arrays() -> None:
    import numpy as np

    KEPT.append(np.ones(1 << 13))


@leak("heap")
def sqlite_connections() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t as select zeroblob(30000)")
    KEPT.append(connection)


@leak("fd")
def open_files() -> None:
    KEPT.append(open(os.devnull))  # noqa: SIM115


@leak("fd")
def sockets() -> None:
    KEPT.append(socket.socket())


@leak("shm")
def shared_memory() -> None:
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 16)
    memory.buf[:] = bytes(1 << 16)
    memory.unlink()
    KEPT.append(memory)


@leak("tmpfs")
def open_files_on_tmpfs() -> None:
    file = tempfile.TemporaryFile(dir="/dev/shm")  # noqa: SIM115
    file.write(bytes(1 << 16))
    file.flush()
    KEPT.append(file)


@leak("shared-anonymous")
def shared_mappings() -> None:
    mapping = mmap.mmap(-1, 1 << 16)
    mapping[:] = bytes(1 << 16)
    KEPT.append(mapping)


@leak("thread-stack")
def threads_unjoined() -> None:
    """A thread of C that ends and is never joined."""
    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, libc.labs, None) == 0


@leak("process")
def zombies() -> None:
    os.posix_spawnp("true", ["true"], os.environ)


@pytest.fixture(autouse=True)
def _forget_the_last() -> Iterator[None]:
    yield
    KEPT.clear()


@pytest.mark.parametrize("name", LEAKS)
def test_leak(no_leak: Callable[..., None], name: str) -> None:
    no_leak(LEAKS[name][1], rounds=20)


@pytest.mark.no_leak(rounds=20)
def test_marked() -> None:
    KEPT.append(bytearray(50_000))
