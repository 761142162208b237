"""Take off what pasting put on: colours, prompts, quote marks, line numbers, log prefixes."""

from __future__ import annotations

import re

from memlab.procfs.oom import prefix

_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]"
)
_UNSEEN = re.compile("[\u200b-\u200f\ufeff\x00-\x08\x0b-\x1f\x7f]")
_QUOTE = re.compile(r"^(?:\s*>)+ ?(?=\S)")
# of grep -n, cat -n, nl: only before what looks like a line of /proc
_NUMBERED = re.compile(
    r"^\s{0,9}\d{1,7}\s{0,9}[-:.\t ]\s{0,9}(?=[A-Z]\w*(?:\(\w+\))?:\s|[0-9a-f]{6,16}-[0-9a-f]{6,16} [r-][w-])"
)
_FILE_NAME = re.compile(
    r"^/?(?:proc/)?(?:\w+/)*(?:meminfo|status|smaps|smaps_rollup|vmstat|maps):(?=\S)"
)
_PROMPT = re.compile(r"^\s*(?:\[[^\]]*\]|[\w.@:~/-]+)?[$#%] +(?=\S)")
_GROUPED = re.compile(
    r"(?<![\w.,:/=+-])\d{1,3}(?:([,'’\u00a0\u202f])\d{3})(?:\1\d{3})*(?=\s|$|[kKMG]i?B?\b)"
)
_DOTTED = re.compile(r"(?<!\S)\d{1,3}(?:(?:\.\d{3}){2,}(?=\s|$)|(?:\.\d{3})+(?= ?kB\b))")
_DECIMAL = re.compile(r"(?<!\S)(\d+),(\d{1,2})(?=\s|$)")
_LISTS = ("Cpus_allowed", "Mems_allowed", "Groups")


def lines_of(text: str) -> list[str]:
    """The lines of the text, bare; as many as there were."""
    plain = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return [_bare(line) for line in plain.split("\n")]


def _bare(line: str) -> str:
    line = _UNSEEN.sub("", line)
    line = prefix.strip(_QUOTE.sub("", line, count=1))
    for mark in (_FILE_NAME, _NUMBERED):
        line = mark.sub("", line, count=1)
    line = line.replace("\t", " ")
    if not line.startswith(_LISTS):
        line = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), line)
        line = _DOTTED.sub(lambda found: found[0].replace(".", ""), line)
        line = _DECIMAL.sub(r"\1.\2", line)
    return line.rstrip().replace("\u00a0", " ").replace("\u202f", " ")


def without_prompt(line: str) -> str:
    """'user@host:~$ cat x' -> 'cat x'."""
    return _PROMPT.sub("", line, count=1)


def is_ornament(line: str) -> bool:
    """Rules and gaps: they say nothing."""
    return not re.search(r"[^\s.=…_*~-]", line)
