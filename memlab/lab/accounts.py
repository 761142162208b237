"""Leakers moved by count, and what each moved: its ledger held against the kernel, place by place."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memlab.errors import MemlabError, Unsupported
from memlab.lab import meters
from memlab.lab.events import Event
from memlab.lab.experiment import Experiment, start
from memlab.lab.meters import Entry
from memlab.lab.registry import Leaker, get
from memlab.procfs import status
from memlab.procfs.host import Host
from memlab.units import KIB, MIB, PAGE_BYTES, format_bytes

_HOST = Host()
# of what it leaks; below it a place shows the noise of the process and not the leak
LEAST_SHARE = 1 / 8
# a cgroup counts in batches of 64 pages on each CPU (mm/memcontrol.c, MEMCG_CHARGE_BATCH)
GROUP_NOISE = 64 * PAGE_BYTES * (os.cpu_count() or 1)


def _of_status(field: str) -> Callable[[Experiment], int]:
    return lambda run: getattr(status.read(_HOST, run.pid), field) or 0


def _files(run: Experiment) -> int:
    """Files with a name in /dev/shm, of this run."""
    return meters.METERS["tmpfs st_blocks"](run) + meters.METERS["/dev/shm st_blocks"](run)


# where a leak can be seen, by the names under which people look
PLACES: dict[str, Callable[[Experiment], int]] = {
    "VmSize": _of_status("vm_size"),
    "RssAnon": _of_status("rss_anon"),
    "RssFile": _of_status("rss_file"),
    "RssShmem": _of_status("rss_shmem"),
    "VmPTE": _of_status("vm_pte"),
    "Threads": _of_status("threads"),
    "children": meters.METERS["children"],
    "/proc/PID/fd": meters.METERS["fd count"],
    "du /dev/shm": _files,
    "ipcs -m": meters.METERS["sysvipc/shm rss"],
    "ipcs -q": meters.METERS["sysvipc/msg cbytes"],
    "its cgroup": meters.METERS["cgroup usage"],
}
COUNTED = ("Threads", "children", "/proc/PID/fd")


@dataclass(frozen=True)
class Trace:
    """What a leak of `leaked` bytes or things moved in each place; None where that cannot be read.

    `missing` is why it could not be run at all, else "".
    """

    name: str
    leaked: int
    moved: Mapping[str, int | None]
    missing: str = ""

    def share(self, place: str) -> float:
        """How much of the leak this place shows, from 0 to 1; counts are all or nothing."""
        moved = self.moved.get(place) or 0
        if place in COUNTED:
            return float(moved > 0)
        if place == "its cgroup" and moved < GROUP_NOISE:
            return 0.0
        share = moved / max(self.leaked, 1)
        return min(share, 1.0) if share >= LEAST_SHARE else 0.0

    def text(self, place: str) -> str:
        """As a reader wants it: "8 MiB", "+20", "" where nothing moved, "?" where nobody can say."""
        moved = self.moved.get(place)
        if moved is None:
            return "?"
        if not self.share(place):
            return ""
        return f"+{moved}" if place in COUNTED else format_bytes(moved)


def trace(name: str, lang: str = "", size: int = 8 * MIB) -> Trace:
    """Leak about `size` bytes (of things: a tenth of their cap), by count, and see where it shows."""
    leaker = get(name)
    unit = _unit(leaker)
    events = leaker.cap_bytes // 10 if leaker.is_counted else max(4, -(-size // unit))
    try:
        with start(name, lang or leaker.languages[0], paused=True) as run:
            _step(run, 1)
            before = {place: _read(place, run) for place in PLACES}
            _step(run, events)
            after = {place: _read(place, run) for place in PLACES}
    except MemlabError as error:
        return Trace(name, 0, {}, str(error))
    moved = {place: _difference(before[place], after[place]) for place in PLACES}
    # a thing has no size: what kernel memory it takes is all that a place could show
    leaked = events * (leaker.overhead_bytes or KIB) if leaker.is_counted else events * unit
    return Trace(name, leaked, moved)


def _unit(leaker: Leaker) -> int:
    """Bytes of one unit in the account that its foremost meter keeps."""
    said = {"leaked_bytes": leaker.chunk_bytes, "touched_bytes": leaker.chunk_bytes}
    said["leaked_units"] = 1
    return meters.expected(leaker, meters.foremost(leaker), said) or leaker.chunk_bytes


def _step(run: Experiment, events: int) -> Event:
    """As `run.step`. Unsupported where the kernel refuses: then nothing was leaked, or not all."""
    said = run.step(events)
    if run.holding == "refused":
        raise Unsupported(
            f"the kernel refuses what {run.leaker.name} asks for",
            f"privileges: {run.leaker.privileges}",
        )
    return said


def _read(place: str, run: Experiment) -> int | None:
    try:
        return PLACES[place](run)
    except Unsupported:
        return None


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def account(name: str, lang: str = "", events: int = 8) -> list[Entry]:
    """Leak so many events and hold the ledger against the kernel, meter by meter.

    Raises what `start` and `meters.read` raise: Unsupported names what this machine lacks.
    """
    with start(name, lang or get(name).languages[0], paused=True) as run:
        said_before = _step(run, 1)  # the first one sets things up
        before = meters.read(run)
        said = _step(run, events)
        return meters.account(run, before, said_before, meters.read(run), said)


def accounts_text(names: Sequence[str], events: int = 8) -> str:
    """A table: what each of these leakers says of so many events, what the kernel shows, and the rest.

    A name is "heap" or "heap (python)"; one that cannot run here is a line that says why.
    """
    lines = [f"{'leaker':<22}{'seen in':<34}{'it says':>12}{'kernel':>12}{'between':>9}"]
    for label in names:
        name, _, lang = label.partition(" ")
        try:
            entries = account(name, lang.strip("()"), events)
        except MemlabError as error:
            lines.append(f"{label:<22}{error}")
            continue
        for entry in entries:
            lines.append(
                f"{label:<22}{entry.meter:<34}{entry.expected:>12,}{entry.shown:>12,}{entry.residual:>9,}"
            )
            label = ""
    return "\n".join(lines)


def where_it_shows(
    names: Sequence[str], places: Sequence[str]
) -> dict[str, dict[str, tuple[float, str]]]:
    """Where each of these leaks shows, as `present.figures.places_figure` takes it.

    One that cannot run here has no cells, and says so in its name.
    """
    rows = {}
    for name in names:
        seen = trace(name)
        label = f"{name} (cannot run here)" if seen.missing else name
        rows[label] = {
            place: (0.0, "") if seen.missing else (seen.share(place), seen.text(place))
            for place in places
        }
    return rows
