"""Running memlab-capture in the shells that it is for."""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

from memlab.observe.capture import SCRIPT
from tests.signals import heed_signals
from tests.waiting import until

SHELLS = ("dash", "busybox", "bash")
# enough for a reading at every tick: what the default spares is tested by itself
GENEROUS = ("--budget", "60%", "--interval", "0.2")


def argv(shell, *words, script=SCRIPT):
    """One shell's command line."""
    program = shutil.which(shell)
    return [program, *(["sh"] if shell == "busybox" else []), str(script), *map(str, words)]


def capture(shell, *words, cwd, script=SCRIPT, **how):
    """Run it to its end; how it ended, with stdout and stderr."""
    return subprocess.run(
        argv(shell, *words, script=script),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        **how,
    )


@contextmanager
def capturing(shell, *words, cwd):
    """A capture under way; killed in the end if it is still there."""
    running = subprocess.Popen(
        argv(shell, *words),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.kill()
        running.communicate()


def instants(folder):
    """How many whole ones lie there now."""
    return len(list(Path(folder).glob("*/instant.json")))


def under_way(folder, count=1):
    """Wait until so many instants are written."""
    until(lambda: instants(folder) >= count)


def is_alive(pid):
    """Whether it runs, and no zombie."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def only_busybox(folder):
    """An environment whose programs are busybox's, as in a small container."""
    programs = Path(folder) / "applets"
    programs.mkdir()
    busybox = shutil.which("busybox")
    for applet in subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        with suppress(FileExistsError):
            os.symlink(busybox, programs / applet)
    return {"PATH": str(programs), "HOME": str(folder)}
