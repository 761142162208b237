"""The cache of kernels: one folder each, whole or absent, checked when it is used.

~/.cache/memlab/kernel/quick/   the image, its modules, headers, busybox and manifest.json
~/.cache/memlab/kernel/full/    the same, built here
~/.cache/memlab/kernel/built/   our own modules and programs, by what they were made of
~/.cache/memlab/kernel/fetched/ packages on their way: those that arrived whole are not fetched again
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from memlab.errors import Denied, Unsupported
from memlab.lab.guest.packages import sha256
from memlab.lab.paths import cache_folder

KINDS = ("quick", "full")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Kernel:
    """A kernel that is ready to boot.

    kind: quick or full; release: as uname -r says it; headers: the folder, below `folder`, for
    which modules are built; modules: those that the guest loads first, in this order; packages: name and
    version of what it was made of; files: SHA-256 by path of what is booted.
    """

    kind: str
    release: str
    headers: str
    modules: tuple[str, ...]
    packages: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return root() / self.kind

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.folder / "bzImage"

    @property
    def busybox(self) -> Path:
        """The guest's user space."""
        return self.folder / "busybox"

    def has(self, option: str) -> bool:
        """Whether it was built with this option, in or as a module."""
        lines = (self.folder / "config").read_text().splitlines()
        return f"CONFIG_{option}=y" in lines or f"CONFIG_{option}=m" in lines


def root() -> Path:
    """The folder of all kernels."""
    return cache_folder() / "kernel"


def ready(kind: str) -> Kernel:
    """The kernel of this kind, checked byte by byte. Raises Unsupported with the command that brings it."""
    kernel = found(kind)
    if kernel is None:
        raise Unsupported(f"there is no {kind} kernel yet", f"memlab kernel {kind} makes one")
    for name, wanted in kernel.files.items():
        path = kernel.folder / name
        if not path.is_file() or sha256(path) != wanted:
            raise Unsupported(f"{path} is damaged", f"memlab kernel {kind} --again makes it anew")
    return kernel


def found(kind: str) -> Kernel | None:
    """The same without a look at its files; None where there is none, or one of another memlab."""
    try:
        fields = json.loads((root() / kind / _MANIFEST).read_text())
        fields["modules"] = tuple(fields["modules"])
        return Kernel(**fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def finish(kernel: Kernel, made: Path) -> Kernel:
    """Note what `made` holds and put it in the place of the kernel of this kind."""
    names = ["bzImage", "busybox", "config", *(f"modules/{name}.ko" for name in kernel.modules)]
    whole = Kernel(
        kernel.kind, kernel.release, kernel.headers, kernel.modules, kernel.packages,
        {name: sha256(made / name) for name in names},
    )  # fmt: skip
    (made / _MANIFEST).write_text(json.dumps(asdict(whole), indent=1))
    shutil.rmtree(whole.folder, ignore_errors=True)
    made.rename(whole.folder)
    return whole


@contextmanager
def workshop(kind: str, keep: bool = False) -> Iterator[Path]:
    """A folder to make a kernel in; of two that start together one waits.

    It is empty and is removed afterwards; with `keep` it is what the last one left who was cut off.
    """
    try:
        root().mkdir(parents=True, exist_ok=True)
        (root() / "fetched").mkdir(exist_ok=True)
        with (root() / f"{kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = root() / f"{kind}.new"
            if not keep:
                shutil.rmtree(made, ignore_errors=True)  # of one that was killed
            made.mkdir(exist_ok=True)
            try:
                yield made
            finally:
                if not keep:
                    shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise Denied(
            f"cannot write {error.filename or root()}: {error.strerror}",
            "make room there, or set XDG_CACHE_HOME to a folder of yours",
        ) from None


def clear() -> int:
    """Remove all of it; returns how many bytes that were."""
    freed = size()
    shutil.rmtree(root(), ignore_errors=True)
    return freed


def size() -> int:
    """What the cache takes on disk."""
    if not root().is_dir():
        return 0
    return sum(path.lstat().st_blocks * 512 for path in root().rglob("*") if not path.is_dir())
