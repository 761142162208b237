"""What is not there, and what may not be read, is one of our errors, whichever reader asks."""

import inspect
import json
import os
import pkgutil
from importlib import import_module

import pytest

import memlab.procfs
from memlab.errors import Gone, MemlabError, Unsupported
from memlab.procfs.host import Host, InstantTexts

# readers of one place that is asked for by more than a pid, or of none
MORE = {
    "cgroup_memory": ("/sys/fs/cgroup/nothing",),
    "kpage": (),
    "page_scan": ("self", [(0x1000, 0x2000)]),
    "pagemap": ("self", 0x1000),
}


def modules():
    """The names of all modules that read, and whether they ask for a process."""
    found = {}
    for module in pkgutil.iter_modules(memlab.procfs.__path__):
        read = getattr(import_module(f"memlab.procfs.{module.name}"), "read", None)
        if read is not None:
            found[module.name] = "pid" in inspect.signature(read).parameters
    return found


READERS = modules()


def ask(name, host, pid):
    read = import_module(f"memlab.procfs.{name}").read
    arguments = MORE.get(name, (pid,) if READERS[name] else ())
    if name in ("page_scan", "pagemap"):
        arguments = (pid, *arguments[1:])
    return read(host, *arguments)


def test_all_sources_are_here():
    """As the project's map names them, a module for each."""
    processes = "maps smaps smaps_rollup stat statm status pagemap oom_score limits cgroup io fd task numa_maps"
    machines = (
        "meminfo vmstat zoneinfo buddyinfo slabinfo vmallocinfo allocinfo pressure mountinfo sysvipc_shm sysvipc_msg"
        " swaps vm printk cgroup_memory"
    )
    assert READERS.keys() >= {*processes.split(), *machines.split()}
    assert all(READERS[name] for name in processes.split())


def outcome(name, host, pid):
    """What came of it, and the error if there was one."""
    try:
        return ask(name, host, pid), None
    except MemlabError as error:
        return None, error


@pytest.mark.parametrize("name", READERS)
def test_where_nothing_is(name, tmp_path):
    """A folder without /proc, a recording that did not read it."""
    for host in (Host(tmp_path), Host(InstantTexts())):
        found, error = outcome(name, host, 7)
        if name in ("vm", "facts"):  # of many files, each of which is None
            assert found is not None
            continue
        assert isinstance(error, Gone | Unsupported), error
        assert error.hint
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("name", [name for name, of_process in READERS.items() if of_process])
def test_where_no_such_process_is(name):
    found, error = outcome(name, Host(), 99999999)
    if name == "facts":
        assert found["kernel"] == os.uname().release
        return
    assert isinstance(error, Gone), error
    assert "no process 99999999" in str(error)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_gets_a_record_or_a_refusal_with_a_way_out():
    """Of root's first process, and of the machine."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        said = {}
        for name in READERS:
            try:
                ask(name, Host(), 1)
                said[name] = ["read", ""]
            except MemlabError as error:
                said[name] = [type(error).__name__, error.hint or ""]
            except BaseException as error:
                said[name] = ["raised", repr(error)]
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert [name for name, (kind, _) in said.items() if kind in ("raised", "Malformed")] == [], said
    for name in ("maps", "smaps", "smaps_rollup", "io", "fd", "pagemap", "numa_maps"):
        kind, hint = said[name]
        assert (kind == "Denied" and "CAP_SYS_PTRACE" in hint) or kind == "Unsupported", (
            name,
            kind,
            hint,
        )
    for name in (
        "stat",
        "statm",
        "status",
        "oom_score",
        "limits",
        "task",
        "meminfo",
        "vmstat",
        "printk",
        "vm",
        "swaps",
    ):
        assert said[name][0] == "read", (name, said[name])
    for name in ("slabinfo", "vmallocinfo"):
        assert said[name][0] in ("Denied", "Unsupported") and said[name][1]
