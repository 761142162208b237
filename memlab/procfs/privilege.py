"""What would help where the kernel refused: to root, who has all privileges but some, which one it lacks."""

from __future__ import annotations

import os
from pathlib import Path

# include/uapi/linux/capability.h
_BITS = {
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYSLOG": 34,
    "CAP_CHECKPOINT_RESTORE": 40,
}


def needed(capability: str, advice: str = "") -> str:
    """What to do where this capability would have helped; `advice` is for an ordinary user."""
    if os.geteuid() != 0:
        return advice or f"run as root ({capability})"
    if not _effective() >> _BITS[capability] & 1:
        return f"this root lacks {capability}, see memlab doctor"
    # the kernel asks for it in the user namespace of what is looked at (kernel/ptrace.c)
    return (
        f"this root's {capability} does not reach it (a user namespace above, or a security module)"
    )


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
