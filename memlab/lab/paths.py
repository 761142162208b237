"""Where memlab's own files are: in a checkout beside the package, in a wheel inside it."""

from __future__ import annotations

import os
from pathlib import Path

from memlab.errors import Unsupported

_PACKAGE = Path(__file__).resolve().parent.parent


def leakers_folder() -> Path:
    """The sources of the leakers, with manifest.toml."""
    return _shipped("leakers", "manifest.toml")


def notebooks_folder() -> Path:
    """The course."""
    return _shipped("notebooks", "00_start_here.ipynb")


def docs_folder() -> Path:
    """The documents, which are in a checkout only."""
    return _PACKAGE.parent / "docs"


def in_checkout() -> bool:
    """Whether memlab runs from its repository, where notebooks are opened in place."""
    return (_PACKAGE.parent / "pyproject.toml").is_file() and not (_PACKAGE / "_data").is_dir()


def cache_folder() -> Path:
    """The user's cache for what memlab builds (XDG_CACHE_HOME, or ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "memlab"


def _shipped(name: str, witness: str) -> Path:
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if (folder / witness).is_file():
            return folder
    raise Unsupported(f"memlab's {name} are missing", "install memlab again")
