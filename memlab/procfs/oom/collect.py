"""Puts the lines of OOM reports together: several in a log, other lines between them, cut at either end.

The kernel writes one report at a time (oom_lock), but a log server mixes the lines of many machines: so
there is one open report for each machine that a syslog names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memlab.procfs.oom import lines as kinds
from memlab.procfs.oom import mem_info, prefix, table
from memlab.procfs.oom.draft import Draft
from memlab.procfs.oom.records import Report, Row

MOST_REPORTS = 1000
MOST_ROWS = 100_000  # of all reports together, about 500 B each
MOST_HOSTS = 100  # with an open report at a time
MOST_BETWEEN = 10_000  # other lines within a report
MOST_CHARACTERS = 4096  # of a line; the kernel's end at 1024 (PRINTKRB_RECORD_MAX)

# another report of the kernel that has a Mem-Info as well (warn_alloc, mm/page_alloc.c)
_OTHERS = ("page allocation failure", "page allocation stalls for", "SysRq : Show Memory")
# the log itself says that lines are missing
_LOST = ("printk messages dropped", "messages lost", "callbacks suppressed")

# what a line has that may be the first of a report, or the first that is left of one
_MAY_BEGIN = (
    "oom", "ill process", "illed process", "ut of memory", "cgroup", "limit of", "Mem-", "kB", "pages ", "[ pid",
    "[  pid", "active_", "ctive:", "unevictable:", "free:", "slab", "mapped:",
)  # fmt: skip
_ROW_BEGINS = re.compile(r"\] +\d+ +\d+ +\d+ +\d")


def _may_begin(line: str) -> bool:
    """A look that costs a tenth of reading: nearly all lines of a log are none of ours."""
    return any(word in line for word in _MAY_BEGIN) or (
        "] " in line and _ROW_BEGINS.search(line) is not None
    )


class Collector:
    """Is fed line by line; `finished` has the reports in the order of their first lines."""

    def __init__(self) -> None:
        self._open: dict[str, Draft] = {}
        self._done: list[Report] = []
        self._rows = 0
        self._number = 0
        self.reports_dropped = 0

    def feed(self, raw: str) -> None:
        """One line of the log."""
        self._number += 1
        raw = raw[:MOST_CHARACTERS].rstrip("\r\n")
        if not self._awaits_more() and not _may_begin(raw):
            return
        host, line = prefix.without(raw)
        for read in (self._begin, self._middle, self._end):
            if read(host, line):
                break

    def finished(self) -> tuple[Report, ...]:
        """All reports; those that are still open were cut."""
        for host in list(self._open):
            self._close(host)
        return tuple(sorted(self._done, key=lambda one: one.first_line))

    def _awaits_more(self) -> bool:
        """Whether a report is open; one that nothing was added to for so long was cut."""
        if not self._open:
            return False
        for host, draft in list(self._open.items()):
            if self._number - draft.last_line > MOST_BETWEEN:
                self._close(host)
        return any(not draft.killings_done for draft in self._open.values())

    def _close(self, host: str) -> None:
        draft = self._open.pop(host, None)
        if draft is None or not draft.is_report:
            return
        if len(self._done) >= MOST_REPORTS:
            self.reports_dropped += 1
        else:
            self._done.append(draft.report())

    def _new(self, host: str) -> Draft:
        self._close(host)
        while len(self._open) >= MOST_HOSTS:
            self._close(next(iter(self._open)))
        self._open[host] = Draft(self._number, host)
        return self._open[host]

    def _draft(self, host: str) -> Draft:
        """The open report of this machine; a line behind a kill is of the next one, whose first part is cut off."""
        draft = self._open.get(host)
        if draft is None or draft.killings_done:
            draft = self._new(host)
        draft.last_line = self._number
        return draft

    def _begin(self, host: str, line: str) -> bool:
        if found := kinds.invoked(line):
            self._new(host).invoked = found
        elif any(other in line for other in _OTHERS):
            draft = self._open.get(host)
            if draft is not None and not draft.is_report:
                del self._open[host]
        elif any(lost in line for lost in _LOST):
            for draft in self._open.values():
                draft.torn = True
        else:
            return self._asked(self._open.get(host), line)
        return True

    def _asked(self, draft: Draft | None, line: str) -> bool:
        """Who asked, of an open report only: other traces look the same."""
        if draft is None or draft.asker is not None or draft.past_trace:
            return False
        if (asker := kinds.asker(line)) is not None:
            draft.asker = asker
        elif draft.cpuset is None and (name := kinds.cpuset(line)) is not None:
            draft.cpuset = name
        else:
            return False
        draft.last_line = self._number
        return True

    def _middle(self, host: str, line: str) -> bool:
        if found := kinds.limit_of(line):
            self._draft(host).limit_of = found
        elif limit := kinds.limit(line):
            self._draft(host).limits.append(limit)
        elif stats := kinds.stats(line):
            self._draft(host).begin_stats(*stats)
        elif columns := table.heading(line):
            self._draft(host).begin_table(columns)
        elif row := self._row(host, line):
            self._add_row(self._draft(host), row)
        elif info := mem_info.read(line):
            self._draft(host).add_info(info)
        else:
            draft = self._open.get(host)
            return draft is not None and draft.add_stat(line)
        return True

    def _row(self, host: str, line: str) -> Row | None:
        draft = self._open.get(host)
        fresh = draft is None or draft.killings_done
        return table.row(line, None if fresh or draft is None else draft.columns)

    def _add_row(self, draft: Draft, row: Row) -> None:
        draft.past_trace = True
        if self._rows < MOST_ROWS:
            self._rows += 1
            draft.rows.append(row)
        else:
            draft.rows_dropped += 1

    def _end(self, host: str, line: str) -> bool:
        draft = self._open.get(host)
        if pairs := kinds.kill(line):
            self._draft(host).set_kill(pairs)
        elif killing := kinds.killing(line):
            if draft is None or not draft.takes(killing):
                draft = self._new(host)
            draft.add_killing(killing, self._number)
        elif reaped := kinds.reaped(line):
            if draft is None or not draft.knows(reaped.pid):
                return False  # of an earlier report
            draft.reaped.append(reaped)
            draft.last_line = self._number
        elif (path := kinds.group(line)) is not None:
            (draft or self._new(host)).set_group(path, self._number)
        elif kinds.nobody(line):
            self._draft(host).nobody = True
        else:
            return False
        return True


def collect(lines: Iterable[str]) -> tuple[tuple[Report, ...], int]:
    """(the reports, how many more there were than we keep)."""
    collector = Collector()
    for line in lines:
        collector.feed(line)
    return collector.finished(), collector.reports_dropped


def of_text(text: bytes) -> Iterator[str]:
    """A text's lines, whatever its bytes."""
    yield from text.decode(errors="replace").split("\n")
