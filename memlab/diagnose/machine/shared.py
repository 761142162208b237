"""What belongs to no process and has a name: tmpfs mounts, System V segments and message queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from memlab.diagnose.account import MMAP_THRESHOLD
from memlab.diagnose.advice import trace
from memlab.diagnose.machine.kernel_part import kernel_part
from memlab.diagnose.machine.who import Who
from memlab.diagnose.sums import Part
from memlab.errors import Denied, Gone, Unsupported
from memlab.model import outside
from memlab.model.memory import Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.procfs.sysvipc_msg import Queue
from memlab.procfs.sysvipc_shm import Segment
from memlab.units import counted, format_bytes

QUEUES = "sysvipc/msg cbytes"
SEGMENTS = "sysvipc/shm rss + swap"


def mounts(recording: Recording) -> Iterator[Part]:
    """tmpfs, by how full each is."""
    for place in _places(recording):
        candidates = (Pattern.TMPFS, Pattern.SHM) if place == "/dev/shm" else (Pattern.TMPFS,)
        yield kernel_part(
            recording.collect("used", _fill(place)),
            f"tmpfs on {place}",
            "statvfs",
            f"memlab owners; du -xa {place} | sort -n | tail",
            MMAP_THRESHOLD,
            candidates,
        )


def _places(recording: Recording) -> list[str]:
    """Each tmpfs once; of two mounts at one place the later one hides the other."""
    at = {m.mount_point: m.device for sample in recording for m in sample.tmpfs_mounts}
    return list({device: place for place, device in reversed(at.items())}.values())


def _fill(place: str) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        try:
            return float(sample.host.statvfs(place).used_bytes)
        except (Denied, Gone, Unsupported):
            return None

    return get


def all_segments(sample: Sample) -> float | None:
    """Bytes of all System V segments together."""
    found = outside.segments(sample)
    return None if found is None else float(sum(map(_segment_bytes, found)))


def _segment_bytes(one: Segment) -> int:
    return (one.rss or 0) + (one.swap or 0)


def segments(recording: Recording, who: Who) -> Iterator[Part]:
    """System V shared memory, by who made it."""
    looks = [found for sample in recording if (found := outside.segments(sample)) is not None]
    for pid in sorted({one.cpid for found in looks for one in found}):

        def of_maker(sample: Sample, pid: int = pid) -> float | None:
            found = outside.segments(sample)
            return (
                None
                if found is None
                else float(sum(_segment_bytes(one) for one in found if one.cpid == pid))
            )

        yield kernel_part(
            recording.collect("segments", of_maker),
            f"System V shared memory segments that {who(pid)} made",
            SEGMENTS,
            "ipcs -m -p; memlab owners",
            candidates=(Pattern.SHM,),
            evidence=partial(_of_segments, looks[-1], pid),
        )


def _of_segments(last: tuple[Segment, ...], pid: int) -> Iterator[str]:
    own = [one for one in last if one.cpid == pid]
    idle = sum(not one.nattch for one in own)
    yield f"{counted(len(own), 'segment')} with cpid {pid}, {idle} of them attached by nobody (nattch 0)"


def queues(recording: Recording, who: Who) -> Iterator[Part]:
    """System V message queues, by who sent to them last: each counts for the one that it names in the end."""
    looks = [found for sample in recording if (found := outside.queues(sample)) is not None]
    last = {one.msqid: one for found in looks for one in found}
    for pid in sorted({one.lspid for one in last.values()}):
        own = {msqid: one for msqid, one in last.items() if one.lspid == pid}

        def of_sender(sample: Sample, own: dict[int, Queue] = own) -> float | None:
            found = outside.queues(sample)
            return (
                None
                if found is None
                else float(sum(one.cbytes for one in found if one.msqid in own))
            )

        there = [one for one in looks[-1] if one.msqid in own] if looks else []
        full = max(there, key=lambda one: one.cbytes, default=None)
        yield kernel_part(
            recording.collect("queues", of_sender),
            _where(there, full, who(pid)),
            QUEUES,
            _next(full, who),
            evidence=partial(_of_queues, there, full, who),
        )


def _named(queue: Queue) -> str:
    return f"msqid {queue.msqid} (key 0x{queue.key & 0xFFFFFFFF:08x})"


def _where(there: list[Queue], full: Queue | None, sender: str) -> str:
    if full is not None and len(there) == 1:
        return f"System V message queue {_named(full)}, last sent to by {sender}"
    return f"System V message queues that {sender} sent to last"


def _of_queues(there: list[Queue], full: Queue | None, who: Who) -> Iterator[str]:
    if full is None:
        return
    among = f"the fullest of {counted(len(there), 'queue')}" if len(there) > 1 else "it"
    yield (
        f"{among}: {_named(full)}, {format_bytes(full.cbytes)} in {counted(full.qnum, 'message')},"
        f" last sent to by {who(full.lspid)} (lspid), last received from by {who(full.lrpid)} (lrpid)"
    )
    yield "messages lie in the kernel's slabs until somebody receives them, also when all processes have ended"


def _next(full: Queue | None, who: Who) -> str:
    if full is None:
        return "ipcs -q -p"
    look = f"ipcs -q -i {full.msqid}"
    if not who.is_there(full.lspid):
        return f"{look}; nobody left to send: ipcrm -q {full.msqid} gives it back"
    return f"{look}; " + trace("msgget,msgsnd,msgrcv,msgctl").format(pid=full.lspid)
