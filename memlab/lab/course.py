"""The notebooks as a learner has them: in place in a checkout, as a copy of their own elsewhere.

A copy belongs to its reader. A file is brought up to date only while it still is what memlab
put there; which that was stands in `.memlab-copied.json` beside the notebooks.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import Denied, Malformed, MemlabError
from memlab.lab.paths import in_checkout, notebooks_folder

FIRST = "00_start_here.ipynb"
_RECORD = ".memlab-copied.json"
_SKIPPED = {".ipynb_checkpoints", "__pycache__"}


@dataclass(frozen=True)
class Course:
    """Where the notebooks are; of a copy, which files were written and which the reader changed."""

    folder: Path
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def open_course(folder: str | Path | None = None) -> Course:
    """The notebooks in `folder`, in the checkout, or in ~/memlab-notebooks.

    Raises Unsupported where memlab has none, Denied where the copy cannot be written.
    """
    source = notebooks_folder()
    if folder is None and in_checkout():
        return Course(source)
    target = Path(folder or "~/memlab-notebooks").expanduser().absolute()
    if target == source.resolve():
        return Course(source)
    try:
        return copy(source, target)
    except OSError as error:
        why = (error.strerror or "it cannot be written").lower()
        raise Denied(
            f"no notebooks in {target}: {why}", "choose a folder of yours with --notebooks DIR"
        ) from None


def copy(source: Path, target: Path) -> Course:
    """Bring `target` up to date with `source`, and leave alone what its reader changed."""
    target.mkdir(parents=True, exist_ok=True)
    copied = _copied(target / _RECORD)
    written, kept = [], []
    for path in sorted(source.rglob("*")):
        name = str(path.relative_to(source))
        if not path.is_file() or _SKIPPED & set(path.relative_to(source).parts):
            continue
        new = path.read_bytes()
        old = _content(target / name)
        if old == new:
            pass
        elif old is None or copied.get(name) == _hash(old):
            _write(target / name, new)
            written.append(name)
        else:
            kept.append(name)
            continue  # what was copied before stays on record, so the reader may go back to it
        copied[name] = _hash(new)
    _write(target / _RECORD, json.dumps(copied, indent=1, sort_keys=True).encode())
    return Course(target, tuple(written), tuple(kept))


def first_notebook(course: Course) -> str:
    """The one to open; raises MemlabError where the reader has taken it away."""
    if not (course.folder / FIRST).is_file():
        raise MemlabError(f"there is no {FIRST} in {course.folder}", "choose another --notebooks")
    return FIRST


def _copied(record: Path) -> dict[str, str]:
    text = _content(record)
    if text is None:
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise Malformed(
            str(record), 1, text[:40].decode(errors="replace"), "is no record of copies; delete it"
        ) from None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """All or nothing: a copy that is cut off must not look like a reader's change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + f".{os.getpid()}.new")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
