"""Debian's packages for the guest: fetched with apt-get, checked, unpacked without root, nothing installed."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import MemlabError, Unsupported

Say = Callable[[str], None]
_ASK_SECONDS = 60
_FETCH_SECONDS = 1800
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Package:
    """One version of a package, as the signed lists of apt describe it; `bytes` of its file."""

    name: str
    version: str
    depends: str
    sha256: str
    bytes: int

    def need(self, pattern: str) -> str:
        """The name of the package that it depends on and that matches."""
        match = re.search(rf"(?:^|[ ,]){pattern}", self.depends)
        if match is None:
            raise Unsupported(f"{self.name} {self.version} does not depend on {pattern}")
        return match[0].strip(" ,")


def package(name: str) -> Package:
    """What apt would fetch under this name. Raises Unsupported where it has no such package."""
    for program in ("apt-cache", "apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Unsupported(
                f"{program} is missing", "the guest's kernel comes from Debian's packages"
            )
    text = _run(["apt-cache", "show", "--no-all-versions", name], _ASK_SECONDS)
    fields = dict(
        line.split(": ", 1) for line in (text or "").splitlines() if re.match(r"[A-Z]\S*: ", line)
    )
    if not {"Package", "Version", "SHA256", "Size"} <= fields.keys():
        raise Unsupported(
            f"apt knows no package {name}",
            "run apt-get update; on another distribution than Debian there is no guest",
        )
    return Package(
        fields["Package"], fields["Version"], fields.get("Depends", ""),
        fields["SHA256"], int(fields["Size"]),
    )  # fmt: skip


def fetch(wanted: Iterable[Package], folder: Path, say: Say) -> dict[str, Path]:
    """The files of these packages by name, in `folder`; what is there whole is not fetched again.

    A package that was cut off is fetched anew: apt-get download does not go on within a file. What does
    not have the SHA-256 of apt's signed lists is removed.
    """
    found = {}
    for one in wanted:
        path = _whole(one, folder)
        if path is None:
            say(f"fetching {one.name} {one.version} ({one.bytes / 1e6:.1f} MB)")
            _download(one, folder)
            path = _whole(one, folder)
        if path is None:
            for cut in _files(one, folder):
                cut.unlink()
            raise MemlabError(
                f"{one.name} {one.version} did not arrive whole", "run apt-get update and try again"
            )
        found[one.name] = path
    return found


def _files(one: Package, folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{one.name}_*.deb"))


def _whole(one: Package, folder: Path) -> Path | None:
    for path in _files(one, folder):
        if path.stat().st_size == one.bytes and sha256(path) == one.sha256:
            return path
    return None


def _download(one: Package, folder: Path) -> None:
    said = _run(["apt-get", "download", "-q", f"{one.name}={one.version}"], _FETCH_SECONDS, folder)
    if said is None:
        raise MemlabError(
            f"apt-get could not download {one.name}", "run apt-get update, and check the network"
        )


def unpack(deb: Path, target: Path, keep: Callable[[str], str | None]) -> int:
    """Put those files of a package below `target` for which `keep(path)` gives a new path; returns how many."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as tool:
        assert tool.stdout is not None
        with tarfile.open(fileobj=tool.stdout, mode="r|") as archive:
            count = extract(archive, target, keep)
    if tool.returncode:
        raise MemlabError(f"dpkg-deb could not unpack {deb.name}", "remove it and try again")
    return count


def extract(archive: tarfile.TarFile, target: Path, keep: Callable[[str], str | None]) -> int:
    """The same of any archive: files and links, never outside of `target`."""
    if hasattr(tarfile, "tar_filter"):  # PEP 706; Python 3.11.2 does without, and warns of nothing
        archive.extraction_filter = tarfile.tar_filter
    count = 0
    for member in archive:
        place = keep(member.name.removeprefix("./"))
        if place is None or member.isdev() or ".." in Path(place).parts:
            continue
        count += 1
        member.name = place
        archive.extract(member, target)
    return count


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hashed.update(piece)
    return hashed.hexdigest()


def _run(argv: list[str], seconds: float, folder: Path | None = None) -> str | None:
    """What it printed; None where it failed."""
    try:
        done = subprocess.run(
            argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
