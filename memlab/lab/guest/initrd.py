"""The guest's first file system: a cpio archive in memory, made anew for each start.

The format is "newc" (Documentation/driver-api/early-userspace/buffer-format.rst): a header of
hexadecimal numbers, the name, the content, each filled up to four bytes. Written here because device
nodes cannot be made without root, and because nothing then lies on a disk.
"""

from __future__ import annotations

import os
import stat

from memlab.lab.guest import build
from memlab.lab.guest.cache import Kernel

_ALIGN = 4


class Cpio:
    """An archive that grows. Owners are root, times the epoch: equal inputs make equal bytes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._inode = 0

    def add(self, name: str, content: bytes, mode: int, device: tuple[int, int] = (0, 0)) -> None:
        """One file, folder or device node; `mode` with the bits of its type."""
        self._inode += 1
        path = name.encode() + b"\0"
        numbers = (
            self._inode, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(content),
            0, 0, *device, len(path), 0,
        )  # fmt: skip
        header = b"070701" + b"".join(b"%08x" % number for number in numbers)
        self._pieces += [_filled(header + path), _filled(content)]

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """A plain file."""
        self.add(name, content, stat.S_IFREG | mode)

    def bytes(self) -> bytes:
        """The whole, with the entry that ends it."""
        end = Cpio()
        end.add("TRAILER!!!", b"", 0)
        return b"".join([*self._pieces, *end._pieces])


def _filled(text: bytes) -> bytes:
    return text + b"\0" * (-len(text) % _ALIGN)


def make(kernel: Kernel) -> bytes:
    """busybox, init, the modules that are loaded first, and what `build` makes."""
    archive = Cpio()
    for folder in ("bin", "dev", "modules", "programs"):
        archive.add(folder, b"", stat.S_IFDIR | 0o755)
    archive.add("dev/console", b"", stat.S_IFCHR | 0o600, (5, 1))
    archive.file("init", (build.sources() / "init").read_bytes(), 0o755)
    archive.file("bin/busybox", kernel.busybox.read_bytes(), 0o755)
    archive.file("modules/first", " ".join(kernel.modules).encode() + b"\n")
    for name in kernel.modules:
        archive.file(f"modules/{name}.ko", (kernel.folder / "modules" / f"{name}.ko").read_bytes())
    for name, content in build.modules(kernel).items():
        archive.file(f"modules/{name}.ko", content)
    for name, content in build.programs().items():
        archive.file(f"programs/{name}", content, 0o755)
    return archive.bytes()


def in_memory(content: bytes) -> int:
    """A descriptor of a file without a name that holds `content`: it ends with who holds it."""
    descriptor = os.memfd_create("memlab-initrd")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    return descriptor
