"""A sysctl of this machine, changed for a while: asked for, named, and set back, also after kill -9.

Before a setting is changed a note with its old value stands in /dev/shm, one for each setting, and whoever
changes it holds a lock on that note. It goes when the setting is back. A note that nobody holds belongs to
somebody who was killed: `memlab sweep` sets that setting back. /dev/shm ends with the kernel, as sysctls do.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from memlab.errors import Denied, Refused, Unsupported
from memlab.lab.runs import places

_PROC = Path("/proc/sys")
# kernel.printk_devkmsg, net.ipv4.conf.lo.forwarding, fs.binfmt_misc; a name with a dot of its own is none of ours
_KEY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-zA-Z0-9_-]+)+")
_NOTE_BYTES = 4096
_ABANDONED_SECONDS = 60.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Note:
    """What stands on disk of one setting: its name, its value before and the one that was set, and in which boot."""

    key: str
    before: str
    during: str
    boot: str


@contextmanager
def changed(key: str, value: str, say: Callable[[str], object]) -> Iterator[None]:
    """Hold sysctl `key` at `value` for the block; `say` gets a sentence before, and one after.

    Ask whoever owns the machine first: this only does it. Raises Refused while another run holds the same
    setting, Denied or Unsupported where it cannot be set; then nothing is changed.
    """
    if not _KEY.fullmatch(key):
        raise Refused(f"{key!r} is no sysctl", "write it like kernel.printk_devkmsg")
    sweep_sysctls()
    note = Note(key, read(key), value, _boot())
    path, lock = _write_note(note)
    was_set = False
    try:
        say(
            f"{key} is set to {value!r}, and back to {note.before!r} at the end "
            "(after a crash by memlab sweep)"
        )
        _set(key, value)
        was_set = True
        note = replace(note, during=read(key))  # as the kernel writes it
        os.pwrite(lock, _bytes(note), 0)
        if not _begins(note.during, value):
            raise Unsupported(f"{key} became {note.during!r}", f"it does not take {value!r}")
        yield
    finally:
        try:
            said = _put_back(note) if was_set else ""
            path.unlink(missing_ok=True)  # not before it is back: else the note is for the sweep
        finally:
            os.close(lock)
        if said:
            say(said)


def read(key: str) -> str:
    """The value as the kernel writes it, without the newline. Raises Denied, Unsupported."""
    try:
        return _file(key).read_text().rstrip("\n")
    except PermissionError:
        raise Denied(f"{key} may not be read", "run as root") from None
    except OSError as error:
        raise Unsupported(f"there is no sysctl {key}: {error.strerror}") from None


def sweep_sysctls(dry_run: bool = False) -> list[str]:
    """Set back what runs had changed that were killed; a sentence for each."""
    said = [words for path in _notes() if (words := _sweep_one(path, dry_run))]
    if not dry_run:
        _remove_unfinished()
    return said


def _sweep_one(path: Path, dry_run: bool) -> str | None:
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            return None
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink == 0:
            return None  # another sweep was faster
        note = _parse(os.pread(lock, _NOTE_BYTES, 0), path)
        if note is None:
            return f"left alone: {path} is no note of a sysctl, remove it by hand"
        if dry_run:
            return f"would set {note.key} back to {note.before!r}, which a run that was killed had changed"
        said = "" if note.boot != _boot() else _put_back(note)
        path.unlink(missing_ok=True)
        return said and f"{said}, which a run that was killed had changed"
    except BlockingIOError:
        return None  # it is being held
    except (Denied, Unsupported) as error:
        return f"left for later: {error}"
    finally:
        os.close(lock)


def _put_back(note: Note) -> str:
    """Set it back unless somebody else has set it meanwhile: then theirs stays."""
    now = read(note.key)
    if now == note.before:
        return f"{note.key} is {now!r} again"
    if not _begins(now, note.during):
        return f"{note.key} is left at {now!r}: somebody else has set it, it was {note.before!r}"
    _set(note.key, note.before)
    return f"{note.key} is {read(note.key)!r} again"


def _begins(value: str, words: str) -> bool:
    """kernel.printk takes one number and shows four: those behind it stay as they were."""
    wanted = words.split()
    return value.split()[: len(wanted)] == wanted


def _set(key: str, value: str) -> None:
    """One write: the kernel takes a sysctl whole."""
    try:
        descriptor = os.open(_file(key), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode() + b"\n")
        finally:
            os.close(descriptor)
    except PermissionError:
        raise Denied(f"{key} may not be set", "run as root, outside of a container") from None
    except OSError as error:
        raise Unsupported(f"{key} cannot be set to {value!r}: {error.strerror}") from None


def _file(key: str) -> Path:
    return _PROC.joinpath(*key.split("."))


def _boot() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def _name(key: str) -> str:
    return f"memlab-sysctl-{os.getuid()}-{key}"


def _write_note(note: Note) -> tuple[Path, int]:
    """The note in place and locked. It gets its name when it is locked and whole: no sweep sees less."""
    place = next(place for place in places() if os.access(place, os.W_OK))
    path, half = place / _name(note.key), place / f".{_name(note.key)}-{os.getpid()}"
    half.unlink(missing_ok=True)
    lock = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(lock, _bytes(note))
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.link(half, path)  # unlike a rename it fails where there is one
    except FileExistsError:
        os.close(lock)
        if path.lstat().st_uid != os.getuid():
            raise Refused(f"{path} belongs to somebody else", "have it removed") from None
        raise Refused(f"{note.key} is held by another run", "wait until that has ended") from None
    except OSError as error:
        os.close(lock)
        raise Denied(
            f"no note can be left in {place}: {error.strerror}", "make room there"
        ) from None
    finally:
        half.unlink(missing_ok=True)
    return path, lock


def _notes() -> list[Path]:
    found = []
    for place in places():
        found += sorted(place.glob(f"{_name('')}*"))
    return found


def _remove_unfinished() -> None:
    """Notes without their name yet: nothing was changed. After a minute who was writing it is dead."""
    for place in places():
        for path in place.glob(f".{_name('')}*"):
            with suppress(OSError):
                found = path.lstat()
                old = time.time() - found.st_mtime > _ABANDONED_SECONDS
                if old and stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
                    path.unlink()


def _bytes(note: Note) -> bytes:
    """Of one length always: rewritten in place by one write, a note is whole at any moment."""
    text = json.dumps(asdict(note)).encode()
    if len(text) > _NOTE_BYTES:
        raise Refused(f"{note.key} is too long for a note", "set it by hand")
    return text.ljust(_NOTE_BYTES)


def _parse(text: bytes, path: Path) -> Note | None:
    """What a note says; None where it is not that of the setting it is called after."""
    try:
        note = Note(**json.loads(text))
        fits = all(isinstance(word, str) for word in asdict(note).values())
    except (ValueError, TypeError):
        return None
    return note if fits and _KEY.fullmatch(note.key) and path.name == _name(note.key) else None
