"""The table of what a trace names: what counts as the site, and its page."""

from memlab.lab.attached import Outcome, _said, page, rows
from memlab.model.stacks import Frame, Of, Stack, Stacks

LIBC = Frame("mmap", "mmap.c", 1, "/usr/lib/libc.so.6")
SITE = Frame("leak", "/src/heap.c", 17, "/bin/heap")
NEAR = Frame("leak", "/src/heap.c", 19, "/bin/heap")
HELPER = Frame("touch", "/src/harness.h", 3, "/bin/heap")


def said(*frames):
    return _said(Stacks("x", "1", 1, 1.0, (Stack(9, 1, frames, Of.BLOCK),)), "leak heap.c:17")


def test_only_what_is_named_first_is_the_site():
    assert said(LIBC, SITE) == "**site**"
    assert said(LIBC, NEAR) == "**site** (function)"
    assert said(HELPER, NEAR) == "in the first stack"
    assert said(HELPER) == "other"
    assert _said(Stacks("x", "1", 1, 1.0, ()), "leak heap.c:17") == "–"


def test_the_page_has_a_row_for_each_leaker_and_the_price_of_each_engine():
    row = rows(["misblame"])[0]
    text = page({row: {"strace": Outcome("–", 6.3), "heaptrack": Outcome("**site**", 1)}})
    assert "| `misblame` (c) | heap | – ×6.3 | **site** ×1 |" in text
    assert all(
        f"- **{name}**: " in text for name in ("strace", "memray", "heaptrack", "gdb", "perf")
    )
