"""The Markdown page that keeps what the labs printed: each lab replaces its own section."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = """# What the kernel labs printed

Made by `memlab kernel lab NAME --write docs/kernel-labs.md`, and not by hand: kernel, figures and addresses are
those of the run. The guest is emulated (QEMU's TCG), so times are no times of real hardware; ratios are
within one kernel on one emulator.
"""


def put(path: Path, name: str, command: str, text: str) -> None:
    """Write the section of this lab, in place of the last one. Raises OSError."""
    page = path.read_text() if path.is_file() else _HEAD
    section = f"## {name}\n\n    $ {command}\n\n```text\n{text}\n```\n"
    found = re.compile(rf"^## {re.escape(name)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if found.search(page):
        page = found.sub(lambda _: section + "\n", page)
    else:
        page += "\n" + section
    path.write_text(page.rstrip() + "\n")
