"""Who eats the machine: processes, tmpfs, System V objects, slab caches, the kernel, or nothing that has a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memlab.diagnose.account import IN_RSS_ANON, MMAP_THRESHOLD, Account
from memlab.diagnose.floors import FEWEST_INSTANTS
from memlab.diagnose.sums import Part, Rising, finding, rising
from memlab.errors import Denied, Gone, Unsupported
from memlab.model import outside
from memlab.model.diagnosis import Attribution, Cost, Diagnosis, Share, Verdict, Why
from memlab.model.machine import machine_ledger
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs import slabinfo, zoneinfo
from memlab.units import PAGE_BYTES, format_bytes, format_seconds

# the machine's counters are kept per CPU and zone, up to 125 pages each (mm/vmstat.c, calculate_normal_threshold)
_BATCH = 125 * PAGE_BYTES
# which lines of the ledger the kernel gives back when memory is short, and which are accounts
_RECLAIMABLE = ("page cache", "buffers", "slab, reclaimable", "other reclaimable")
_KERNEL_LINES = {
    "slab, not reclaimable": "sudo slabtop -s c",
    "page tables": "memlab top",
    "kernel stacks": "ps -eo pid,nlwp,comm --sort=-nlwp | head",
    "vmalloc, without stacks": "sudo sort -k2nr /proc/vmallocinfo | head -20",
    "per CPU": "sudo sort -k2nr /proc/vmallocinfo | grep pcpu | head",
    "unexplained": "memlab meminfo; pipes, network buffers and drivers have no field",
}
_SHOWN = 6


def diagnose_machine(recording: Recording, cost: Cost | None = None) -> Diagnosis:
    """Judge what `observe.machine.watch_machine` saw. One verdict; a finding for each that rises."""
    parts = list(_parts(recording))
    families = (list(_processes(recording)), list(_caches(recording)), parts)
    found = _nearest([one for family in families for one in rising(family)])
    room = _room(recording)
    findings = tuple(finding(one, room) for one in found)
    first = findings[0].where if findings else None
    verdict, why, reason, decide = _verdict(recording, first, parts)
    return Diagnosis(
        target={"machine": recording.header.target["machine"]},
        observed_seconds=round(recording.seconds, 3),
        verdict=verdict,
        why=why,
        reason=reason,
        findings=findings if verdict is Verdict.LEAK else (),
        not_seen=_not_seen(recording),
        decide=decide,
        attribution=_attribution(recording),
        cost=cost or Cost(0.0, 0.0, len(recording)),
    )


def _verdict(
    recording: Recording, first: str | None, parts: list[Part]
) -> tuple[Verdict, str, Why | None, str | None]:
    seconds, fell = (
        format_seconds(recording.seconds),
        -recording.series("meminfo.mem_available").growth,
    )
    if len(recording) < FEWEST_INSTANTS:
        return (
            Verdict.UNDECIDED,
            f"{len(recording)} instants in {seconds} are too few to judge",
            None,
            "watch longer: --machine --seconds 15",
        )
    moved = (
        f"MemAvailable {'fell' if fell >= 0 else 'rose'} by {format_bytes(abs(fell))} in {seconds}"
    )
    if first:
        return Verdict.LEAK, f"{first} grew all the time and gave nothing back; {moved}", None, None
    cache = sum(part.account.series.growth for part in parts if part.reclaimable)
    if cache > max(0.0, fell) and cache >= _grain(recording):
        return (
            Verdict.NOT_A_LEAK,
            f"page-cache: what grew by {format_bytes(cache)} the kernel gives back when memory is short; {moved}",
            Why.PAGE_CACHE,
            None,
        )
    return (
        Verdict.NOT_A_LEAK,
        f"flat: nothing grew all the time, beyond what so many accounts do by chance; {moved}",
        Why.FLAT,
        None,
    )


def _grain(recording: Recording) -> float:
    return float(_BATCH * recording.header.host.get("cpus", 1))


def _room(recording: Recording) -> tuple[str, float] | None:
    last = next((s.meminfo for s in reversed(recording.samples) if s.meminfo), None)
    if last is None or last.mem_available is None:
        return None
    return "the machine's available memory", last.mem_available + (last.swap_free or 0)


def _parts(recording: Recording) -> Iterator[Part]:
    """What is neither of one process nor one slab cache."""
    yield from _mounts(recording)
    yield _part(
        (Pattern.SHM,),
        recording.collect("segments", _segments),
        "System V shared memory segments",
        "sysvipc/shm rss + swap",
        "ipcs -m -p; memlab owners",
    )
    yield _part(
        (Pattern.KERNEL,),
        recording.collect("queues", _queues),
        "System V message queues",
        "sysvipc/msg cbytes",
        "ipcs -q -p",
    )
    for name, then in _KERNEL_LINES.items():
        series = recording.collect(name, _line(name))
        where = "memory in no field of meminfo" if name == "unexplained" else f"the kernel's {name}"
        pattern = Pattern.PAGE_TABLE if name == "page tables" else Pattern.KERNEL
        yield _part((pattern,), series, where, f"meminfo ledger: {name}", then, _grain(recording))
    for name in _RECLAIMABLE:
        series = recording.collect(name, _line(name))
        part = _part(
            (Pattern.KERNEL,), series, name, f"meminfo ledger: {name}", "", _grain(recording)
        )
        yield Part(part.account, "", reclaimable=True)


def _part(
    candidates: tuple[Pattern, ...],
    series: Series,
    where: str,
    source: str,
    then: str,
    grain: float = PAGE_BYTES,
) -> Part:
    kernel = candidates[0] in (Pattern.KERNEL, Pattern.PAGE_TABLE)
    basis = Basis.KERNEL if kernel else Basis.SWAP_BACKED
    return Part(Account(candidates, basis, grain, series, where, source), then)


def _processes(recording: Recording) -> Iterator[Part]:
    for title, series in recording.given.items():
        pid, _, name = title.partition(" ")
        account = Account(
            IN_RSS_ANON,
            Basis.RESIDENT,
            MMAP_THRESHOLD,
            series,
            f"{name} (pid {pid}): resident memory",
            series.source,
        )
        yield Part(account, f"memlab diagnose {pid}")


def _mounts(recording: Recording) -> Iterator[Part]:
    for place in _places(recording):
        candidates = (Pattern.TMPFS, Pattern.SHM) if place == "/dev/shm" else (Pattern.TMPFS,)
        yield _part(
            candidates,
            recording.collect("used", _fill(place)),
            f"tmpfs on {place}",
            "statvfs",
            f"memlab owners; du -xa {place} | sort -n | tail",
            MMAP_THRESHOLD,
        )


def _places(recording: Recording) -> list[str]:
    """Each tmpfs once; of two mounts at one place the later one hides the other."""
    at = {m.mount_point: m.device for sample in recording for m in sample.tmpfs_mounts}
    return list({device: place for place, device in reversed(at.items())}.values())


def _fill(place: str) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        try:
            return float(sample.host.statvfs(place).used_bytes)
        except (Denied, Gone, Unsupported):
            return None

    return get


def _segments(sample: Sample) -> float | None:
    found = outside.segments(sample)
    return None if found is None else float(sum((s.rss or 0) + (s.swap or 0) for s in found))


def _queues(sample: Sample) -> float | None:
    found = outside.queues(sample)
    return None if found is None else float(sum(queue.cbytes for queue in found))


def _slabs(sample: Sample) -> dict[str, int] | None:
    try:
        caches = slabinfo.read(sample.host).caches
    except (Denied, Gone, Unsupported):
        return None
    sums: dict[str, int] = {}
    for cache in caches:  # two may have one name
        sums[cache.name] = sums.get(cache.name, 0) + cache.bytes
    return sums


def _caches(recording: Recording) -> Iterator[Part]:
    """Slab caches; what is not known to be reclaimable, or not to be, is in the line of SUnreclaim only."""
    seen = [(sample, slabs) for sample in recording if (slabs := _slabs(sample)) is not None]
    if len(seen) < 2:
        return
    last = seen[-1][0].texts.files
    for name in seen[-1][1]:
        answer = last.get(f"/sys/kernel/slab/{name}/reclaim_account", b"").strip()
        if answer != b"0":
            continue
        values = {id(sample): float(slabs.get(name, 0)) for sample, slabs in seen}
        series = recording.collect(name, lambda sample, of=values: of.get(id(sample)))  # type: ignore[misc]
        # a slab has up to eight pages (mm/slub.c, PAGE_ALLOC_COSTLY_ORDER)
        where = f"slab cache {name}"
        yield _part(
            (Pattern.KERNEL,), series, where, "slabinfo", "sudo slabtop -s c", 8 * PAGE_BYTES
        )


def _line(name: str) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        if sample.meminfo is None:
            return None
        try:
            zones = zoneinfo.read(sample.host)
        except (Denied, Gone, Unsupported):
            zones = None
        value = machine_ledger(sample.meminfo, sample.vmstat, zoneinfo=zones).parts.get(name)
        return None if value is None else float(value)

    return get


def _nearest(found: list[Rising]) -> list[Rising]:
    """Of the whole of the slabs and its caches the caches are told; queues lie in slabs too."""
    inside = sum(
        one.trend.growth
        for one in found
        if one.part.account.source in ("slabinfo", "sysvipc/msg cbytes")
    )
    kept = []
    for one in found:
        whole = one.part.account.where.endswith("slab, not reclaimable")
        if not one.part.reclaimable and not (whole and 2 * inside >= one.trend.growth):
            kept.append(one)
    return sorted(kept, key=lambda one: one.trend.rate, reverse=True)


def _attribution(recording: Recording) -> Attribution | None:
    """The fall of MemAvailable, among processes, mounts and lines that do not overlap; the residual is the rest."""
    available = recording.series("meminfo.mem_available")
    if len(available) < 2:
        return None
    processes = {
        p.account.where: (p.account.series.growth, p.account.source) for p in _processes(recording)
    }
    mounts = {p.account.where: (p.account.series.growth, "statvfs") for p in _mounts(recording)}
    segments = recording.collect("segments", _segments).growth
    shmem = recording.series("meminfo.shmem").growth
    other = shmem - segments - sum(growth for growth, _ in mounts.values())
    rows = {**mounts, "System V segments": (segments, "sysvipc/shm rss + swap")}
    rows["other shared memory"] = (other, "meminfo Shmem, the rest")
    for name in _KERNEL_LINES:
        if name != "unexplained":
            growth = recording.collect(name, _line(name)).growth
            rows[f"the kernel's {name}"] = (growth, f"meminfo ledger: {name}")
    largest = sorted(processes, key=lambda where: -abs(processes[where][0]))
    rest = sum(processes[where][0] for where in largest[_SHOWN:])
    shown = {where: processes[where] for where in largest[:_SHOWN]} | rows
    shown["all other processes"] = (rest, "statm resident - shared")
    shares = [
        Share(where, round(growth), source) for where, (growth, source) in shown.items() if growth
    ]
    shares.sort(key=lambda share: -abs(share.bytes))
    return Attribution("fall of MemAvailable (meminfo)", round(-available.growth), tuple(shares))


def _not_seen(recording: Recording) -> tuple[str, ...]:
    if any("/proc/slabinfo" in sample.texts.files for sample in recording):
        return ()
    return ("/proc/slabinfo is for root only: it would tell which slab cache grows; run with sudo",)
