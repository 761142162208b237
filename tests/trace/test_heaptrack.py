"""heaptrack, attached to leakers: the block that was never freed, also where brk accuses somebody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.errors import Unsupported
from memlab.lab.experiment import start
from memlab.model.memory import Pattern
from memlab.model.stacks import Of
from memlab.trace import heaptrack, strace
from tests.trace.kills import helpers_of, kill_memlab, runs_untraced
from tests.trace.sites import first_site, stepped, traced
from tests.waiting import until

PACKAGE = str(Path(memlab.__file__).parent.parent)
pytestmark = [pytest.mark.live, pytest.mark.needs("heaptrack", "gdb", "gcc")]
HEADER = 16  # of malloc, in front of each block


@pytest.mark.parametrize("name", ["heap", "arena"])
def test_the_ledgers_line_is_named_first_and_has_all_bytes(name):
    stacks, ledger = traced(heaptrack, name, "c", Pattern.HEAP, events=40)
    assert first_site(stacks) == ledger["site"]
    first = stacks.stacks[0]
    assert (first.of, first.count, first.bytes) == (Of.BLOCK, 40, ledger["leaked_bytes"])
    # what heaptrack itself takes between the two looks, in the same process: its tables, of 2 MiB at most here
    assert -HEADER * 40 <= stacks.residual < 2 << 20


def test_brk_accuses_the_innocent_and_heaptrack_names_the_guilty():
    with start("misblame", "c", paused=True) as leaker:
        asked, _ = stepped(strace, leaker, Pattern.HEAP, events=20)
        followed, ledger = stepped(heaptrack, leaker, Pattern.HEAP, events=20)
    assert ledger["site"].startswith("remember misblame.c:")
    assert asked.stacks == ()
    doubt = next(doubt for doubt in asked.doubts if "brk" in doubt)
    assert "100% of it for answer misblame.c:" in doubt
    assert "accuses who asked when the heap was full" in doubt
    assert first_site(followed) == ledger["site"]
    assert followed.stacks[0].count == 20


def test_what_is_freed_is_not_held_and_the_holes_are_told():
    stacks, _ = traced(heaptrack, "heap", "c", Pattern.HEAP, events=20, control=True)
    assert not any("leak" in str(stack.site) for stack in stacks.stacks)
    holes, _ = traced(heaptrack, "heap-fragments", "c", Pattern.HEAP, events=100)
    assert any("freed memory that malloc keeps" in doubt for doubt in holes.doubts)


def test_a_second_time_it_works_as_well():
    with start("heap", "c", paused=True) as leaker:
        for _ in range(2):
            stacks, ledger = stepped(heaptrack, leaker, Pattern.HEAP, events=10)
            assert first_site(stacks) == ledger["site"]
            assert stacks.stacks[0].count == 10


def recorded_into(pid):
    """The file that the library writes into, while it does."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return [path for path in found if "memlab-trace-" in path]


SCRIPT = """
import sys
from memlab.trace import heaptrack
from memlab.trace.watch import Watch
heaptrack.trace(int(sys.argv[1]), Watch(60))
"""


def killed(number):
    with start("heap", "c", rate="20/s", cap="60MiB", chunk="4KiB") as leaker:
        command = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(leaker.pid)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": PACKAGE},
        )
        until(lambda: recorded_into(leaker.pid))
        command.send_signal(number)
        command.wait(60)
        until(lambda: not recorded_into(leaker.pid) and runs_untraced(leaker.pid), 60)
        before = leaker.ledger[-1]["count"]
        until(lambda: leaker.ledger[-1]["count"] > before)


def test_memlab_killed_ends_the_recording_in_the_target():
    killed(9)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_memlab_killed_two_hundred_times_ends_the_recording_each_time():
    with start("heap", "c", rate="20/s", chunk="4KiB", control=True) as leaker:
        leaker.wait(lambda: leaker.ledger)
        for nth in range(200):
            kill_memlab(leaker, "heaptrack", "HEAP", nth)
            until(lambda: not helpers_of(leaker.pid, "guard.py"), 60)
            assert not recorded_into(leaker.pid)
            until(lambda: runs_untraced(leaker.pid), 60)
            before = leaker.ledger[-1]["count"]
            until(lambda before=before: leaker.ledger[-1]["count"] > before)


def test_a_static_program_is_said_to_be_one(tmp_path):
    source, program = tmp_path / "waits.c", tmp_path / "waits"
    source.write_text("#include <unistd.h>\nint main(void) { pause(); return 0; }\n")
    subprocess.run(["gcc", "-static", "-o", program, source], check=True, capture_output=True)
    process = subprocess.Popen([program])
    try:
        until(lambda: os.readlink(f"/proc/{process.pid}/exe") == str(program))
        with pytest.raises(Unsupported, match="static program"):
            heaptrack.why_not(process.pid)
    finally:
        process.kill()
        process.wait()
