"""The commands as a person types them: output, exit status, and one clear line for what is wrong."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.cli.main import COMMANDS
from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.observe.files import open_recording
from memlab.present.pidstat import HEADER
from memlab.procfs import stat
from memlab.procfs.host import Host
from tests.lab.ordinary import as_root, run_as_nobody
from tests.signals import heed_signals
from tests.waiting import until

PACKAGE = str(Path(memlab.__file__).parent.parent)


def run(*words, timeout=60, **options):
    """`memlab …`, to its end."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    return subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", *map(str, words)],
        capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        env=environment, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def leaking():
    with start("heap", rate="1MiB/s", cap="300MiB") as experiment:
        yield experiment


def open_files(pid):
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(link))
    return found


def one_line(done, *says):
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in says:
        assert word in done.stderr


def test_every_command_explains_itself():
    listed = [line.split()[0] for line in run("--help").stdout.splitlines() if line.split()]
    for command in COMMANDS:
        assert command in listed
        helped = run(command, "--help")
        assert helped.returncode == 0
        assert helped.stdout.startswith("usage: memlab " + command)


def test_the_name_alone_lists_the_commands():
    alone = run()
    assert alone.returncode == 0
    assert alone.stdout == run("--help").stdout


def test_every_command_is_in_the_readme():
    readme = (Path(PACKAGE) / "README.md").read_text()
    for command in COMMANDS:
        assert f"memlab {command}" in readme


def test_the_readme_shows_the_columns_that_pidstat_prints():
    assert f"\n    {HEADER}\n" in (Path(PACKAGE) / "README.md").read_text()


@pytest.mark.parametrize("command", ["pidstat", "record", "diagnose"])
def test_a_pid_that_does_not_exist(command):
    one_line(run(command, 99999999), "no process 99999999")


@pytest.mark.parametrize("command", ["pidstat", "record"])
@pytest.mark.parametrize("pid", ["0", "-3", "abc", "1.5"])
def test_what_is_no_pid(command, pid):
    one_line(run(command, "--", pid), "pid")


def test_a_kernel_thread():
    if "(kthreadd)" not in Path("/proc/2/stat").read_text():
        pytest.skip("no kernel threads are visible here (a container)")
    one_line(run("diagnose", 2), "kernel thread", "/proc/meminfo")


def test_a_file_that_is_no_recording(tmp_path):
    other = tmp_path / "x.tar.gz"
    other.write_text("hello")
    one_line(run("diagnose", other), "is no recording")
    one_line(run("diagnose", tmp_path / "nope"), "there is no file")
    one_line(run("diagnose", tmp_path), "is no recording")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rate", "-1"], "rate"), (["--rate=-1"], "-1"), (["--rate", "0"], "more than zero"),
        (["--cap", "-5"], "cap"), (["--cap", "100TiB"], "choose a smaller --cap"), (["--count", "0"], "count"),
        (["--chunk", "1MiB"], "mappings of their own"), (["--lang", "rust"], "python"), (["--touch", "7"], "touch"),
    ],
)  # fmt: skip
def test_a_leak_that_makes_no_sense(words, says):
    one_line(run("leak", "heap", *words), says)


def test_an_unknown_leaker_and_an_unknown_command():
    one_line(run("leak", "heep"), "did you mean heap", "`memlab leakers` lists")
    one_line(run("diagnos", "1"), "did you mean diagnose?", "`memlab --help` lists")
    unlike = run("zzzz")
    one_line(unlike, "'zzzz'")
    assert "mean" not in unlike.stderr


@pytest.mark.live
def test_a_leaker_of_one_language_needs_no_lang():
    with start("anonymous-cache", paused=True) as leaker:
        assert leaker.lang == "python"
    done = run("leak", "anonymous-cache", "--paused", "--duration", "0.1")
    assert '"lang":"python"' in done.stdout


def test_leakers_lists_them_for_people_and_for_programs():
    listed = run("leakers").stdout
    described = json.loads(run("leakers", "--json").stdout)
    assert [leaker["name"] for leaker in described] == list(leakers())
    assert all(leaker["name"] in listed and leaker["summary"] in listed for leaker in described)


