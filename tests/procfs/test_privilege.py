"""Who was refused is told what would help him: root, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.procfs.privilege import needed

PACKAGE = str(Path(memlab.__file__).parent.parent)


@pytest.mark.skipif(os.getuid() == 0, reason="is about an ordinary user")
def test_a_user_is_told_to_be_root():
    assert needed("CAP_SYSLOG") == "run as root (CAP_SYSLOG)"


@pytest.mark.live
@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to take a capability from it")
def test_root_is_told_what_it_lacks_and_never_to_run_as_root():
    other = subprocess.Popen(["sleep", "100"], user=65534, group=65534, extra_groups=[])
    # a kernel may let these two read maps and smaps as well (kernel/fork.c, may_access_mm)
    lost = "-sys_ptrace,-perfmon,-sys_admin"
    fewer = ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}", sys.executable]
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    told = {}
    try:
        for words in (["owners"], ["pmap", other.pid], ["diagnose", other.pid, "--seconds", "0.2"]):
            command = [*fewer, "-m", "memlab.cli.main", *map(str, words)]
            told[words[0]] = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=60, env=environment
            )
    finally:
        other.kill()
        other.wait()
    for done in told.values():
        assert "this root lacks CAP_SYS_PTRACE" in done.stdout + done.stderr, done
        assert "run as" not in done.stdout + done.stderr
