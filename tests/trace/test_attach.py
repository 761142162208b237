"""Where attaching is refused: who refuses, and what would help."""

import os
import subprocess

import pytest

from memlab.errors import Unsupported
from memlab.procfs.host import Host
from memlab.trace import attach, heaptrack
from tests.waiting import until


@pytest.mark.parametrize(
    ("me", "scope", "words"),
    [
        (1000, None, "of user root: run as that user, or as root"),
        (0, None, "--cap-add=SYS_PTRACE"),
        (0, "3", "no process may be traced until the next boot"),
    ],
)
def test_each_refusal_has_its_remedy(tmp_path, monkeypatch, me, scope, words):
    monkeypatch.setattr(os, "geteuid", lambda: me)
    if scope is not None:
        folder = tmp_path / "proc/sys/kernel/yama"
        folder.mkdir(parents=True)
        (folder / "ptrace_scope").write_text(scope + "\n")
    said = str(attach._why_denied(0, 42, Host(tmp_path)))
    assert said.startswith("memlab may not attach to process 42")
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize("scope", ["1", "2"])
def test_yama_is_named_with_its_setting(tmp_path, monkeypatch, scope):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = tmp_path / "proc/sys/kernel/yama"
    folder.mkdir(parents=True)
    (folder / "ptrace_scope").write_text(scope + "\n")
    said = str(attach._why_denied(1000, 42, Host(tmp_path)))
    assert f"kernel.yama.ptrace_scope is {scope}" in said
    assert "sudo sysctl kernel.yama.ptrace_scope=0" in said


def test_a_tool_that_is_missing_is_named_with_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unsupported, match="strace is not here: apt-get install strace"):
        attach.program("strace", "strace")


@pytest.mark.live
@pytest.mark.needs("unshare", "heaptrack", "gdb")
@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of its own needs root")
def test_a_process_in_a_container_is_said_to_see_other_files():
    process = subprocess.Popen(["unshare", "-m", "sleep", "60"])
    try:
        ours = os.readlink("/proc/self/ns/mnt")
        until(lambda: os.readlink(f"/proc/{process.pid}/ns/mnt") != ours)
        until(lambda: os.readlink(f"/proc/{process.pid}/exe").endswith("/sleep"))
        with pytest.raises(Unsupported, match=r"sees other files.*run memlab in that container"):
            heaptrack.why_not(process.pid)
    finally:
        process.kill()
        process.wait()
