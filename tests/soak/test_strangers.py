"""Every stranger of this machine, judged for a minute each: `make soak`."""

from __future__ import annotations

import pytest

from memlab.lab.strangers import install
from memlab.lab.strangers.cases import Case, cases
from memlab.lab.strangers.run import Plan, run_one

pytestmark = [pytest.mark.soak, pytest.mark.live]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_stranger_is_judged_right(case: Case) -> None:
    if install.missing(case):
        pytest.skip(str(install.missing(case)))
    found = run_one(case, Plan(60.0, 1))
    assert found.mark(case) in ("right", "apart"), found.failed or found.why
