"""The System V tables, against segments and queues that the test makes itself."""

import os

import pytest

from memlab.errors import Malformed
from memlab.procfs import sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from tests.sysv import LIBC, message_queue, segment

HEADER = b"key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime"
ROW = b"-1 7 1600 8192 3 4 2 0 0 0 0 5 6 7"


@pytest.mark.live
def test_a_segment_is_told_with_its_attachments_and_what_it_takes():
    with segment(5 * 4096) as (shmid, attach):
        (mine,) = (s for s in sysvipc_shm.read(Host()) if s.shmid == shmid)
        assert (mine.size, mine.nattch, mine.rss, mine.cpid) == (5 * 4096, 0, 0, os.getpid())
        assert (mine.key, mine.perms, mine.removed, mine.unknown) == (0, 0o600, False, {})
        attach(touch=2 * 4096)
        (mine,) = (s for s in sysvipc_shm.read(Host()) if s.shmid == shmid)
        assert (mine.nattch, mine.rss, mine.lpid) == (1, 2 * 4096, os.getpid())
        LIBC.shmctl(shmid, 0, None)  # IPC_RMID: it lives on while it is attached
        (mine,) = (s for s in sysvipc_shm.read(Host()) if s.shmid == shmid)
        assert mine.removed


@pytest.mark.live
def test_a_queue_is_told_with_its_messages():
    with message_queue([b"x" * 100, b"y" * 30]) as msqid:
        (mine,) = (q for q in sysvipc_msg.read(Host()) if q.msqid == msqid)
    assert (mine.qnum, mine.cbytes, mine.lspid, mine.perms) == (2, 130, os.getpid(), 0o600)
    assert mine.unknown == {}


def test_a_kernel_without_rss_and_one_with_a_new_column():
    (old,) = sysvipc_shm.parse(HEADER + b"\n" + ROW + b"\n")
    assert (old.key, old.rss, old.swap, old.removed) == (-1, None, None, True)
    (new,) = sysvipc_shm.parse(HEADER + b" colour\n" + ROW + b" 9\n")
    assert new.unknown == {"colour": 9}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is empty"),
        (HEADER + b"\n1 2 3\n", "sysvipc/shm:2: has 3 fields"),
        (HEADER + b"\n" + ROW.replace(b"1600", b"1680"), "octal"),
        (HEADER + b"\n" + ROW.replace(b"8192", b"many"), "no number"),
        (b"key shmid perms\n1 2 3\n", "lacks a column"),
        (b"key key\n1 2\n", "twice"),
    ],
)
def test_bent_tables_say_where(text, says):
    with pytest.raises(Malformed, match=says):
        sysvipc_shm.parse(text)
