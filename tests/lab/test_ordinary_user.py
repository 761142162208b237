"""As an ordinary user everything works that needs no privilege; the rest says in one line what is missing."""

import json
import os
import re
import shutil
import tempfile

import pytest

from memlab.lab.registry import get, leakers
from tests.lab.ordinary import NOBODY, as_nobody, as_root, run_as_nobody
from tests.lab.private import in_own_shm
from tests.lab.remains import gone

pytestmark = [pytest.mark.live, as_root]

BANK = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]

# for each leaker of the bank one line: the account of a few units, or what is missing
EACH = """
import json, sys
from memlab.errors import MemlabError
from memlab.lab import meters
from memlab.lab.experiment import start
for name, lang in json.loads(sys.argv[1]):
    found = {"name": name, "lang": lang}
    try:
        with start(name, lang, paused=True) as run:
            said_before = run.step(3)
            found["count"] = said_before["count"]
            found["cgroup"] = run.box["cgroup"]
            found["refused"] = run.holding == "refused"
            if not run.leaker.is_lookalike and not found["refused"]:
                before = meters.read(run)
                said = run.step(6)
                entries = meters.account(run, before, said_before, meters.read(run), said)
                found["wrong"] = [str(entry) for entry in entries if not entry.holds]
    except MemlabError as error:
        found["error"] = str(error)
    print(json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def home():
    """A home that such a user can reach: pytest's own folders are closed to others."""
    folder = tempfile.mkdtemp(prefix="memlab-test-home-")
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bank(home):
    """By name and language, what an ordinary user met."""
    said = run_as_nobody("-c", EACH, json.dumps(BANK), home=home)
    assert said.returncode == 0, said.stderr
    found = map(json.loads, said.stdout.splitlines())
    return {(one["name"], one["lang"]): one for one in found}


@pytest.mark.parametrize(("name", "lang"), BANK)
def test_it_works_or_says_what_is_missing(bank, name, lang):
    found, leaker = bank[name, lang], get(name)
    assert found["cgroup"] is None, "such a user makes no groups here"
    if found["refused"]:
        assert leaker.needs.startswith("CAP_"), "without a privilege it must work"
        return
    assert found["count"] == 3
    if "error" in found:
        assert "cgroup usage" in leaker.moves
        assert re.fullmatch(
            f"only a memory cgroup of its own shows what {name} takes, .*: run as root: .*",
            found["error"],
        )
    else:
        assert not found.get("wrong")


def test_a_leaker_that_wants_a_privilege_names_it(home):
    done = run_as_nobody(
        "-m", "memlab.cli.main", "leak", "kernel-bpf", "--duration", "1", home=home
    )
    if not done.stderr:
        pytest.skip("here an ordinary user may make BPF maps")
    (line,) = done.stderr.splitlines()
    assert line == (
        "memlab leak: kernel-bpf is refused by the kernel (Operation not permitted): "
        "it needs CAP_BPF, or kernel.unprivileged_bpf_disabled=0"
    )


@in_own_shm
def test_such_a_user_sweeps_what_was_left(home):
    """Guard and supervisor are killed at once, and the segments stay until somebody sweeps."""
    lines = as_nobody(
        "import os, signal, subprocess, sys\n"
        "from memlab.lab.experiment import start\n"
        "memlab = [sys.executable, '-m', 'memlab.cli.main']\n"
        "run = start('shm', paused=True)\n"
        "run.step(2)\n"
        "guard = run._guard.pid\n"
        "supervisor = int(open(f'/proc/{guard}/task/{guard}/children').read())\n"
        "for number in (signal.SIGSTOP, signal.SIGKILL):\n"
        "    for pid in (guard, supervisor):\n"
        "        os.kill(pid, number)\n"
        "run._over_within(10)\n"
        "print(run.box['run'])\n"
        "print(subprocess.check_output([*memlab, 'sweep'], text=True))\n",
        home=home,
    )
    run_id, swept, *_ = lines
    segment = r"System V segment \d+ \(1 MiB\)"
    assert re.fullmatch(f"removed what run {run_id} of shm had left: {segment}, {segment}", swept)
    gone(run_id)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_whole_matrix_holds_for_such_a_user(home):
    words = ("tests/leakers", "tests/lab/test_caps.py", "-p", "no:cacheprovider", "-q", "-rs")
    done = run_as_nobody("-m", "pytest", *words, f"--basetemp={home}/tmp", home=home)
    assert done.returncode == 0, done.stdout[-5000:]
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert skipped
    assert all("a memory cgroup of its own" in line or "CAP_BPF" in line for line in skipped)
