"""The price of a slow console: one global OOM after the other in a guest, each at other settings.

The guest's serial line takes as long for each character as one of that speed: start bit, eight bits, stop bit. In
the guest busybox's klogd and syslogd carry the ring buffer into a file, as a machine's do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from memlab.errors import MemlabError, Unsupported
from memlab.lab.guest import Guest, guest
from memlab.lab.paths import notebooks_folder
from memlab.model.console import Cell, Measured, measured
from memlab.model.logged import kept, messages
from memlab.model.printk import Line, serial_seconds
from memlab.procfs import oom_report
from memlab.units import MIB, counted, format_seconds

_FILE = "/run/messages"
_TICK = "/run/tick"
_SETTLED = 0.3  # seconds without a byte: the line is quiet (a character takes 1 ms at 9600 baud)
_PIECE = 32  # bytes read at once: 33 ms of a line of 9600 baud
_LATE = 0.02  # seconds by which a reader that was kept from running may catch up
_OUTSIDE = (
    90.0  # seconds that a cell may take beside what the line takes: to fill memory, under load
)


@dataclass(frozen=True)
class Settings:
    """One cell to be measured."""

    baud: int
    loglevel: int
    dump_tasks: int


FULL = tuple(
    Settings(baud, level, dump)
    for baud, level, dump in product((115_200, 9_600), (7, 5, 4, 3), (1, 0))
)
QUICK = (
    Settings(115_200, 7, 1), Settings(115_200, 7, 0), Settings(115_200, 4, 1), Settings(9_600, 4, 1),
    Settings(9_600, 3, 1),
)  # fmt: skip
CROWD, QUICK_CROWD = 540, 100
TIMES = 5
_REPEATED = 1.0  # seconds; what takes longer is hardly touched by what else the machine does


class Pace:
    """How long a reader waits for a serial line of that speed; asked for each piece that came (`Console.pace`).

    By absolute times: what one wait was too long, the next is shorter.
    """

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._free = 0.0  # when the line is done with what it was given

    def __call__(self, count: int) -> float:
        """Seconds until the line has sent `count` more bytes."""
        now = time.monotonic()
        self._free = max(self._free, now - _LATE) + serial_seconds(count, self._baud)
        return self._free - now


def measure(
    settings: Iterable[Settings] = FULL,
    crowd: int = CROWD,
    *,
    kernel: str = "quick",
    cpus: int = 1,
    memory: int = 192 * MIB,
    times: int = 1,
    say: Callable[[str], object] = print,
) -> Measured:
    """Boot a guest with `crowd` sleeping processes, and let it run out of memory for each of `settings`.

    times: how often those are repeated that take less than a second; what waited least is kept, for the machine
    below QEMU only adds. Raises Unsupported where QEMU or the kernel is missing, MemlabError where a report does
    not come.
    """
    cells = []
    with guest(kernel, memory=memory, cpus=cpus) as machine:
        say(f"Linux {machine.kernel.release} in QEMU, {memory // MIB} MiB, {counted(cpus, 'CPU')}")
        _prepare(machine, crowd)
        for one in settings:
            cells.append(_least(machine, one, times))
            say(_told(cells[-1]))
        release = machine.kernel.release
    return Measured(release, cpus, memory, crowd, times, tuple(cells))


def _told(cell: Cell) -> str:
    return (
        f"{cell.baud:,} baud, loglevel {cell.loglevel}, oom_dump_tasks {cell.dump_tasks}: report "
        f"{format_seconds(cell.report_seconds)}, everybody else waits {format_seconds(cell.stall_seconds)}"
    )


def _prepare(machine: Guest, crowd: int) -> None:
    """The crowd, and the way from the ring buffer into a file, which must outlive it all."""
    machine.sh(f"crowd tasks {crowd}", 120)
    machine.start("syslogd", "-n", "-S", "-O", _FILE, adj=-900)
    machine.start("klogd", "-n", adj=-900)
    machine.console.piece = _PIECE


def measure_quick(say: Callable[[str], object] = print, kernel: str = "quick") -> Measured:
    """A few cells, within a minute: a smaller guest runs out of memory sooner."""
    return measure(QUICK, QUICK_CROWD, kernel=kernel, memory=128 * MIB, say=say)


def recorded() -> Measured:
    """The whole table, as it was measured elsewhere and is shipped."""
    return measured(json.loads((notebooks_folder() / "recordings/console.json").read_text()))


def told(live: bool = True) -> Measured:
    """`measure_quick`, or what is shipped: where it is not to be `live`, or cannot be; says which."""
    if live:
        try:
            return measure_quick()
        except Unsupported as error:
            print(error)
    print("shown as recorded")
    return recorded()


def _least(machine: Guest, one: Settings, times: int) -> Cell:
    cells = [_cell(machine, one)]
    while len(cells) < times and cells[0].stall_seconds < _REPEATED:
        cells.append(_cell(machine, one))
    return min(cells, key=lambda cell: cell.stall_seconds)


def _cell(machine: Guest, one: Settings) -> Cell:
    machine.sh(
        f"dmesg -c > /dev/null; : > {_FILE}; dmesg -n {one.loglevel}; "
        f"echo {one.dump_tasks} > /proc/sys/vm/oom_dump_tasks"
    )
    ticker = int(machine.sh(f"crowd tick > {_TICK} 2> /dev/null < /dev/null & echo $!"))
    mark = machine.console.bytes
    machine.console.pace = Pace(one.baud)
    try:
        machine.run("echo 1000 > /proc/self/oom_score_adj; exec crowd hog", _longest(one))
        _until_quiet(machine)
    finally:
        machine.console.pace = None
    longest = machine.sh(f"kill {ticker}; until [ -s {_TICK} ]; do sleep 0.1; done; cat {_TICK}")
    shown = machine.console.since(mark)
    cell = _held(one, machine.sh("dmesg -r"), shown, _file(machine))
    # up to the first death, as the report: where memory is short a second may follow. The guest's init
    # writes a word there too, which is none of the kernel's
    before, kill, after = shown.partition("Killed process")
    first = before + kill + after.split("\n", 1)[0]
    characters = sum(len(line) + 1 for line in first.split("\n") if line.startswith("["))
    return replace(cell, stall_seconds=int(longest.split()[0]) / 1e9, console_bytes=characters)


def _longest(one: Settings) -> float:
    """What a report of 100 kB would take on the line, and some."""
    return _OUTSIDE + serial_seconds(100_000, one.baud)


def _until_quiet(machine: Guest) -> None:
    """The kill line may still be on its way over the line when its process has ended."""
    came, since = -1, time.monotonic()
    while time.monotonic() - since < _SETTLED:
        if machine.console.bytes != came:
            came, since = machine.console.bytes, time.monotonic()
        time.sleep(0.02)


def _file(machine: Guest) -> str:
    """What the daemon has written, once it has the last line of the report."""
    last = f"until grep -q 'Killed process' {_FILE}; do sleep 0.1; n=$((n + 1)); [ $n -lt 100 ] || break; done"
    return machine.sh(f"n=0; {last}; cat {_FILE}", 60)


def _held(one: Settings, ring: str, shown: str, file: str) -> Cell:
    """What each place has of the report that the ring buffer holds."""
    report = _of_the_report(messages(ring.encode()).lines)
    begin, end = _stamp(report[0]), _stamp(report[-1])
    places = []
    for name, text in (("console", shown), ("file", file)):
        found = oom_report.parse(text.encode())
        places.append(kept(name, "", text.encode(), report, (), found))
    console, written = places
    rows = sum(len(one.rows) for one in oom_report.parse(ring.encode())[:1])
    return Cell(
        baud=one.baud,
        loglevel=one.loglevel,
        dump_tasks=one.dump_tasks,
        report_seconds=end - begin,
        stall_seconds=0.0,
        lines=len(report),
        console_lines=console.lines,
        console_bytes=0,
        file_lines=written.lines,
        tasks=rows,
        victim_on_console="Killed process" in shown,
        victim_in_file="Killed process" in file,
    )


def _of_the_report(lines: Iterable[Line]) -> list[Line]:
    """From `invoked oom-killer` to `Killed process`, the first of them."""
    found = list(_between(lines))
    if not found or "Killed process" not in found[-1].text:
        raise MemlabError("the guest's ring buffer holds no whole report", "try again")
    return found


def _between(lines: Iterable[Line]) -> Iterator[Line]:
    inside = False
    for line in lines:
        inside = inside or "invoked oom-killer" in line.text
        if inside:
            yield line
        if inside and "Killed process" in line.text:
            return


def _stamp(line: Line) -> float:
    """`[   12.345678] …`: seconds since the guest's kernel began."""
    return float(line.text[1 : line.text.index("]")])
