"""`memlab doctor` on this machine, on one without tools, and on one without /proc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.lab import machine, tools
from memlab.lab.tools import State
from memlab.procfs.host import Host

COMMAND = [sys.executable, "-m", "memlab.cli.main", "doctor"]


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], env={**os.environ, **environment}, capture_output=True, text=True
    )


def answers(*options: str, **environment: str) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in json.loads(doctor("--json", **environment).stdout)}


def test_it_says_what_this_machine_has() -> None:
    said = answers()
    assert said["own /proc"]["state"] == "ok"
    assert os.uname().release in str(said["kernel"]["found"])
    for tool in tools.TOOLS:
        here = any(os.path.exists(name) or tools.which(name) for name in tool.programs)
        assert said[tool.name]["state"] == ("ok" if here else "missing")


def test_what_is_not_ok_comes_with_what_to_do() -> None:
    for name, check in answers(PATH="/nonexistent").items():
        assert check["state"] in ("ok", "limited", "missing")
        assert check["state"] == "ok" or check["remedy"], name


def test_each_line_of_text_opens_with_its_state() -> None:
    done = doctor()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    firsts = [line.split()[0] for line in lines]
    assert set(firsts) <= {"ok", "limited", "missing", "->"}
    assert len([first for first in firsts if first != "->"]) == len(answers())


def test_without_programs_it_names_debians_packages() -> None:
    done = doctor("--packages", PATH="/nonexistent")
    named = done.stdout.split()
    mine = [tool for tool in tools.TOOLS if os.geteuid() == 0 or not tool.root]
    programs = {tool.package for tool in mine if not os.path.exists(tool.programs[0])}
    assert len(programs) >= len({tool.package for tool in mine}) - 1, "all but a header"
    assert programs < set(named)
    assert {"gcc", "libc6-dev"} < set(named)
    assert done.returncode == 0, "none of them is essential"


def test_a_compiler_that_cannot_link_is_missing(tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'fatal error: stdio.h: No such file' >&2\nexit 1\n")
    broken.chmod(0o755)
    said = answers(CC=str(broken))["compiler"]
    assert said["state"] == "missing"
    assert "stdio.h" in str(said["found"])


def test_its_control_group_is_gone_again() -> None:
    done = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL)
    assert done.wait(timeout=60) == 0
    assert list(Path("/sys/fs/cgroup").rglob(f"memlab-doctor-{done.pid}")) == []


def test_a_machine_without_proc_can_still_read_recordings(tmp_path: Path) -> None:
    found = {check.name: check for check in machine.checks(Host(tmp_path))}
    assert found["own /proc"].state is State.MISSING
    assert "recordings" in found["own /proc"].remedy
    assert all(check.remedy for check in found.values() if check.state is not State.OK)


def test_an_essential_part_that_is_missing_sets_the_exit_status(tmp_path: Path) -> None:
    # -S leaves site-packages out, so none of the libraries can be found
    root = str(Path(machine.__file__).parents[2])
    argv = [sys.executable, "-S", "-m", "memlab.cli.main", "doctor"]
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "missing  packages" in done.stdout


@pytest.mark.parametrize(
    ("text", "state"),
    [("0\n", State.OK), ("1\n", State.OK), ("2\n", State.LIMITED)],
)
def test_strict_overcommit_is_a_limit(tmp_path: Path, text: str, state: State) -> None:
    file = tmp_path / "proc/sys/vm/overcommit_memory"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert machine.overcommit(Host(tmp_path)).state is state


@pytest.mark.parametrize(
    ("uid", "scope", "state"),
    [
        (1000, "0", State.OK),
        (1000, "1", State.LIMITED),
        (0, "1", State.OK),
        (0, "3", State.LIMITED),
    ],
)
def test_yama_narrows_who_may_attach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, scope: str, state: State
) -> None:
    file = tmp_path / "proc/sys/kernel/yama/ptrace_scope"
    file.parent.mkdir(parents=True)
    file.write_text(scope + "\n")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert machine.ptrace(Host(tmp_path)).state is state


def test_always_on_huge_pages_are_pointed_out(tmp_path: Path) -> None:
    file = tmp_path / "sys/kernel/mm/transparent_hugepage/enabled"
    file.parent.mkdir(parents=True)
    file.write_text("[always] madvise never\n")
    assert machine.huge_pages(Host(tmp_path)).found == "always: one touched byte may take 2 MiB"