@pytest.mark.live
def test_leak_passes_the_leakers_lines_on_and_commands_in():
    process = subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", "leak", "anonymous", "--paused", "--cap", "16MiB"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip
    process.stdin.write("step 3\nstop\n")
    process.stdin.flush()
    events = [json.loads(line) for line in process.communicate(timeout=30)[0].splitlines()]
    kinds = [event["event"] for event in events]
    assert {"ready", "box", "ledger", "end", "exit"} <= set(kinds)
    assert next(event for event in events if event["event"] == "ledger")["count"] == 3
    assert process.returncode == 0


@pytest.mark.live
def test_ctrl_c_ends_a_leak_in_order():
    process = subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", "leak", "tmpfs", "--rate", "1/s"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE}, preexec_fn=heed_signals,
    )  # fmt: skip
    ready = {}
    while ready.get("event") != "ready":
        ready = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert '"event":"end"' in process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert not Path(f"/proc/{ready['pid']}").exists()


@pytest.mark.live
def test_pidstat_prints_a_report_an_interval(leaking):
    _, *lines, cost = run("pidstat", leaking.pid, "0.2", "3").stdout.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(
        r"# looking cost \d+\.\d\d s of CPU, \d+\.\d\d% of a core, for 4 instants", cost
    )
    assert all(line.split()[2] == str(leaking.pid) for line in lines)
    sizes = [int(line.split()[5]) for line in lines]
    assert sizes == sorted(sizes)


@pytest.mark.live
def test_children_are_judged_and_recorded_each(leaking, tmp_path):
    """The leaker is a child of its guard or supervisor, which do not leak."""
    parent = stat.read(Host(), leaking.pid).ppid
    found = json.loads(run("diagnose", parent, "--tree", "--json", "--seconds", "8").stdout)
    whole, *members = found
    assert whole["target"]["tree"] is True
    assert (whole["verdict"], whole["target"]["pid"]) == ("leak", parent)
    assert [one["target"]["pid"] for one in members] == [leaking.pid]
    assert [one["findings"][0]["pattern"] for one in found] == ["heap", "heap"]
    done = run("record", parent, "--tree", "-o", tmp_path / "run.tar.gz", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert f"of pid {leaking.pid}" in done.stdout
    assert done.stdout.count("looking cost") == 1
    child = tmp_path / f"run-{leaking.pid}.tar.gz"
    assert run("diagnose", child).returncode == 0
    one_line(run("diagnose", child, "--tree"), "one process")


@pytest.mark.live
def test_record_then_diagnose_elsewhere(leaking, tmp_path):
    path = tmp_path / "run.tar.gz"
    recorded = run("record", leaking.pid, "-o", path, "--seconds", "8")
    assert recorded.returncode == 0, recorded.stderr
    said = re.search(r"(\d+) instants in .* its mappings in (\d+) of them\n", recorded.stdout)
    assert 2 <= int(said[2]) <= int(said[1])
    assert f"of a core, for {said[1]} instants" in recorded.stdout
    found = json.loads(run("diagnose", path, "--json").stdout)
    assert found["verdict"] == "leak"
    assert found["findings"][0]["pattern"] == "heap"
    assert run("diagnose", path).returncode == 0
    assert run("diagnose", path, "--fail-on-leak").returncode == 1
    again = run("record", leaking.pid, "-o", path)
    one_line(again, "exists already")
    assert again.stdout == ""

    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(path.read_bytes()[:-2000])
    judged = run("diagnose", cut)
    assert judged.returncode == 0
    assert "cut" in judged.stdout


@pytest.mark.live
def test_record_ends_in_order_with_ctrl_c_and_survives_kill_9(leaking, tmp_path):
    for number, kind in ((signal.SIGINT, "orderly"), (signal.SIGKILL, "killed")):
        path = tmp_path / f"{kind}.tar.gz"
        process = subprocess.Popen(
            [sys.executable, "-m", "memlab.cli.main", "record", str(leaking.pid), "-o", str(path)],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE}, preexec_fn=heed_signals,
        )  # fmt: skip
        until(lambda path=path: path.exists() and path.stat().st_size > 3000)
        process.send_signal(number)
        process.communicate(timeout=30)
        recording = open_recording(path)
        assert len(recording) > 2
        assert bool(recording.losses) == (kind == "killed")


