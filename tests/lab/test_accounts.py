"""Where a leak shows: the places that a chapter compares are the places of the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.lab.accounts import COUNTED, PLACES, Trace, account, accounts_text, trace
from memlab.units import MIB

pytestmark = [pytest.mark.live, pytest.mark.needs("gcc")]


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("heap", {"VmSize", "RssAnon"}),
        ("private-file", {"VmSize", "RssFile"}),
        ("private-file-copied", {"VmSize", "RssAnon"}),
        ("shm-detached", {"ipcs -m"}),
        ("memfd-descriptor", {"/proc/PID/fd"}),
        ("memfd-parked", set()),
        ("page-table", {"VmSize", "VmPTE"}),
        ("process-zombies", {"children"}),
        ("address-space", {"VmSize"}),
    ],
)
def test_a_leak_shows_where_the_kernel_counts_it_and_nowhere_else(
    name: str, shows: set[str]
) -> None:
    seen = trace(name)
    assert not seen.missing
    found = {place for place in PLACES if seen.share(place)}
    assert found - {"its cgroup"} == shows


def test_a_place_below_an_eighth_of_the_leak_is_noise_and_one_that_cannot_be_read_is_unknown() -> (
    None
):
    seen = Trace("heap", 8 * MIB, {"RssAnon": MIB - 1, "VmSize": MIB, "its cgroup": None})
    assert [seen.text(place) for place in seen.moved] == ["", "1 MiB", "?"]
    assert {seen.share(place) for place in COUNTED} == {0.0}


def test_the_account_of_a_chapter_is_the_account_of_the_tests() -> None:
    [entry] = account("heap")
    assert entry.expected == 8 * 64 * 1024 and entry.holds
    head, first, second, last = accounts_text(["heap", "fd-pipes", "heap (cobol)"]).splitlines()
    assert head.split()[0] == "leaker"
    assert first.split()[-3] == "524,288" and second.split()[-3:] == ["16", "16", "0"]
    assert "'cobol'" in last


@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take BPF away from somebody")
def test_a_leak_that_the_kernel_refuses_says_which_privilege_is_missing() -> None:
    if Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text().strip() == "0":
        pytest.skip("anybody may make BPF maps here")
    code = "from memlab.lab.accounts import trace; print(trace('kernel-bpf').missing)"
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", code],
        capture_output=True,
        text=True,
    )
    assert "CAP_BPF" in done.stdout, done.stderr
