"""Texts of different processes never mix; a log of many says which one was judged."""

from pathlib import Path

import pytest

from memlab.cli.main import main
from memlab.diagnose import diagnose
from memlab.errors import Refused
from memlab.observe.pasted import open_pasted

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
TOOLS = CAPTURES / "tools"
PIDSTAT, SMAPS, PMAP = (
    str(CAPTURES / name)
    for name in ("app_server.pidstat.txt", "app_server.smaps.txt", "sshd.pmap.txt")
)


def tool(name):
    return str(TOOLS / f"{name}.txt")


@pytest.mark.parametrize("paths", [(PMAP, PIDSTAT), (PIDSTAT, PMAP), (PMAP, tool("smaps"))])
def test_texts_of_different_programs_are_refused_in_one_line(paths, capfd):
    assert main(["diagnose", *paths]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "different programs" in line and "sshd" in line


def test_a_script_that_maps_its_interpreter_is_joined_by_its_pid():
    found = open_pasted([PMAP, PIDSTAT], 31108)
    assert found.header.target == {"pid": 31108, "comm": "app_server"}
    assert f"{PMAP}: no pid stands in it" in " ".join(found.sources)


def test_what_does_not_name_its_process_is_combined_and_said():
    sources = " ".join(open_pasted([PIDSTAT, SMAPS]).sources)
    assert f"{SMAPS}: no pid stands in it" in sources
    assert f"{PIDSTAT}: no pid" not in sources


@pytest.mark.parametrize("name", ["smaps", "maps", "pmap", "pmap-x", "pmap-X", "status"])
@pytest.mark.parametrize("log", ["pidstat-r", "top-b"])
def test_all_that_is_of_one_process_is_combined(name, log):
    assert diagnose(open_pasted([tool(name), tool(log)])).target["pid"] == 12333


def of_two(tmp_path, name, factor):
    """The real log, and beside each line one of another process, whose memory is `factor` times as large."""
    lines = []
    for line in Path(tool(name)).read_text().splitlines():
        lines.append(line)
        words = line.split()
        if "12333" in words:
            for at in (5, 6) if name.startswith("pidstat") else (4, 5):
                words[at] = str(int(words[at]) * factor)
            lines.append(" ".join(words).replace("12333", "4711").replace("thread-st", "other-st"))
    path = tmp_path / "log.txt"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("name", ["pidstat-r", "top-b"])
def test_a_log_of_two_says_which_was_taken_why_and_which_else_grew(tmp_path, name):
    log = of_two(tmp_path, name, 3)
    found = open_pasted([log])
    assert found.header.pid == 4711
    assert "of 2 processes taken because" in found.sources[0]
    assert "also grew: thread-st" in found.sources[0] and "(pid 12333)" in found.sources[0]


@pytest.mark.parametrize("name", ["pidstat-r", "top-b"])
def test_the_pid_that_was_asked_for_is_not_said_to_have_grown_most(tmp_path, name):
    found = open_pasted([of_two(tmp_path, name, 3)], 12333)
    assert found.header.pid == 12333
    assert "most" not in found.sources[0] and "asked for" in found.sources[0]


def test_of_a_log_of_two_the_process_of_the_other_texts_is_taken(tmp_path):
    log = of_two(tmp_path, "pidstat-r", 3)
    for paths in ([log, tool("status")], [tool("status"), log]):
        assert open_pasted(paths).header.pid == 12333


def test_a_pid_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(Refused, match=r"no pid 7 in it: there is app_server \(pid 31108\)"):
        open_pasted([PIDSTAT], 7)
    with pytest.raises(Refused, match=r"thread-stack \(pid 12333\), not of pid 7"):
        open_pasted([tool("status")], 7)
