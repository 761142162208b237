"""The leaker's ledger against the kernel: what it says it leaked is what /proc shows, within a derived bound.

Leakers are stepped by count, so nothing here depends on how fast this machine is.
"""

import os
from pathlib import Path

import pytest

from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.model.memory import RegionKind
from memlab.observe.sampler import Sampler

pytestmark = pytest.mark.live

KIB, PAGE = 1024, 4096
# malloc asks brk for its need plus M_TOP_PAD (128 KiB), rounded to a page; what was asked for and is
# not yet used is mapped but untouched. The harness's own JSON, stdio and interpreter objects share the
# heap with the leak and settle within that pad; Python's allocator adds its smallest arena, 1 MiB,
# when its pools run over.
TOP_PAD = 128 * KIB
PYMALLOC_ARENA = 1024 * KIB


def kernel_view(experiment):
    """What the kernel holds of this leaker, in the basis of its manifest entry."""
    sample = Sampler(experiment.pid, budget=1.0).take(must=True)
    regions = sample.regions
    if experiment.leaker.name == "tmpfs":
        folder = Path("/proc") / str(experiment.pid) / "fd"
        files = {os.stat(fd).st_ino: os.stat(fd).st_blocks * 512 for fd in folder.iterdir()
                 if os.readlink(fd).startswith("/dev/shm/")}  # fmt: skip
        return sum(files.values())
    if experiment.leaker.name == "thread-stack":
        return regions.virtual_by_kind[RegionKind.THREAD_STACK]
    kind = {"heap": RegionKind.HEAP, "anonymous": RegionKind.PLAIN_ANONYMOUS}[
        experiment.leaker.name
    ]
    return regions.footprint_by_kind[kind]


def bound(leaker, lang, units):
    """How far the kernel may be from the ledger, by mechanics alone."""
    if leaker.name in ("tmpfs", "thread-stack"):
        return 0  # chunks are whole pages; a stack and its guard are exact
    own = PYMALLOC_ARENA if lang == "python" else 0
    if leaker.name == "heap":
        # a malloc header of 16 bytes a block (and a bytearray's object), the pad, a page at each end
        return units * leaker.overhead_bytes + TOP_PAD + 2 * PAGE + own
    return 2 * PAGE + own


CASES = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]


@pytest.mark.parametrize(("name", "lang"), CASES)
@pytest.mark.parametrize("units", [1, 40])
def test_the_kernel_and_the_ledger_agree(name, lang, units):
    with start(name, lang, paused=True, cap="1GiB" if name == "thread-stack" else "64MiB") as run:
        run.step(3)  # what a first event brings with it is no leak: buffers, a grown interpreter
        before, said = kernel_view(run), run.ledger[-1]["leaked_bytes"]
        run.step(units)
        leaked = run.ledger[-1]["leaked_bytes"] - said
        if name == "thread-stack":
            leaked += units * run.leaker.overhead_bytes  # the guard of each
        assert leaked >= units * run.leaker.chunk_bytes
        residual = kernel_view(run) - before - leaked
        assert abs(residual) <= bound(run.leaker, lang, units)


@pytest.mark.parametrize(("name", "lang"), CASES)
def test_its_control_does_the_same_traffic_and_keeps_nothing(name, lang):
    with start(name, lang, paused=True, control=True) as run:
        run.step(3)
        before = kernel_view(run)
        after = run.step(40)
        assert (after["leaked_bytes"], after["count"]) == (0, 43)
        # freed memory below the trim threshold (M_TRIM_THRESHOLD, 128 KiB) stays in the heap; glibc
        # keeps one joined stack in its cache
        kept = {"heap": 2 * TOP_PAD, "thread-stack": run.leaker.chunk_bytes + PAGE}.get(name, 0)
        kept += PYMALLOC_ARENA if lang == "python" and name != "tmpfs" else 0
        assert abs(kernel_view(run) - before) <= kept


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


@pytest.mark.parametrize("lang", ["c", "python"])
def test_a_touched_share_is_what_becomes_resident(lang):
    with start("anonymous", lang, paused=True, touch=0.25, cap="64MiB") as run:
        run.step(2)
        before = kernel_view(run)
        run.step(16)
        grown = kernel_view(run) - before
        assert run.ledger[-1]["touched_bytes"] == 18 * 256 * KIB
        assert abs(grown - 16 * 256 * KIB) <= bound(run.leaker, lang, 16)
