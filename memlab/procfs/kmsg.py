"""/dev/kmsg, the ring buffer record by record (Documentation/ABI/testing/dev-kmsg; kernel/printk/printk.c)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from memlab.errors import Denied, Malformed, Unsupported

PATH = "/dev/kmsg"
MOST_BYTES = (
    1 << 28
)  # of a buffer: more than CONFIG_LOG_BUF_SHIFT allows (32 MiB) with all its prefixes
RECORD_BYTES = 8192  # CONSOLE_EXT_LOG_MAX, a record of /dev/kmsg
_HEAD = re.compile(r"(\d{1,9}),(\d{1,19}),(\d{1,19}),([^;]{1,40});(.*)", re.DOTALL)


@dataclass(frozen=True)
class Record:
    r"""One message. facility: 0 the kernel, 1 a program's; level: 0 to 7; sequence: counted since boot.

    seconds: since boot, on the clock of printk; text: escapes (\xNN) left as they are.
    """

    facility: int
    level: int
    sequence: int
    seconds: float
    text: str


def parse(text: bytes, path: str = PATH) -> Record:
    """One record: `6,339,5140900,-;text`, then properties in lines that begin with a space."""
    line = text.partition(b"\n")[0].decode(errors="replace")
    found = _HEAD.fullmatch(line)
    if found is None:
        raise Malformed(path, 1, line, "is no record of /dev/kmsg")
    priority = int(found[1])
    return Record(priority >> 3, priority & 7, int(found[2]), int(found[3]) / 1e6, found[5])


def ring(path: str = PATH) -> Iterator[Record]:
    """All that the ring buffer holds now, the oldest first. Raises Denied, Unsupported."""
    return (parse(record, path) for record in records(path))


def records(path: str = PATH) -> Iterator[bytes]:
    """The same as the kernel gives them, properties included. Who reads takes nothing away from others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        hint = "run as root, or hand over what `journalctl -k` or dmesg prints"
        raise Denied(f"{path} may not be read", hint) from None
    except OSError as error:
        raise Unsupported(f"{path}: {error.strerror}", "hand over a log file instead") from None
    try:
        read = 0
        while read < MOST_BYTES:
            try:
                record = os.read(descriptor, RECORD_BYTES)
            except BrokenPipeError:
                continue  # it was overwritten before we came to it
            except BlockingIOError:
                return  # no more yet
            except OSError as error:
                raise Denied(f"{path} cannot be read: {error.strerror}", "run as root") from None
            if not record:
                return
            read += len(record)
            yield record
    finally:
        os.close(descriptor)
