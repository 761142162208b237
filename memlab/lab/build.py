"""Makes a leaker runnable: C is compiled on first use into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memlab.errors import Denied, MemlabError, Unsupported
from memlab.lab.paths import cache_folder, leakers_folder
from memlab.lab.registry import get, leakers

# -O1: blocks must really be asked for and written; -g: the line that leaks can be found again
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-misleading-indentation", "-pthread")
LIBRARIES = ("-lm",)
_BEGUN = "begun-"


def program(name: str, lang: str = "c") -> list[str]:
    """The argv that runs a leaker; compiles it where that has not been done.

    Raises Unsupported without a compiler or for an unknown leaker, MemlabError where the
    compiler fails.
    """
    source = get(name).path(lang)
    if lang == "python":
        # -S -E: what site-packages and the environment bring would be memory of theirs
        return [sys.executable, "-S", "-E", "-u", str(source)]
    return [str(_built(source))]


def build_all() -> list[str]:
    """Build every C leaker; returns their names."""
    names = [name for name, leaker in leakers().items() if "c" in leaker.files]
    for name in names:
        program(name, "c")
    return names


def compiler() -> list[str]:
    """The C compiler's argv: $CC, cc, gcc, clang, or the one in the PyPI package ziglang."""
    named = os.environ.get("CC")
    for candidate in ([named] if named else []) + ["cc", "gcc", "clang"]:
        words = shlex.split(candidate)
        if words and shutil.which(words[0]):
            return words
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise Unsupported(
        "no C compiler found",
        "install gcc (Debian: apt-get install gcc libc6-dev) or the PyPI package ziglang, "
        "or use the Python leakers: --lang python",
    )


def _built(source: Path) -> Path:
    """The binary of one source file, named by everything that it was made of."""
    headers = sorted((leakers_folder() / "c").glob("*.h"))
    words = compiler()
    made_of = (
        *(file.read_bytes() for file in (source, *headers)),
        shlex.join([*words, *FLAGS, *LIBRARIES]).encode(),
    )
    key = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:16]
    folder = cache_folder() / "leakers" / key
    binary = folder / source.stem  # the name that ps and top will show
    try:
        if binary.exists():
            return binary
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start together, one compiles
            if not binary.exists():
                _compile(words, source, binary)
    except OSError as error:
        raise Denied(
            f"cannot write {error.filename}: {error.strerror}",
            "set XDG_CACHE_HOME to a folder of yours",
        ) from None
    return binary


def _compile(words: list[str], source: Path, binary: Path) -> None:
    """In a folder of its own beside the final name, then renamed: a binary is whole or absent.

    The compiler's own temporaries go there too (TMPDIR), so that `abandoned` finds all of them.
    """
    folder = tempfile.mkdtemp(prefix=_BEGUN, dir=binary.parent)
    try:
        temporary = os.path.join(folder, binary.name)
        made = subprocess.run(
            [*words, *FLAGS, "-o", temporary, str(source), *LIBRARIES],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            env={**os.environ, "TMPDIR": folder},
        )
        if made.returncode:
            said = (made.stderr or made.stdout).strip().splitlines() or ["no message"]
            shown = next((line for line in said if "error" in line), said[0])
            raise MemlabError(
                f"{words[0]} could not compile {source.name}: {shown}", "is libc6-dev installed?"
            )
        os.chmod(temporary, 0o755)
        os.replace(temporary, binary)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def abandoned() -> Iterator[Path]:
    """Folders in the user's cache in which a compiler was at work that was killed.

    A build holds the lock beside its folder as long as it goes on.
    """
    for folder in sorted((cache_folder() / "leakers").glob(f"*/{_BEGUN}*")):
        with suppress(OSError), (folder.parent / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                yield folder
