"""A kernel for the tests of the guest: the user's own if it is there, else fetched once (42 MB)."""

from __future__ import annotations

import pytest

from memlab.errors import MemlabError
from memlab.lab.guest import build, cache, quick


def need_quick() -> cache.Kernel:
    """The quick kernel with our modules, or a skip that says what is missing."""
    try:
        try:
            kernel = cache.ready("quick")
        except MemlabError:
            kernel = quick.make(print)
        build.modules(kernel)
    except MemlabError as error:
        pytest.skip(f"no kernel for a guest: {error}")
    return kernel
