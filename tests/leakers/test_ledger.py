"""The leaker's ledger against the kernel: what it says it leaked is what the kernel shows, within a derived bound.

Every leaker in every language, at two rates and as its control. A leak ends after a number of
events, so nothing here depends on how fast this machine is.
"""

import contextlib
import subprocess
import sys

import pytest

from memlab.errors import Unsupported
from memlab.lab import meters
from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.observe.sampler import Sampler
from tests.waiting import until

pytestmark = pytest.mark.live

KIB, PAGE = 1024, 4096
# what a first event brings with it is no leak: buffers, a grown interpreter, a first arena
WARM_UP, EVENTS = 3, 40
CASES = [
    (name, lang)
    for name, leaker in leakers().items()
    for lang in leaker.languages
    if not leaker.is_lookalike
]
LOOK_ALIKES = [
    (name, lang)
    for name, leaker in leakers().items()
    for lang in leaker.languages
    if leaker.is_lookalike and name != "batch"  # it ends at its cap, see below
]


def look(run):
    """What the kernel shows of it; a test that needs what is not here is skipped by name."""
    try:
        return meters.read(run)
    except Unsupported as missing:
        pytest.skip(str(missing))


def warmed_up(run):
    """The meters and the ledger after a few events."""
    said = run.step(WARM_UP)
    if run.holding == "refused":
        pytest.skip(f"{run.leaker.name} needs {run.leaker.needs}")
    return look(run), said


def assert_it_adds_up(run, before, said_before, said):
    """The kernel frees some things only when every CPU has passed by (RCU, as maps of BPF): so it is asked again."""

    def off():
        entries = meters.account(run, before, said_before, look(run), said)
        return [entry for entry in entries if not entry.holds]

    with contextlib.suppress(AssertionError):
        until(lambda: not off(), seconds=5)
    for entry in off():
        raise AssertionError(
            f"{entry.meter}: residual {entry.residual}, bound {entry.bound}: {entry}"
        )


def thing(run):
    """The bytes of one event by the ledger."""
    return (run.ready or {})["chunk_bytes"]


@pytest.mark.parametrize(("name", "lang"), CASES)
@pytest.mark.parametrize("rate", ["400/s", "50/s"])
def test_the_kernel_and_the_ledger_agree(name, lang, rate):
    with start(name, lang, paused=True, rate=rate, count=WARM_UP + EVENTS, **roomy(name)) as run:
        before, said = warmed_up(run)
        run.resume()
        run.wait(lambda: run.holding)
        assert run.holding == "count"
        assert run.ledger[-1]["count"] == WARM_UP + EVENTS
        assert run.ledger[-1]["leaked_bytes"] - said["leaked_bytes"] == EVENTS * thing(run)
        assert_it_adds_up(run, before, said, run.ledger[-1])


def roomy(name):
    """A cap with room for the events, where the default has not."""
    return {"cap": "2GiB"} if name == "address-space" else {}


@pytest.mark.parametrize(("name", "lang"), CASES)
def test_its_control_does_the_same_traffic_and_keeps_nothing(name, lang):
    with start(name, lang, paused=True, control=True, **roomy(name)) as run:
        before, said_before = warmed_up(run)
        said = run.step(EVENTS)
        assert (said["leaked_bytes"], said["count"]) == (0, WARM_UP + EVENTS)
        assert_it_adds_up(run, before, said_before, said)


