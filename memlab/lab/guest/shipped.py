"""What a lab says: run here where that is possible, else as it was when it was recorded."""

from __future__ import annotations

from importlib import import_module

from memlab.errors import MemlabError, Unsupported
from memlab.lab.guest import cache, qemu
from memlab.lab.guest.labs.result import Result
from memlab.lab.paths import notebooks_folder
from memlab.observe.files import open_recording

_SHIPPED = "recordings/guest-{name}"


def told(name: str, live: bool = True) -> Result:
    """A lab's result, and a line that says where it is from. Without `live`, or where QEMU or the kernel is
    missing, it is the one that was recorded. Raises Unsupported for a lab that was not.
    """
    if live:
        try:
            lab = import_module(f"memlab.lab.guest.labs.{name}")
            kind = "full" if lab.NEEDS_FULL else "quick"
            qemu.program()
            cache.ready(kind)
        except MemlabError as error:
            print(f"shown as recorded; {error}")
        else:
            result: Result = lab.run(kind, lambda step: None)
            print("run just now, in a guest on this machine")
            return result
    return shipped(name)


def shipped(name: str) -> Result:
    """As it was recorded, with `memlab kernel lab NAME`."""
    base = notebooks_folder() / _SHIPPED.format(name=name)
    text, log, tape = (base.with_suffix(end) for end in (".txt", ".log", ".tar.gz"))
    if not text.is_file():
        raise Unsupported(f"no result of the lab {name} is shipped", f"memlab kernel lab {name}")
    return Result(
        tuple(text.read_text().splitlines()),
        open_recording(tape) if tape.is_file() else None,
        log.read_text() if log.is_file() else "",
    )
