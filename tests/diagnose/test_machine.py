"""Who eats the machine, of series whose truth is known: what is only born does not come before what grows."""

import numpy as np

from memlab.diagnose.machine import diagnose_machine
from memlab.model.diagnosis import Verdict
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs.host import InstantTexts

MIB = 1 << 20
MEMINFO = "MemTotal: 8000000 kB\nMemFree: 6000000 kB\nMemAvailable: {free} kB\n"


def sample(n):
    text = MEMINFO.format(free=6_000_000 - 4000 * n).encode()
    return Sample(n, 1, n / 2, n / 2, 0.0, 0.0, InstantTexts({"/proc/meminfo": text}, []))


def machine(**rates):
    """Twenty seconds; of each process its rate in MiB/s, and since when it is there (0: from before)."""
    given = {}
    for n, (name, (rate, since)) in enumerate(rates.items()):
        times = np.arange(since, 20.0, 0.2)
        values = MIB * (5 + rate * (times - since))
        title = f"{100 + n} {name}"
        given[title] = Series(title, times, values, "bytes", "statm resident - shared")
    header = Header(target={"machine": "made", "pid": 0}, host={"cpus": 2, "page_bytes": 4096})
    return Recording(header, tuple(map(sample, range(41))), given=given)


def test_what_was_born_is_named_beside_what_was_there_from_the_start():
    found = diagnose_machine(machine(leak=(1.0, 0.0), compiler=(50.0, 6.0), other=(2.0, 0.0)))
    assert found.verdict is Verdict.LEAK
    where = [finding.where.partition(" ")[0] for finding in found.findings]
    assert where == ["other", "leak"]
    assert found.why.startswith("other (pid 102)")
    assert (
        "started in this window, it grew too" in found.notes[0]
        and "compiler (pid 101)" in found.notes[0]
    )


def test_what_only_was_born_is_no_leak_yet():
    found = diagnose_machine(machine(compiler=(50.0, 6.0), idle=(0.0, 0.0)))
    assert (found.verdict, found.findings) == (Verdict.UNDECIDED, ())
    assert "setting up looks the same" in found.why and "memlab diagnose 100" in found.decide


def test_all_that_a_born_process_has_is_its_share():
    found = diagnose_machine(machine(compiler=(50.0, 6.0), leak=(1.0, 0.0)))
    (share,) = [one for one in found.attribution.shares if "started meanwhile" in one.label]
    assert share.bytes == round(MIB * (5 + 50 * 13.8))
