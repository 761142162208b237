"""The errors of memlab: each is one clear line, and says what to do next.

Four of them come from reading a machine; `Refused` comes only from the lab,
when starting a leak would put the host in danger.
"""

from __future__ import annotations

from collections.abc import Iterable


class MemlabError(Exception):
    """What a user may meet. `str(error)` is one line, ready to be printed.

    `hint` says what to do next; it is part of the line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}: {hint}" if hint else message)


class Gone(MemlabError):
    """The process ended. Normal: it may happen at any read."""


class Denied(MemlabError):
    """The kernel refused; the hint names the privilege that would help."""


class Unsupported(MemlabError):
    """This kernel or machine lacks what was asked for."""


class Malformed(MemlabError):
    """Text that is not what it should be: says where, and shows the line."""

    def __init__(self, path: str, line_number: int, line: str, why: str = "cannot be read") -> None:
        self.path = path
        self.line_number = line_number
        self.line = line
        self.why = why
        shown = line if len(line) <= 80 else line[:77] + "..."
        where = f"{path}:{line_number}" if line_number else path
        super().__init__(f"{where}: {why}" + (f": {shown!r}" if shown else ""))


class Refused(MemlabError):
    """The lab will not start this: it could hurt the machine, or it asks for nonsense."""


def meant(name: str, known: Iterable[str]) -> str:
    """`did you mean heap? `, to begin a hint with; empty where nothing known is like it."""
    from difflib import get_close_matches  # it costs each start more than most errors are worth

    names = {each.casefold(): each for each in known}
    close = get_close_matches(name.strip().casefold()[:80], names, n=5)
    return f"did you mean {', '.join(names[found] for found in close)}? " if close else ""
