"""The lines of strace: calls with their arguments, results and, with -k, their stacks.

A line is: pid (with -f), a time with -t, -tt, -ttt or -r, call(arguments) = result. A call that another
thread interrupts is printed in two parts, "<unfinished ...>" and "<... mmap resumed>". With -k the stack of
calls follows, innermost first, each line behind " > ".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_LINE = re.compile(
    r"^\s*(?:\[pid\s+)?(?P<pid>\d+)?\]?\s*(?P<time>\d+:\d\d:\d\d(?:\.\d+)?|\d+\.\d+)?\s*"
    r"(?:(?P<call>[a-z]\w*)\((?P<args>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*)"
    r"|\+\+\+ (?P<end>exited|killed|superseded)\b.*)$"
)
_RESULT = re.compile(r"\)?\s*= (?P<value>0x[0-9a-f]+|-?\d+)")
# the last of them: an argument may look like one; the blanks before it are strace's columns
_LAST_RESULT = re.compile(r".*\)\s*= (?P<value>0x[0-9a-f]+|-?\d+)")
_FRAME = re.compile(r"^\s*>\s*(?P<frame>.+)$")
_CLOSES = {"(": ")", "[": "]", "{": "}"}
END = "+++"


@dataclass
class Call:
    """One call, or the end of a thread (`name` is END).

    pid: the thread's, None without -f; time: as printed; arguments: all behind the opening bracket,
    the result with it; frames: as printed.
    """

    pid: int | None
    time: str | None
    name: str
    arguments: str = ""
    frames: list[str] = field(default_factory=list)

    @property
    def value(self) -> int | None:
        """What it returned; None where that is not there. Below zero for an error."""
        found = _LAST_RESULT.match(self.arguments) or _RESULT.search(self.arguments)
        return int(found["value"], 0) if found else None

    @property
    def words(self) -> list[str]:
        """The arguments one by one, as printed."""
        return split(self.arguments)


def looks_like(line: str) -> bool:
    """Whether it is a call with its result."""
    found = _LINE.match(line)
    return bool(found and found["call"] and _RESULT.search(found["args"]))


def read(lines: Iterable[str]) -> Iterator[Call]:
    """The calls, interrupted ones put together at the place where they end, each with its stack."""
    begun: dict[str | None, Call] = {}
    last: Call | None = None
    for line in lines:
        if (frame := _FRAME.match(line)) is not None:
            if last is not None:
                last.frames.append(frame["frame"].strip())
            continue
        found = _LINE.match(line)
        if found is None:
            continue
        if last is not None:
            yield last
        last = _call(found, begun)
    if last is not None:
        yield last


def _call(found: re.Match[str], begun: dict[str | None, Call]) -> Call | None:
    pid = int(found["pid"]) if found["pid"] else None
    if found["end"]:
        return Call(pid, found["time"], END)
    if found["resumed"]:
        call = begun.pop(found["pid"], None)
        if call is not None:
            call.arguments += found["rest"]
        return call
    call = Call(pid, found["time"], found["call"], found["args"])
    if "<unfinished" in found["args"]:
        call.arguments = found["args"].partition("<unfinished")[0].rstrip()
        begun[found["pid"]] = call
        return None
    return call


def split(arguments: str) -> list[str]:
    """Arguments at their commas, but not at those in strings, brackets and the paths of -y."""
    words: list[str] = []
    closing: list[str] = []
    begin = at = 0
    while at < len(arguments):
        letter = arguments[at]
        if closing and letter == closing[-1]:
            closing.pop()
        elif closing and closing[-1] in '">':
            at += letter == "\\"
        elif letter == '"':
            closing.append('"')
        elif letter == "<" and at and (arguments[at - 1].isdigit() or arguments[at - 1] == "D"):
            # 3</etc/passwd>, AT_FDCWD</tmp>; and not 1<<12
            if arguments[at : at + 2] != "<<":
                closing.append(">")
            else:
                at += 1
        elif letter in _CLOSES:
            closing.append(_CLOSES[letter])
        elif letter == ")" and not closing:
            words.append(arguments[begin:at].strip())
            return words
        elif letter == "," and not closing:
            words.append(arguments[begin:at].strip())
            begin = at + 1
        at += 1
    return [*words, arguments[begin:].strip()]
