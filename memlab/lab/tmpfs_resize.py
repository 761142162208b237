"""A tmpfs of the lab's own, filled and made larger and smaller by `mount -o remount,size=`.

It is mounted in a mount namespace that ends with its only process: no other process ever sees it, and nothing is
left of it, whatever is killed. root makes that namespace by itself, an ordinary user within a user namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from memlab.errors import MemlabError, Refused, Unsupported
from memlab.lab.tools import install_command
from memlab.model.tmpfs_steps import Resized, Step
from memlab.procfs import meminfo
from memlab.procfs.host import Host
from memlab.units import MIB, PAGE_BYTES, format_bytes

MOST = 256 * MIB
_SECONDS = 60


def resize(
    size: int = 8 * MIB,
    grow: int = 16 * MIB,
    shrink: int = 4 * MIB,
    *,
    user_namespace: bool | None = None,
) -> Resized:
    """Fill a tmpfs of `size` bytes, let it grow to `grow`, and try to shrink it to `shrink`.

    user_namespace: None takes one where it is needed. Raises Refused for sizes that make no sense, Unsupported where
    no such namespace may be made.
    """
    _refuse(size, grow, shrink)
    program = shutil.which("unshare")
    if program is None:
        raise Unsupported("there is no unshare here", install_command(("util-linux",)))
    in_user = os.geteuid() != 0 if user_namespace is None else user_namespace
    ways = ["--user", "--map-root-user"] if in_user else []
    code = (
        f"import sys; sys.path.append({str(Path(__file__).resolve().parents[2])!r}); "
        f"from memlab.lab.tmpfs_inside import main; main({size}, {grow}, {shrink})"
    )
    argv = [
        program,
        *ways,
        "--mount",
        "--propagation",
        "private",
        sys.executable,
        "-I",
        "-S",
        "-c",
        code,
    ]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise MemlabError("the tmpfs was not done in a minute", "the machine may be busy") from None
    return Resized(os.geteuid(), in_user, _steps(done))


def _steps(done: subprocess.CompletedProcess[str]) -> tuple[Step, ...]:
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if not lines:
        raise Unsupported(
            f"no namespace of its own may be made here ({complaint})",
            "run as root, outside of a container",
        )
    if not lines[0]["done"]:
        raise Unsupported(f"no tmpfs may be mounted here ({lines[0]['said']})", "run as root")
    if done.returncode:
        raise MemlabError(f"the steps ended early ({complaint})")
    return tuple(Step(**line) for line in lines)


def _refuse(size: int, grow: int, shrink: int) -> None:
    if not 0 < shrink < size < grow or any(one % PAGE_BYTES for one in (size, grow, shrink)):
        raise Refused(
            f"sizes of {format_bytes(shrink)}, {format_bytes(size)} and {format_bytes(grow)}",
            f"take whole pages of {PAGE_BYTES} bytes, shrink < size < grow",
        )
    available = meminfo.read(Host()).mem_available or 0
    if grow > MOST or grow > available // 4:
        most = format_bytes(min(MOST, available // 4))
        raise Refused(
            f"{format_bytes(grow)} are more than this machine should spend on it",
            f"take at most {most}",
        )
