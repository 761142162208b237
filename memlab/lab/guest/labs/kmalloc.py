"""Who gives back what: a module that leaks, a program that leaks beside it, rmmod, kill, and a reboot."""

from __future__ import annotations

from memlab.diagnose.machine import diagnose_machine
from memlab.lab.guest import guest
from memlab.lab.guest.driver import Guest
from memlab.lab.guest.labs.result import Result, table
from memlab.lab.guest.packages import Say
from memlab.model.sample import Sample
from memlab.present.guest import COLUMNS, lines_of
from memlab.procfs import vmallocinfo
from memlab.units import KIB, MIB, format_bytes

NEEDS_FULL = False
# a verdict wants floors that rise all the way, and slabs are many accounts at once: some twenty instants
STEPS = 24
PER_STEP = 128 * KIB
_SETTLED = 3  # instants after each change


def run(kernel: str, say: Say) -> Result:
    """One guest; a line of the table for each change."""
    moments: list[tuple[str, Sample]] = []
    with guest(kernel) as g:
        say(f"Linux {g.kernel.release} has booted in {g.boot_seconds:.1f} s")
        g.sample_every(0.3)
        first = _settle(g)
        moments.append(("before", first))
        kb = PER_STEP // KIB
        g.load("kleak", kmalloc_kb=kb, vmalloc_kb=kb, pages_kb=kb, times=0)
        cap = format_bytes(STEPS * PER_STEP).replace(" ", "")
        program = g.start(
            "/programs/anonymous", "--rate", "1MiB/s", "--chunk", "64KiB", "--cap", cap
        )
        for n in range(STEPS):
            g.step()
            g.next_sample()
            if n % 8 == 7:
                say(f"{n + 1} of {STEPS} steps")
        moments.append((f"{STEPS} steps later", last := _settle(g)))
        leaking = g.window(first.index, last.index - _SETTLED + 1)
        areas = _areas(last)
        g.sh(f"kill -9 {program}")
        g.stream.mark(event="killed", program="anonymous")
        moments.append(("the program is killed", _settle(g)))
        g.unload("kleak")
        moments.append(("rmmod kleak", _settle(g)))
        log = g.dmesg()
        say("rebooting")
        g.reboot()
        moments.append(("after a reboot", _settle(g)))
        recording = g.recording
    each = format_bytes(STEPS * PER_STEP)
    head = f"Linux {g.kernel.release}: kmalloc, vmalloc and alloc_pages leak {each} each, a program beside them too"
    verdict = diagnose_machine(leaking)
    lines = [
        head,
        "",
        *_table(moments),
        "* VmallocUsed without kernel stacks; `in no field` is MemTotal less all lines of memlab's ledger",
        "",
        f"{verdict.verdict}: {verdict.why}",
        *(f"  {one.where}: {format_bytes(one.bytes)} so far" for one in verdict.findings),
        *areas,
    ]
    return Result(tuple(lines), recording, log)


def _settle(g: Guest) -> Sample:
    for _ in range(_SETTLED):
        sample = g.next_sample()
    return sample


def _table(moments: list[tuple[str, Sample]]) -> list[str]:
    seen = [(name, lines_of(sample) or {}) for name, sample in moments]
    (name, base), *later = seen
    rows = [[name, *(f"{base[column] // KIB:,} kB" for column in COLUMNS)]]
    rows += [
        [name, *(f"{(now[column] - base[column]) / MIB:+.2f} MiB" for column in COLUMNS)]
        for name, now in later
    ]
    return table(["", *COLUMNS], rows)


def _areas(sample: Sample) -> list[str]:
    """Who asked for most of vmalloc's memory; of a module that is gone this would be an address only."""
    sums: dict[str, int] = {}
    for area in vmallocinfo.read(sample.host):
        if area.caller and area.bytes:
            sums[area.caller] = sums.get(area.caller, 0) + area.bytes
    top = sorted(sums.items(), key=lambda pair: -pair[1])[:3]
    return [
        "  vmallocinfo, by caller: " + ", ".join(f"{name} {format_bytes(n)}" for name, n in top)
    ]
