"""System V objects for tests: made through libc, and always removed."""

import ctypes
from contextlib import contextmanager

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p
LIBC.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
LIBC.shmdt.argtypes = (ctypes.c_void_p,)
LIBC.shmctl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
LIBC.msgctl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
LIBC.msgsnd.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_PRIVATE, _CREATE, _REMOVE = 0, 0o1000, 0


@contextmanager
def segment(size):
    """(shmid, attach): attach(touch=bytes) attaches it here, until the end."""
    shmid = LIBC.shmget(_PRIVATE, ctypes.c_size_t(size), _CREATE | 0o600)
    assert shmid >= 0
    attached = []

    def attach(touch=0):
        attached.append(LIBC.shmat(shmid, None, 0))
        ctypes.memset(attached[-1], 1, touch)

    try:
        yield shmid, attach
    finally:
        LIBC.shmctl(shmid, _REMOVE, None)
        for address in attached:
            LIBC.shmdt(address)


@contextmanager
def message_queue(texts):
    """msqid of a queue that holds these messages."""
    msqid = LIBC.msgget(_PRIVATE, _CREATE | 0o600)
    assert msqid >= 0
    try:
        for text in texts:
            message = ctypes.create_string_buffer(b"\1" + bytes(7) + text, 8 + len(text))
            assert LIBC.msgsnd(msqid, message, len(text), 0) == 0
        yield msqid
    finally:
        LIBC.msgctl(msqid, _REMOVE, None)
