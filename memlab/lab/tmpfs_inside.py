"""The steps of `lab.tmpfs_resize`, in a mount namespace of their own: nothing is seen outside, or outlives it.

Runs as `python -I -S`, once unshare(1) has made the namespace; prints one JSON line for each step.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

PLACE = "/tmp"  # it exists everywhere, and in this namespace it is ours
_CHUNK = 64 * 1024
_MS_REMOUNT = 32
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def main(size: int, grow: int, shrink: int) -> None:
    """Fill a tmpfs, let it grow, try to make it too small, and make it smaller once there is room."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    first = _mount("-t", "tmpfs", "-o", f"size={words(size)}")
    if not first["done"]:
        _say(first)
        return
    descriptor = os.open(f"{PLACE}/data", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    written = _fill(descriptor, first, 0)
    _say(first)
    larger = _mount("-o", f"remount,size={words(grow)}")
    intact = _digest(descriptor) == written
    written = _fill(descriptor, larger, os.fstat(descriptor).st_size)
    _say({**larger, "intact": intact})
    smaller = _mount("-o", f"remount,size={words(shrink)}")
    _say({**smaller, "intact": _digest(descriptor) == written})
    os.ftruncate(descriptor, shrink // 2)
    kept = _digest(descriptor)
    again = _mount("-o", f"remount,size={words(shrink)}")
    again["command"] = f"truncate -s {words(shrink // 2)} {PLACE}/data; {again['command']}"
    _say({**again, "intact": _digest(descriptor) == kept})


def words(size: int) -> str:
    """As mount(8) takes it: 8M where it is whole MiB, else bytes."""
    return f"{size >> 20}M" if size and size % (1 << 20) == 0 else str(size)


def _mount(*options: str) -> dict[str, Any]:
    # with "tmpfs" named, mount(8) asks for these options only: else it repeats those of /proc/mounts, among
    # them the uid of who made it, which a user namespace may not have
    argv = ["mount", *options, "tmpfs", PLACE]
    done = subprocess.run(argv, capture_output=True, text=True)
    step: dict[str, Any] = {"command": " ".join(argv), "done": done.returncode == 0}
    if done.returncode:
        step["said"] = done.stderr.strip().splitlines()[0][:200] if done.stderr.strip() else ""
        step["error"] = _errno_of(options[-1])
    return step


def _errno_of(options: str) -> str | None:
    """mount(8) keeps errno to itself: so ask mount(2) the same again."""
    flags, _, size = options.rpartition(",")
    if flags != "remount":
        return None
    failed = _libc.mount(b"tmpfs", PLACE.encode(), None, _MS_REMOUNT, size.encode())
    return errno.errorcode.get(ctypes.get_errno()) if failed else None


def _fill(descriptor: int, step: dict[str, Any], offset: int) -> str:
    """Write on until the kernel refuses; notes how much that was and why it ended, returns the file's digest."""
    begin = offset
    while True:
        try:
            offset += os.pwrite(descriptor, os.urandom(_CHUNK), offset)
        except OSError as error:
            step["stopped"] = errno.errorcode.get(error.errno or 0)
            break
    step["wrote"] = offset - begin
    return _digest(descriptor)


def _digest(descriptor: int) -> str:
    found, offset = hashlib.sha256(), 0
    while piece := os.pread(descriptor, 1 << 20, offset):
        found.update(piece)
        offset += len(piece)
    return found.hexdigest()


def _say(step: dict[str, Any]) -> None:
    with suppress(OSError):
        now = os.statvfs(PLACE)
        step["size"] = now.f_blocks * now.f_frsize
        step["used"] = (now.f_blocks - now.f_bfree) * now.f_frsize
    print(json.dumps(step), flush=True)
