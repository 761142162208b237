"""Caps hold to within one unit on the basis that they state: by the ledger, and by the kernel's meters.

Each leaker runs into its cap by itself, in its box; the cap is half a unit more than whole units,
so that an event of several units must stop in its middle.
"""

import pytest

from memlab.errors import Unsupported
from memlab.lab import meters
from memlab.lab.experiment import start
from memlab.lab.registry import get, leakers
from memlab.units import PAGE_BYTES

pytestmark = pytest.mark.live

UNITS, AN_EVENT = 10, 4


def cases():
    """Every leaker in every language, on every basis that it takes."""
    for name, leaker in leakers().items():
        if leaker.is_lookalike:
            continue
        bases = {"share": ("resident", "virtual"), "wholly": ("resident", "virtual")}
        for lang in leaker.languages:
            for basis in bases.get(leaker.touch, (leaker.cap_basis,)):
                yield name, lang, basis


def look(run):
    try:
        return meters.read(run)
    except Unsupported as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize(("name", "lang", "basis"), list(cases()))
def test_a_cap_holds_to_within_one_unit(name, lang, basis):
    leaker = get(name)
    share = 0.5 if leaker.touch == "share" else None
    chunk = leaker.chunk_bytes or 1
    each = int(chunk * (share or 1)) if basis == "resident" else chunk
    cap = UNITS * each + each // 2
    with start(
        name, lang, paused=True, cap=cap, cap_basis=basis, touch=share, step=AN_EVENT, rate="200/s"
    ) as run:  # fmt: skip
        said_before = run.step(1)
        if run.holding == "refused":
            pytest.skip(f"{name} needs {leaker.needs}")
        before = look(run)
        run.resume()
        run.wait(lambda: run.holding)
        said = run.ledger[-1]
        assert run.holding == "cap"
        assert said["leaked_units"] == said["count"] == UNITS
        counted = {"virtual": "leaked_bytes", "resident": "touched_bytes", "count": "leaked_units"}
        assert cap - each < said[counted[basis]] <= cap
        for entry in meters.account(run, before, said_before, look(run), said):
            # a page is touched as a whole, and a block does not begin with a page
            pages = UNITS * PAGE_BYTES if share else 0
            assert abs(entry.residual) <= entry.bound + pages, entry
        assert run.step(3)["leaked_units"] == UNITS, "and it stays so"
        assert run.alive
