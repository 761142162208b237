"""pidstat, top, free and smem say what we say; where they round or lag it is said by how much."""

import math
import os
import pty
import select
import subprocess
import termios
import time

import pytest

from memlab.model.compare import compare
from memlab.model.pidstat import between, since_start
from memlab.observe.sampler import Sampler
from memlab.observe.top import look
from memlab.present.pidstat import HEADER, pidstat_line
from memlab.procfs import meminfo
from memlab.procfs.host import Host
from memlab.units import KIB
from tests.waiting import until

pytestmark = pytest.mark.live
HOST = Host()


@pytest.mark.needs("pidstat")
def test_pidstat(still, said):
    sampler = Sampler(still)
    before, after = sampler.take(), sampler.take()
    total = meminfo.read(HOST).mem_total
    header, line = said("pidstat", "-r", "-h", "-p", still, "1", "1")[2:4]
    assert header == HEADER
    # a stopped process has no faults: every column is equal but the time of day
    assert pidstat_line(between(before, after, total), "00:00:00").split()[1:] == line.split()[1:]


@pytest.mark.needs("pidstat")
def test_the_widths_are_those_of_pidstat(still, said):
    sampler = Sampler(still)
    samples = sampler.take(), sampler.take()
    line = said("pidstat", "-r", "-h", "-p", still, "1", "1")[3]
    ours = pidstat_line(between(*samples, meminfo.read(HOST).mem_total), "00:00:00")
    assert ours[8:] == line[8:]


@pytest.mark.needs("pidstat")
def test_pidstat_without_an_interval_divides_by_the_uptime_of_the_machine(still, said):
    """Its man page says "since system startup": the rate of a young process is too small by age / uptime."""
    now, uptime = Sampler(still).take(look=False), time.clock_gettime(time.CLOCK_BOOTTIME)
    line = said("pidstat", "-r", "-h", "-p", still)[3].split()
    later = time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks, total = os.sysconf("SC_CLK_TCK"), meminfo.read(HOST).mem_total
    age = uptime - now.stat.starttime / ticks
    ours = since_start(now, uptime, ticks, total)
    assert ours.minor_faults * age == pytest.approx(now.stat.minflt)
    # pidstat prints hundredths, and reads the uptime in hundredths of a second
    lowest, highest = (
        now.stat.minflt / (later + 0.01) - 0.005,
        now.stat.minflt / (uptime - 0.01) + 0.005,
    )
    assert lowest <= float(line[3]) <= highest
    assert float(line[3]) == pytest.approx(ours.minor_faults * age / uptime, abs=0.02)
    # all other columns are those of one instant, and equal
    assert pidstat_line(ours, "00:00:00").split()[5:] == line[5:]


