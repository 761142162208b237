"""Our own modules and programs for a guest, built on first use: by what they were made of, whole or absent."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from memlab.errors import Denied, MemlabError, Unsupported
from memlab.lab import build
from memlab.lab.guest.cache import Kernel, root
from memlab.lab.paths import leakers_folder

_MODULE_SOURCES = ("Makefile", "kleak.c", "kprice.c")
MODULES = ("kleak", "kprice")
# leakers of the bank that also run in the guest, as its user space
LEAKERS = ("heap", "anonymous")
_SECONDS = 300


def sources() -> Path:
    """leakers/kernel: modules, init, and the fragment of the full kernel's configuration."""
    return leakers_folder() / "kernel"


def modules(kernel: Kernel) -> dict[str, bytes]:
    """kleak.ko and kprice.ko for this kernel, by name."""
    texts = [(sources() / name).read_bytes() for name in _MODULE_SOURCES]
    key = _key(kernel.release.encode(), *kernel.files.values(), *texts)
    folder = _made(f"{kernel.kind}-{key}", lambda place: _build_modules(kernel, place))
    return {name: (folder / f"{name}.ko").read_bytes() for name in MODULES}


def programs() -> dict[str, bytes]:
    """Static programs for the guest, by name: leakers of the bank, `crowd` and `price`."""
    files = {name: leakers_folder() / "c" / f"{name}.c" for name in LEAKERS}
    files.update({name: sources() / f"{name}.c" for name in ("crowd", "price")})
    headers = sorted((leakers_folder() / "c").glob("*.h"))
    words = [*build.compiler(), *build.FLAGS, "-static", "-s"]
    texts = [path.read_bytes() for path in (*files.values(), *headers)]

    def compile_all(place: Path) -> None:
        for name, path in files.items():
            _compile(words, path, place / name)

    folder = _made(f"programs-{_key(shlex.join(words), *texts)}", compile_all)
    return {name: (folder / name).read_bytes() for name in files}


def _key(*parts: str | bytes) -> str:
    whole = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(whole).hexdigest()[:16]


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder built/NAME, made in a folder of its own beside it, then renamed."""
    folder = root() / "built" / name
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start together, one builds
            if not folder.is_dir():
                for abandoned in folder.parent.glob("begun-*"):
                    shutil.rmtree(abandoned, ignore_errors=True)
                begun = Path(tempfile.mkdtemp(prefix="begun-", dir=folder.parent))
                try:
                    make(begun)
                    begun.rename(folder)
                finally:
                    shutil.rmtree(begun, ignore_errors=True)
    except OSError as error:
        raise Denied(
            f"cannot write {error.filename}: {error.strerror}",
            "make room there, or set XDG_CACHE_HOME to a folder of yours",
        ) from None
    return folder


def _build_modules(kernel: Kernel, place: Path) -> None:
    if shutil.which("make") is None or shutil.which("gcc") is None:
        raise Unsupported(
            "the guest's modules need make and gcc", "apt-get install make gcc libc6-dev"
        )
    if set(" :") & set(str(root())):
        raise Unsupported(
            f"kernel modules cannot be built in {root()}",
            "set XDG_CACHE_HOME to a folder without a space or colon in its name",
        )
    for name in _MODULE_SOURCES:
        shutil.copyfile(sources() / name, place / name)
    argv = ["make", "-s", "-C", str(kernel.folder / kernel.headers), f"M={place}"]
    compiler = [] if shutil.which("gcc-12") and kernel.kind == "quick" else ["CC=gcc"]
    _call([*argv, *compiler, "modules"], "kleak.c could not be built", place)
    for path in place.iterdir():
        if path.suffix != ".ko" and path.is_file():
            path.unlink()


def _compile(words: list[str], source: Path, target: Path) -> None:
    argv = [*words, "-o", str(target), str(source), *build.LIBRARIES]
    _call(argv, f"{source.name} could not be compiled statically", target.parent)


def _call(argv: list[str], what: str, place: Path) -> None:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS,
            env={**os.environ, "TMPDIR": str(place), "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MemlabError(f"{what}: not done after {_SECONDS} s", "try again") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        shown = next((line for line in said if "error" in line.lower()), said[-1])
        raise MemlabError(f"{what}: {shown}", "memlab doctor says which tools are missing")