@pytest.mark.live
def test_a_process_that_ends_while_it_is_watched_still_gets_its_verdict():
    process = subprocess.Popen(["sleep", "10"])
    done = run("diagnose", process.pid, "--seconds", "30", "--json")
    process.wait()
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["observed_seconds"] < 15
    assert any("ended" in note for note in found["notes"])


@pytest.mark.live
@pytest.mark.parametrize("family", [[], ["--tree"]], ids=["one", "children"])
def test_ctrl_c_gets_the_verdict_of_what_was_seen(family):
    target = subprocess.Popen(["sleep", "100"])
    process = subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", "diagnose", str(target.pid), "--seconds", "90", "--json", *family],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PACKAGE}, preexec_fn=heed_signals,
    )  # fmt: skip
    try:
        until(lambda: f"/proc/{target.pid}/statm" in open_files(process.pid))
        until(lambda: stat.read(Host(), process.pid).state == "S")  # the first instant is taken
        process.send_signal(signal.SIGINT)
        found = json.loads(process.communicate(timeout=30)[0])
    finally:
        process.kill()
        target.kill()
        target.wait()
    assert process.returncode == 0
    (found,) = found if family else [found]
    assert found["target"]["pid"] == target.pid
    assert found["observed_seconds"] < 80


@as_root
@pytest.mark.parametrize("command", ["diagnose", "explain", "mimic"])
def test_a_file_that_may_not_be_read_is_one_line(command, tmp_path):
    hidden = tmp_path / "hidden.txt"  # folders of tests are their owner's
    hidden.write_text("Size: 4 kB")
    one_line(run_as_nobody("-m", "memlab.cli.main", command, hidden), "hidden.txt")


@pytest.mark.live
@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_another_users_process_gets_a_verdict_from_what_is_readable():
    """In a forked child, for a Python below /root could not be started by that user."""
    with start("anonymous", rate="16/s", cap="190MiB") as experiment:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            from memlab.session import watch_and_diagnose

            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                said = watch_and_diagnose(experiment.pid, 5)[0].to_json()
            except BaseException as error:
                said = repr(error)
            os.write(writing, json.dumps(said).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            found = json.loads(pipe.read())
        os.waitpid(child, 0)
    assert found["verdict"] == "leak", found
    assert found["findings"][0]["pattern"] is None
    assert "anonymous" in found["findings"][0]["candidates"]
    assert found["findings"][0]["next"] == f"sudo memlab diagnose {experiment.pid}"
    assert any("smaps was denied" in sentence for sentence in found["not_seen"])
    assert all("maps" not in s or "root" in s for s in found["not_seen"])


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("words", "where"),
    [("leakers", ">/dev/full"), ("meminfo", ">&-"), ("what Pss", ">&-"), ("--help", ">/dev/full"),
     ("diagnose $$ --seconds 0.2 --fail-on-leak", ">/dev/full"), ("pidstat $$ 0.1 1", ">/dev/full")],
)  # fmt: skip
def test_output_that_cannot_be_written_is_one_line_and_no_verdict(words, where, unbuffered):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m memlab.cli.main {words} {where}; exit $?"],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": PACKAGE, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert done.returncode == 3, done
    assert done.stderr.startswith("memlab: the output cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


def test_closed_input_and_closed_errors_are_no_accident():
    command = f"{sys.executable} -m memlab.cli.main what"
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    for words, status in (("<&-", 2), ("Pss <&- 2>&-", 0), ("VmRZS 2>&-", 2)):
        done = subprocess.run(
            ["bash", "-c", f"{command} {words}; exit $?"],
            capture_output=True, text=True, check=False, timeout=60, env=environment,
        )  # fmt: skip
        assert done.returncode == status, done
        assert bool(done.stdout) == (status == 0)


@pytest.mark.parametrize(
    "words", [["what", "---p"], ["pidstat", "1", "1", "1", "1"], ["meminfo", "x"]]
)
def test_an_argument_too_many_names_the_commands_own_help(words):
    one_line(run(*words), f"memlab {words[0]}: ", f"see memlab {words[0]} --help")
    one_line(run("--x", *words), "memlab: ", "see memlab --help")


def test_output_into_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m memlab.cli.main leakers --json | head -1", shell=True, capture_output=True,
        text=True, check=False, env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip
    assert done.stderr == ""
