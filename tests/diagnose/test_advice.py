"""The next command fits the program: a finder of Python's lines for CPython, a trace with times for what is mapped."""

import re
import shlex

import pytest

from memlab.diagnose import diagnose
from memlab.diagnose.advice import trace
from tests.diagnose.made import MIB, A, made, mapping


def growing(program, name="[heap]"):
    """A heap (or what is without a name) that grows in a process of this program."""

    def smaps(t):
        size = MIB + int(2 * t) * MIB
        code = mapping(0x400000, MIB, "r-xp", program, rss=MIB, anonymous=0, inode=7)
        return code + mapping(A, size, "rw-p", name, rss=size)

    return diagnose(made(smaps)).findings[0]


@pytest.mark.parametrize("name", ["[heap]", ""])
@pytest.mark.parametrize(
    "program",
    [
        "/usr/bin/python3.11",
        "/usr/lib/libpython3.12.so.1.0",
        "/opt/python3",
        "/usr/bin/python3.13t",
    ],
)
def test_of_a_cpython_a_finder_of_its_lines_is_named(program, name):
    found = growing(program, name)
    attach, wait, report = found.next.split("; ")
    assert shlex.split(attach)[:2] == ["memray", "attach"] and shlex.split(attach)[-1] == "42"
    # the report is read after the tracking has ended by itself
    lasts, waits = (int(re.search(r"(?:duration|sleep) (\d+)", part)[1]) for part in (attach, wait))
    assert waits > lasts
    assert report == "memray flamegraph --leaks leak.bin"
    assert "py-spy dump --pid 42" in found.evidence[-1]


@pytest.mark.parametrize("program", ["/usr/sbin/nginx", "/usr/bin/pypy3", "/usr/bin/mypython3x"])
def test_of_any_other_program_it_is_not(program):
    assert growing(program).next == "heaptrack -p 42"
    assert growing(program, "").next == trace("mmap,munmap,mremap").format(pid=42)


def test_a_trace_goes_to_a_file_with_times():
    assert trace("mmap") == "strace -f -ttt -k -e trace=mmap -o calls.strace -p {pid}"
