"""One OOM report while its lines come in."""

from __future__ import annotations

from memlab.procfs.oom import lines as kinds
from memlab.procfs.oom.records import (
    Asker,
    Invoked,
    Killed,
    Killing,
    Limit,
    MemLine,
    Reaped,
    Report,
    Row,
)
from memlab.units import KIB

_MOST = 1000  # of cgroups, zones, kills: hostile text must not fill the memory


class Draft:
    """Begins at any line; `is_report` once a line was met that only an OOM report has."""

    def __init__(self, number: int, host: str) -> None:
        self.first_line = self.last_line = number
        self.host = host
        self.invoked: Invoked | None = None
        self.asker: Asker | None = None
        self.kill: dict[str, str] = {}
        self.limit_of: tuple[str, str] | None = None
        self.cpuset: str | None = None
        self.limits: list[Limit] = []
        self.stats: dict[str, dict[str, int]] = {}
        self.mem_info: dict[str, int] = {}
        self.nodes: list[tuple[str, dict[str, int]]] = []
        self.zones: list[tuple[str, dict[str, int]]] = []
        self.huge: list[dict[str, int]] = []
        self.pages: dict[str, int] = {}
        self.swap_kb: dict[str, int] = {}
        self.buddy_kb: int | None = None
        self.columns: tuple[str, ...] | None = None
        self.rows: list[Row] = []
        self.rows_dropped = 0
        self.chosen: Killing | None = None
        self.killings: list[Killing] = []
        self.reaped: list[Reaped] = []
        self.group: str | None = None
        self.nobody = False
        self.past_trace = self.torn = False
        self._stat_of: str | None = None

    @property
    def is_report(self) -> bool:
        """Mem-Info alone stands in other reports of the kernel too."""
        return bool(
            self.invoked or self.kill or self.limits or self.stats or self.columns or self.rows
            or self.chosen or self.killings or self.limit_of or self.group or self.nobody
        )  # fmt: skip

    @property
    def killings_done(self) -> bool:
        """Somebody was killed: what follows is of the next report, but for more of the same group."""
        return bool(self.killings)

    def takes(self, killing: Killing) -> bool:
        """Whether such a line belongs to this report."""
        if not self.killings:
            return self.chosen is None or killing.done
        # until 5.0 the next choice begins a report; a whole group, and who shares the memory, die in one
        return killing.done and (self.group is not None or killing.reason is None)

    def add_killing(self, killing: Killing, number: int) -> None:
        """`Kill process …` or `Killed process …`."""
        self.last_line, self._stat_of, self.past_trace = number, None, True
        if not killing.done:
            self.chosen = killing
        elif len(self.killings) < _MOST:
            self.killings.append(killing)

    def knows(self, pid: int) -> bool:
        """Whether this one died here, or where that is cut off stands in the table."""
        if self.killings:
            return any(one.pid == pid for one in self.killings)
        return any(row.pid == pid for row in self.rows)

    def set_kill(self, pairs: dict[str, str]) -> None:
        """`oom-kill:constraint=…`."""
        self.kill, self._stat_of, self.past_trace = pairs, None, True

    def set_group(self, path: str, number: int) -> None:
        """`Tasks in … are going to be killed`."""
        self.group, self.last_line = path, number

    def begin_stats(self, path: str, values_kb: dict[str, int]) -> None:
        """`Memory cgroup stats for PATH:`."""
        self.past_trace = True
        if len(self.stats) < _MOST or path in self.stats:
            self.stats[path] = {name: size * KIB for name, size in values_kb.items()}
            self._stat_of = path if not values_kb else None

    def add_stat(self, line: str) -> bool:
        """A line of memory.stat, behind its heading only."""
        if self._stat_of is None or (found := kinds.stat(line)) is None:
            return False
        if len(self.stats[self._stat_of]) < _MOST:
            self.stats[self._stat_of].setdefault(*found)
        return True

    def begin_table(self, columns: tuple[str, ...]) -> None:
        """The heading."""
        self.columns, self._stat_of, self.past_trace = columns, None, True

    def add_info(self, line: MemLine) -> None:
        """A line of Mem-Info."""
        self.past_trace, self._stat_of = True, None
        if line.kind == "counts":
            for name, value in line.pairs:
                if value.isdecimal() and len(self.mem_info) < _MOST:
                    self.mem_info.setdefault(name, int(value))
        elif line.kind == "zone":
            kept = self.nodes if line.label.split()[-1].isdecimal() else self.zones
            if len(kept) < _MOST:
                kept.append((line.label, _sizes(line.pairs)))
        elif line.kind == "huge" and len(self.huge) < _MOST:
            self.huge.append(_sizes(line.pairs))
        elif line.kind == "pages":
            self.pages.update((name, int(value)) for name, value in line.pairs)
        elif line.kind == "swap":
            self.swap_kb.update(_sizes(line.pairs))
        elif line.kind == "blocks" and self.buddy_kb is None:
            size = line.pairs[0][1].partition("*")[2].partition("kB")[0]
            self.buddy_kb = int(size) if len(size) < 6 else None

    def report(self) -> Report:
        """What has come."""
        constraint = self._constraint()
        return Report(
            first_line=self.first_line,
            last_line=self.last_line,
            host=self.host,
            begins=self.invoked is not None,
            ends=bool(self.killings) or self.nobody,
            invoked=self.invoked,
            asker=self.asker,
            kill=self.kill,
            limit_of=self.limit_of,
            cpuset=self.kill.get("cpuset", self.cpuset),
            limits=tuple(self.limits[:_MOST]),
            stats=self.stats,
            mem_info=self.mem_info,
            nodes=tuple(self.nodes),
            zones=tuple(self.zones),
            huge=tuple(self.huge),
            pages=self.pages,
            swap_kb=self.swap_kb,
            buddy_kb=self.buddy_kb,
            rows=tuple(self.rows),
            rows_whole=self._has_whole_table(),
            rows_dropped=self.rows_dropped,
            chosen=self.chosen,
            killings=tuple(self.killings),
            killed=tuple(self._killed(one, constraint) for one in self.killings),
            reaped=tuple(self.reaped[:_MOST]),
            group=self.group,
            nobody=self.nobody,
            constraint=constraint,
            version=kinds.version(self.asker.kernel if self.asker else None),
        )

    def _has_whole_table(self) -> bool:
        """From its heading to something that comes behind it, and no line that was lost between."""
        ended = bool(self.kill or self.chosen or self.killings or self.nobody or self.reaped)
        return self.columns is not None and ended and not self.torn and not self.rows_dropped

    def _constraint(self) -> str | None:
        """As printed since 5.0; before, as far as the words tell.

        From 2.6.36 on "Out of memory" may be of some nodes only.
        """
        if "constraint" in self.kill:
            return self.kill["constraint"]
        told = [*self.killings, *([self.chosen] if self.chosen else [])]
        reasons = " ".join(one.reason or "" for one in told)
        if self.limit_of or self.limits or "cgroup" in reasons:
            return "CONSTRAINT_MEMCG"
        if "MPOL_BIND" in reasons:
            return "CONSTRAINT_MEMORY_POLICY"
        if "in cpuset" in reasons:
            return "CONSTRAINT_CPUSET"
        old = kinds.version(self.asker.kernel if self.asker else None)
        return "CONSTRAINT_NONE" if reasons and old is not None and old < (2, 6, 36) else None

    def _killed(self, killing: Killing, constraint: str | None) -> Killed:
        pairs = killing.pairs
        sizes = {name: _kilobytes(value) for name, value in pairs.items()}
        adj, uid = pairs.get("oom_score_adj"), pairs.get("UID")
        return Killed(
            pid=killing.pid,
            comm=killing.comm,
            total_vm=sizes.get("total-vm", sizes.get("vsz")),
            anon_rss=sizes.get("anon-rss"),
            file_rss=sizes.get("file-rss"),
            shmem_rss=sizes.get("shmem-rss"),
            constraint=constraint,
            invoked_by=self.invoked.comm if self.invoked else None,
            page_tables=sizes.get("pgtables"),
            uid=None if uid is None or uid.endswith("kB") else int(uid),
            oom_score_adj=None if adj is None or adj.endswith("kB") else int(adj),
        )


def _kilobytes(value: str) -> int | None:
    return int(value.removesuffix("kB")) * KIB if value.endswith("kB") else None


def _sizes(pairs: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """The numbers among the values, in the unit that stands there."""
    found = {}
    for name, value in pairs:
        number = value.removesuffix(" kB").removesuffix("kB").removesuffix("KB")
        if number.isdecimal() and len(number) <= 18:
            found[name] = int(number)
    return found
