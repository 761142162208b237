"""Bounded load for a server on loopback: `python -m memlab.lab.strangers.load PORT KIND RATE …`.

    http RATE PATH            GET, over connections that the server may keep or close
    redis-set RATE KEYS SIZE  SET of SIZE bytes to keys that go round after KEYS; 0 keys: always new ones
    memcached-set RATE KEYS SIZE

At most 500 requests a second and 20 minutes, and it ends with who started it. A server that is not
there any more ends it too.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

MOST_PER_SECOND = 500
MOST_SECONDS = 20 * 60
_TIMEOUT = 10


def main(words: list[str]) -> int:
    """Ask at an even pace until the time is over, the server or the parent is gone."""
    port, kind, rate, *more = words
    ask = _KINDS[kind](int(port), *more)
    period = 1 / min(float(rate), MOST_PER_SECOND)
    parent, began, refused = os.getppid(), time.monotonic(), 0
    due = began
    while time.monotonic() - began < MOST_SECONDS and os.getppid() == parent and refused < 20:
        try:
            ask()
            refused = 0
        except (OSError, http.client.HTTPException):
            refused += 1
            time.sleep(0.2)
        due = max(due + period, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))
    return 0


def _http(port: int, path: str) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)

    def ask() -> None:
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except BaseException:
            connection.close()
            raise

    return ask


def _line(port: int, message: Callable[[int], bytes], end: bytes) -> Callable[[], None]:
    """A protocol that answers each message with a line."""
    state: dict[str, socket.socket] = {}
    count = 0

    def ask() -> None:
        nonlocal count
        if "it" not in state:
            state["it"] = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        try:
            state["it"].sendall(message(count))
            count += 1
            answer = b""
            while not answer.endswith(end):
                piece = state["it"].recv(4096)
                if not piece:
                    raise ConnectionError("it hung up")
                answer += piece
        except OSError:
            with suppress(OSError):
                state.pop("it").close()
            raise

    return ask


def _key(count: int, keys: int) -> int:
    return count % keys if keys else count


def _redis(port: int, keys: str, size: str) -> Callable[[], None]:
    value = b"x" * int(size)

    def message(count: int) -> bytes:
        key = b"key:%d" % _key(count, int(keys))
        parts = (b"SET", key, value)
        return b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts)

    return _line(port, message, b"\r\n")


def _memcached(port: int, keys: str, size: str) -> Callable[[], None]:
    value = b"x" * int(size)

    def message(count: int) -> bytes:
        return b"set key%d 0 0 %d\r\n%s\r\n" % (_key(count, int(keys)), len(value), value)

    return _line(port, message, b"\r\n")


_KINDS: dict[str, Callable[..., Callable[[], None]]] = {
    "http": _http,
    "redis-set": _redis,
    "memcached-set": _memcached,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
