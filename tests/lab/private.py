"""A /dev/shm of a test's own, where all runs there are and all that they leave are the test's."""

import ctypes
import functools
import os
import signal
import traceback
from pathlib import Path

import pytest

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_USERS = 0x20000, 0x10000000  # linux/sched.h
_PRIVATE_BELOW = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE, linux/mount.h
_SKIPPED = 77


def in_own_shm(test):
    """Run a test in a forked process with a mount namespace and a tmpfs on /dev/shm of its own.

    An ordinary user needs a user namespace for that; where none may be made the test is skipped.
    """

    @functools.wraps(test)
    def run(*args, **kwargs):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _report(writing, test, args, kwargs)
        try:
            os.close(writing)
            with os.fdopen(reading) as said:
                words = said.read()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except BaseException:  # the time is over
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        if status == _SKIPPED:
            pytest.skip(words)
        if status:
            pytest.fail(words or f"ended with {status}", pytrace=False)

    return run


def _report(writing, test, args, kwargs):
    status = 0
    try:
        _enter()
        test(*args, **kwargs)
    except pytest.skip.Exception as skipped:
        status = _SKIPPED
        os.write(writing, str(skipped).encode())
    except BaseException:
        status = 1
        os.write(writing, traceback.format_exc()[-60_000:].encode())
    os._exit(status)


def _enter():
    uid, gid = os.getuid(), os.getgid()
    try:
        _call(_LIBC.unshare(_NEW_MOUNTS if uid == 0 else _NEW_MOUNTS | _NEW_USERS))
        if uid:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _call(_LIBC.mount(b"none", b"/", None, _PRIVATE_BELOW, None))
        _call(_LIBC.mount(b"none", b"/dev/shm", b"tmpfs", 0, b"mode=1777"))
    except OSError as error:
        pytest.skip(f"needs leave to mount in a namespace of its own: {error.strerror}")


def _call(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