@pytest.fixture(scope="module")
def memory_screen(tmp_path_factory):
    """A home in which top begins with its memory screen (g3), saved by itself (W): then -b does too."""
    home = tmp_path_factory.mktemp("home")
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 200))
    environment = {**os.environ, "HOME": str(home), "TERM": "xterm", "LC_ALL": "C"}
    environment.pop("XDG_CONFIG_HOME", None)
    top = subprocess.Popen(
        ["top"], stdin=terminal, stdout=terminal, stderr=terminal, env=environment,
        start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    try:
        for keys, answer in (
            (b"", b"COMMAND"),
            (b"g", b"1 - 4"),
            (b"3\r", b"CODE"),
            (b"W", b"Wrote"),
        ):
            os.write(main, keys)
            drawn = b""
            while answer not in drawn:
                assert select.select([main], [], [], 20)[0], (keys, drawn)
                drawn += os.read(main, 65536)
    finally:
        top.kill()
        top.wait()
        os.close(main)
    return home


@pytest.mark.needs("top")
def test_the_memory_screen_of_top(still, said, memory_screen):
    lines = said(
        "top", "-b", "-n", "1", "-p", still, "-w", "512", "-e", "k", HOME=str(memory_screen)
    )
    header = next(line.split() for line in lines if "PID" in line.split())
    theirs = dict(
        zip(
            header, next(line.split() for line in lines if str(still) in line.split()), strict=False
        )
    )
    found = look(HOST, [still])
    (mine,) = found.rows
    sizes = {
        "VIRT": mine.virt,
        "RES": mine.res,
        "CODE": mine.code,
        "DATA": mine.data,
        "SHR": mine.shr,
    }
    sizes |= {"SWAP": mine.swap, "USED": mine.used}
    asked = {name: str(size // KIB) for name, size in sizes.items() if name in theirs}
    assert {name: theirs[name] for name in asked} == asked
    assert {"VIRT", "RES", "CODE", "DATA", "SHR"} <= set(asked)
    assert theirs["nMaj"] == str(mine.major_faults)
    assert theirs.get("nDRT", "0") == "0" == str(mine.dt)
    # top rounds to a tenth of a percent of the machine: on 24 GB that is 24 MB
    assert float(theirs["%MEM"]) == pytest.approx(100 * mine.res / found.mem_total, abs=0.051)


@pytest.mark.needs("ps")
def test_ps_has_the_other_columns_of_top(still, said):
    (mine,) = look(HOST, [still]).rows
    columns = "maj_flt,trs,drs,vsz,rss"
    major, text, data, vsz, rss = map(int, said("ps", "-o", columns, "-p", still)[-1].split())
    assert (major, vsz, rss) == (mine.major_faults, mine.virt // KIB, mine.res // KIB)
    # ps has no field of its own for CODE and DATA: trs is the program's code by stat (end - start), and
    # drs is all the rest of VSZ; so drs is far above DATA, which counts private writable memory
    assert vsz - (text + data) in (0, 1)  # each is cut to a kB
    assert data * KIB > mine.data


@pytest.mark.needs("free")
def test_free(still, said):
    """free reads meminfo as we do; asked again until little moved between two looks around it."""

    def close():
        before = meminfo.read(HOST)
        memory, swap = said("free", "-k", "-w")[1:3]
        after = meminfo.read(HOST)
        fields = ("mem_free", "mem_available", "shmem", "buffers", "cached", "s_reclaimable")
        moved = (abs(getattr(before, name) - getattr(after, name)) for name in fields)
        drift = 64 * KIB + 2 * max(moved)
        return (memory.split(), swap.split(), after, drift) if drift < 8 << 20 else None

    memory, swap, found, drift = until(close)
    total, used, free, shared, buffers, cache, available = (int(word) * KIB for word in memory[1:])
    assert total == found.mem_total
    assert abs(free - found.mem_free) <= drift
    assert abs(available - found.mem_available) <= drift
    assert abs(shared - found.shmem) <= drift
    assert abs(buffers - found.buffers) <= drift
    # free's cache has the reclaimable slab in it: Cached + SReclaimable
    assert abs(cache - found.cached - found.s_reclaimable) <= drift
    assert int(swap[1]) * KIB == (found.swap_total or 0)
    sample = Sampler(still, stall=math.inf).take(must=True)
    (row,) = (q for q in compare(sample).questions if q.name == "machine used")
    if (
        abs(used - (total - available)) <= 4 * KIB
    ):  # procps 4; before it was total - free - cache - buffers
        assert abs(row.cells["free"].bytes - used) <= drift + 32 * (1 << 20)


@pytest.mark.needs("smem")
def test_smem(still, said):
    """smem adds up smaps as we do.

    smem is a process itself, and maps libraries that ours maps too: a page of these has one user
    more while smem looks. So its PSS and USS are too small by a share of the file pages, and only by that.
    """
    names = ("virtual size", "resident", "proportional", "private", "swap")

    def ours():
        sample = Sampler(still, stall=math.inf).take(must=True)
        cells = {
            q.name: q.cells["smem"].bytes for q in compare(sample).questions if "smem" in q.cells
        }
        return sample.smaps, [cells[name] // KIB for name in names]

    def same():
        """Asked again where others that share its libraries came or went between the looks."""
        _, before = ours()
        lines = said("smem", "-H", "-c", "pid vss rss pss uss swap")
        row = next(line.split() for line in lines if line.split()[0] == str(still))
        smaps, after = ours()
        theirs = [int(word) for word in row[1:]]
        files = [row for row in smaps if row.name.startswith("/")]
        shares = sum(row.pss - row.anonymous for row in files) // KIB
        clean = sum(row.private_clean for row in files) // KIB
        less = [mine - tool for mine, tool in zip(after, theirs, strict=True)]
        # VSS, RSS and swap are equal; PSS and USS are less than ours by what smem itself shares
        exact = [less[0], less[1], less[4]] == [0, 0, 0]
        return before == after and exact and 0 <= less[2] <= shares and 0 <= less[3] <= clean

    assert until(same, seconds=60)
