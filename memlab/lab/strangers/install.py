"""What a stranger needs on this machine: programs on PATH, and releases in the user's cache.

Releases from PyPI go into one virtual environment per set, releases from npm into one folder per
set, both below `~/.cache/memlab/strangers`; nothing is installed into the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memlab.errors import Unsupported
from memlab.lab.paths import cache_folder
from memlab.lab.strangers.cases import Case

_INSTALL_SECONDS = 600  # the largest is JupyterLab; a busy machine takes minutes
_VERSION_SECONDS = 20


def folder() -> Path:
    """Where strangers live on this machine."""
    return cache_folder() / "strangers"


def missing(case: Case) -> str | None:
    """The program that this machine lacks and the package that brings it; None where all is here."""
    lacking = [program for program in case.needs if shutil.which(program) is None]
    if not lacking:
        return None
    brings = f" (Debian: {case.debian})" if case.debian else ""
    return f"{', '.join(lacking)} is not here{brings}"


def python(case: Case) -> str:
    """The interpreter that has this case's releases; installs them at first.

    Raises Unsupported where pip cannot.
    """
    if not case.pip:
        return shutil.which("python3") or sys.executable
    place = folder() / f"pip-{_key(case.pip)}"
    program = place / "bin/python"
    with _one_at_a_time(place):
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            _do([sys.executable, "-m", "venv", str(place)], place.parent, case)
            quiet = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
            _do([str(program), "-m", "pip", "install", *quiet, *case.pip], place, case)
            (place / "done").touch()
    return str(program)


def node_modules(case: Case) -> str:
    """The folder that has this case's node_modules; installs them at first. Raises as `python`."""
    if not case.npm:
        return ""
    place = folder() / f"npm-{_key(case.npm)}"
    with _one_at_a_time(place):
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            (place / "package.json").write_text('{"private": true}\n')
            quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            _do(["npm", "install", *quiet, *case.npm], place, case)
            (place / "done").touch()
    return str(place / "node_modules")


def version(case: Case) -> str:
    """The releases from PyPI and npm, or what the program says of itself, in one short line."""
    if case.pip or case.npm:
        return ", ".join(one.replace("==", " ").replace("@", " ") for one in case.pip + case.npm)
    if not case.version:
        return ""
    try:
        done = subprocess.run(
            case.version, capture_output=True, text=True, timeout=_VERSION_SECONDS, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    lines = (done.stdout.strip() or done.stderr.strip() or "?").splitlines()
    return lines[0][:60].strip()


@contextmanager
def _one_at_a_time(place: Path) -> Iterator[None]:
    """Twins, or two runs of this command, want the same releases at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.with_name(f"{place.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _do(argv: list[str], where: Path, case: Case) -> None:
    """Run an installer. Raises Unsupported with its last words."""
    where.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            argv, cwd=where, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unsupported(f"{case.name} cannot be installed: {error}") from None
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "ERROR" in line or "ERR" in line]
        said = (words or done.stderr.splitlines() or ["no reason given"])[-1]
        raise Unsupported(f"{case.name} cannot be installed: {said}", "is the registry in reach?")


def _key(releases: tuple[str, ...]) -> str:
    names = "-".join(one.replace("==", "-").replace("@", "-").replace("/", "-") for one in releases)
    return f"{names[:60]}-{hashlib.sha256(' '.join(releases).encode()).hexdigest()[:8]}"