@pytest.mark.parametrize(("name", "lang"), LOOK_ALIKES)
def test_a_look_alike_holds_no_more_than_its_cap(name, lang):
    """Stepped well beyond its cap; what it holds is bounded, by address space and by memory."""
    events = {"burst": 10, "thread-pool": 40, "negative-dentries": 2000}.get(name)
    with start(name, lang, paused=True) as run:
        chunk, cap = run.leaker.chunk_bytes, run.leaker.cap_bytes
        before = footprint(run)
        said = run.step(events or 3 * cap // chunk)
        assert said["leaked_bytes"] == 0
        grown = footprint(run) - before
        run.step(events or cap // chunk)
        again = footprint(run) - before
    # the table of a cache, malloc's headers and pads, an arena of pymalloc
    assert max(grown, again) <= cap + cap // 100 + 2 * 1024 * KIB


def footprint(run):
    return sum(Sampler(run.pid).take(must=True).regions.footprint_by_kind.values())


def test_a_batch_job_ends_when_it_is_done():
    with start("batch", paused=True, cap="1MiB") as run:
        run.step(16)
        run._send("step 1")
        run.wait(lambda: not run.alive or any(e.get("reason") == "done" for e in run.events))


@pytest.mark.parametrize("lang", ["c", "python"])
def test_a_forgotten_thread_costs_10244_kb_of_address_space_and_hardly_any_memory(lang):
    with start("thread-stack", lang, paused=True, stack_size="10240KiB") as run:
        run.step(1)
        before = Sampler(run.pid).take(must=True)
        run.step(8)
        after = Sampler(run.pid).take(must=True)
    assert after.stat.vsize - before.stat.vsize == 8 * 10244 * KIB
    assert after.stat.num_threads == before.stat.num_threads == 1
    # two to twenty pages a stack were seen; the whole would be 2,560
    assert after.smaps.total("rss") - before.smaps.total("rss") < 8 * 80 * KIB


@pytest.mark.parametrize(
    ("name", "lang"), [case for case in CASES if leakers()[case[0]].touch == "share"]
)
def test_a_touched_share_is_what_becomes_resident(name, lang):
    chunk = {"main-stack": "64KiB", "heap": "64KiB", "arena": "64KiB"}.get(name)
    with start(name, lang, paused=True, touch=0.25, chunk=chunk) as run:
        before, said_before = warmed_up(run)
        said = run.step(64)
        assert said["touched_bytes"] * 4 == said["leaked_bytes"]
        for entry in meters.account(run, before, said_before, look(run), said):
            # a page is touched as a whole, and a block does not begin with a page
            assert abs(entry.residual) <= entry.bound + 64 * PAGE, entry


@pytest.mark.parametrize(("name", "lang"), CASES)
def test_what_drifts_is_what_the_ledger_says(name, lang):
    """A sawtooth that has fallen: a tenth is left, in the ledger and in the kernel."""
    shape = {"profile": "sawtooth-with-drift", "period": 0.5, "rate": "1/h"}
    with start(name, lang, paused=True, **shape, **roomy(name)) as run:
        before, said_before = warmed_up(run)
        run.step(37)
        run.resume()  # the tooth falls within a period, and the next event is far
        run.wait(lambda: run.ledger[-1]["leaked_units"] == 4)
        said = run.ledger[-1]
        assert said["leaked_bytes"] == 4 * thing(run)
        for entry in meters.account(run, before, said_before, look(run), said):
            slack = 40 * run.leaker.slack_bytes
            assert abs(entry.residual) <= entry.bound + (
                0 if entry.meter in meters.COUNTS else slack + kept_by_allocator(run)
            ), entry


def test_a_cut_ring_takes_no_other_with_it():
    """What a collection would not do: of all that nobody can reach, only the newest goes."""
    program = """
import anonymous_cycles as leaker
from types import SimpleNamespace
for _ in range(3):
    leaker.leak(SimpleNamespace(chunk=65536))
first, second, third = leaker.rings
leaker.give_back()
print(first() is not None, second() is not None, third() is not None)
"""
    folder = leakers()["anonymous-cycles"].path("python").parent
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["True", "True", "False"]


def kept_by_allocator(run):
    """malloc trims from 128 KiB on, and an arena's top by as much; pymalloc gives an arena back
    when nothing of it is in use; a stack never shrinks; glibc keeps 40 MiB of stacks for the
    next thread (nptl/allocatestack.c, stack_cache_maxsize).
    """
    if run.leaker.pattern == "thread-stack":
        return 40 * 1024 * KIB
    keeps = run.leaker.pattern in ("heap", "arena", "main-stack") or run.leaker.slack_bytes
    return 40 * thing(run) if keeps else 256 * KIB
