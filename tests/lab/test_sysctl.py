"""A sysctl that is changed for a while comes back, whatever ends whoever changed it; nobody else's is touched.

Every test has a network namespace and a /dev/shm of its own: net.core.somaxconn is that namespace's alone, and no
setting of this machine is touched.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.errors import Refused
from memlab.lab.sysctl import changed

pytestmark = [pytest.mark.live, pytest.mark.needs("unshare")]

KEY = "net.core.somaxconn"
ROOT = Path(memlab.__file__).parent.parent
NOTE = f"memlab-sysctl-0-{KEY}"  # an ordinary user is root in there
READ = f"cat /proc/sys/{KEY.replace('.', '/')}"
SWEEP = f"{shlex.quote(sys.executable)} -m memlab.cli.main sweep"
HOLD = f"{shlex.quote(sys.executable)} {ROOT}/tests/lab/sysctl_holder.py {KEY}"
# a holder of 77 in the background, held; `exec 9>&-` ends it in good order, KILL does not
START = f"""
{READ}
mkfifo in; exec 9<>in
{HOLD} 77 < in > out 9>&- &
until grep -q held out; do kill -0 $!; sleep 0.02; done
{READ}
"""
END = "exec 9>&-; wait $!; tail -n 1 out\n"
KILL = "kill -9 $!; wait $! || true\n"


def inside(script, tmp_path):
    """The lines that a shell script prints where network and /dev/shm are its own, run as that place's root."""
    ways = ["-n", "-m"] if os.getuid() == 0 else ["-U", "-r", "-n", "-m"]
    done = subprocess.run(
        ["unshare", *ways, "sh", "-e", "-c", f"mount -t tmpfs -o mode=1777 none /dev/shm\n{script}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if "unshare: " in done.stderr or "mount: " in done.stderr:
        pytest.skip(f"needs namespaces of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def test_it_is_named_set_and_set_back(tmp_path):
    before, during, again, after = inside(f"{START}{END}{READ}; ls -A /dev/shm", tmp_path)
    assert before == after != during == "77"
    assert again == f"{KEY} is '{before}' again"
    assert (tmp_path / "out").read_text().splitlines()[0] == (
        f"{KEY} is set to '77', and back to '{before}' at the end (after a crash by memlab sweep)"
    )


def test_after_kill_9_a_sweep_sets_it_back(tmp_path):
    script = (
        f"{START}{KILL}{READ}\n{SWEEP} --dry-run\n{READ}\n{SWEEP}\n{READ}\n{SWEEP}\nls -A /dev/shm"
    )
    before, during, left, listed, still, swept, after, nothing = inside(script, tmp_path)
    assert during == left == still == "77"
    assert after == before != "77"
    assert listed == (
        f"would set {KEY} back to '{before}', which a run that was killed had changed"
    )
    assert swept == f"{KEY} is '{before}' again, which a run that was killed had changed"
    assert nothing == "nothing is left of any run"


def test_the_next_one_sets_it_back_first(tmp_path):
    """Else it would take the changed value for the one to go back to."""
    before, *_, after = inside(f"{START}{KILL}{HOLD} 78 < /dev/null\n{READ}", tmp_path)
    assert after == before


def test_while_it_is_held_a_sweep_leaves_it_and_nobody_else_gets_it(tmp_path):
    script = f"{START}{SWEEP}\n{HOLD} 78\n{READ}\n{END}{READ}"
    before, _, nothing, refused, still, _, after = inside(script, tmp_path)
    assert nothing == "nothing is left of any run"
    assert refused == f"Refused: {KEY} is held by another run: wait until that has ended"
    assert (still, after) == ("77", before)


@pytest.mark.parametrize("end", [END, f"{KILL}{SWEEP}\n"], ids=["orderly", "kill -9"])
def test_what_somebody_else_has_set_meanwhile_stays(tmp_path, end):
    script = f"{START}echo 99 > /proc/sys/{KEY.replace('.', '/')}\n{end}{READ}\nls -A /dev/shm"
    before, _, said, after = inside(script, tmp_path)
    assert said.startswith(f"{KEY} is left at '99': somebody else has set it, it was '{before}'")
    assert after == "99"


def test_a_value_that_the_kernel_does_not_take_changes_nothing(tmp_path):
    before, _, refused, after = inside(f"{READ}\n{HOLD} many\n{READ}\nls -A /dev/shm", tmp_path)
    assert refused == f"Unsupported: {KEY} cannot be set to 'many': Invalid argument"
    assert after == before


@pytest.mark.parametrize("key", ["net/core", "kernel..printk", "../kernel.printk", "printk", ""])
def test_what_is_no_name_of_a_sysctl_is_refused(key):
    with pytest.raises(Refused, match="is no sysctl"), changed(key, "1", print):
        pytest.fail("it was set")


def note(**changes):
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return json.dumps({"key": KEY, "before": "55", "during": "77", "boot": boot, **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (note(boot="of-another-day"), "nothing is left of any run"),
        (note(key="net.core.rmem_default"), "is no note of a sysctl, remove it by hand"),
        (note(key="../../etc.passwd"), "is no note of a sysctl, remove it by hand"),
        (note(before=55), "is no note of a sysctl, remove it by hand"),
        ("{", "is no note of a sysctl, remove it by hand"),
    ],
)
def test_a_note_that_does_not_fit_sets_nothing(tmp_path, text, says):
    (tmp_path / "note").write_text(text)
    script = (
        f"echo 77 > /proc/sys/{KEY.replace('.', '/')}\ncp note /dev/shm/{NOTE}\n{SWEEP}\n{READ}"
    )
    said, value = inside(script, tmp_path)
    assert said.endswith(says)
    assert value == "77"


def test_a_link_is_no_note(tmp_path):
    (tmp_path / "note").write_text(note())
    script = f"echo 77 > /proc/sys/{KEY.replace('.', '/')}\nln -s $PWD/note /dev/shm/{NOTE}\n{SWEEP}\n{READ}"
    assert inside(script, tmp_path) == ["nothing is left of any run", "77"]
