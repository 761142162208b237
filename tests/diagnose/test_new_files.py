"""Who fills a tmpfs: of several that write to it at once, the one whose own writes are the same."""

from dataclasses import asdict, replace

import pytest

from memlab.diagnose import diagnose
from memlab.diagnose.new_files import groups
from memlab.model.diagnosis import Verdict
from memlab.model.memory import Pattern
from memlab.procfs.host import Call, FileStat, InstantTexts, Statvfs
from tests.diagnose.made import KIB, MIB, calls_of, descriptor, made, stat_line

SHM = "/dev/shm"
GROUP = "/sys/fs/cgroup/memory/one"
MOUNTS = f"30 20 0:27 / {SHM} rw - tmpfs tmpfs rw\n".encode()
CHUNK = 256 * KIB


class Writer:
    """Makes a file of CHUNK at each of these seconds."""

    def __init__(self, name, at):
        self.name, self.at = name, at

    def files(self, t):
        return [self.name.format(n) for n, when in enumerate(self.at) if when <= t]


def stat_of(path, kind, size):
    return Call("stat", path, asdict(FileStat(size, size, "0:27", 1, 1, kind)))


def seen(writers, own=0, charged=0, child=""):
    """A recording of 30 s: `own` bytes that it wrote at t, and the shmem `charged` to its group.

    child: the state of a child that is in the group, too.
    """
    base = made(None, seconds=30.0)
    samples, known = [], set()
    for sample in base:
        t = sample.monotonic - 1000
        there = {path for writer in writers for path in writer.files(t)}
        calls = [
            Call("statvfs", SHM, asdict(Statvfs(4096, 1 << 20, (1 << 20) - 64 * len(there), 9, 9)))
        ]
        calls += [stat_of(SHM, 0o040000, 20 * (2 + sum("/x/" not in path for path in there)))]
        calls += [stat_of(path, 0o100000, CHUNK) for path in sorted(there - known)]
        known |= there
        files = sample.texts.files | {
            "/proc/42/mountinfo": MOUNTS,
            "/proc/42/io": f"rchar: 0\nwchar: {own and own(t)}\nsyscr: 0\nsyscw: 0\n".encode(),
        }
        if charged:
            files[f"{GROUP}/memory.stat"] = f"shmem {charged(t)}\n".encode()
            files[f"{GROUP}/cgroup.procs"] = b"42\n"
        if charged and child:
            files[f"{GROUP}/cgroup.procs"] = b"42\n77\n"
            files["/proc/42/task/42/children"] = b"77 "
            files["/proc/77/stat"] = stat_line(0, 0).replace(" S ", f" {child} ").encode()
            calls.append(Call("listdir", "/proc/42/task", ["42"]))
        samples.append(replace(sample, texts=InstantTexts(files, calls)))
    return replace(base, samples=tuple(samples))


def even(every, begin=0.1):
    return [begin + n * every for n in range(int(31 / every))]


MINE, OTHER = Writer(SHM + "/x/mine-{}", even(0.7)), Writer(SHM + "/x/other-{}", even(0.7, 0.45))


def wrote(writer):
    return lambda t: CHUNK * len(writer.files(t))


@pytest.mark.parametrize(("own", "stem"), [(MINE, "mine-*"), (OTHER, "other-*")])
def test_of_two_that_write_as_fast_its_own_files_are_named(own, stem):
    said = diagnose(seen([MINE, OTHER], own=wrote(own)))
    assert said.verdict is Verdict.LEAK
    (finding,) = said.findings
    assert (finding.pattern, finding.where) == (Pattern.TMPFS, f"{SHM}/x/{stem}")
    assert finding.bytes == pytest.approx(CHUNK * 42, rel=0.1)


def test_names_in_dev_shm_itself_are_those_of_shm_open():
    mine = Writer(SHM + "/mine.{}", even(0.7))
    (finding,) = diagnose(seen([mine, OTHER], own=wrote(mine))).findings
    assert (finding.pattern, finding.where) == (Pattern.SHM, f"{SHM}/mine.*")


def test_files_of_others_are_no_finding():
    assert diagnose(seen([MINE, OTHER])).verdict is Verdict.NOT_A_LEAK


def test_shared_memory_that_fits_no_file_is_in_no_file():
    """The group is charged in a rhythm of its own, and all that grew on the mount has a name."""
    parked = Writer("{}", [n * n / 30 for n in range(32)])
    (finding,) = diagnose(seen([MINE, OTHER], charged=wrote(parked))).findings
    assert finding.pattern is Pattern.MEMFD


@pytest.mark.parametrize("state", ["S", "Z"])
def test_of_shared_memory_that_a_child_may_map_nothing_is_said(state):
    """The backends of a PostgreSQL touch page by page what their master has mapped."""
    parked = Writer("{}", [n * n / 30 for n in range(32)])
    found = diagnose(seen([MINE, OTHER], charged=wrote(parked), child=state))
    assert [one.pattern for one in found.findings] == ([Pattern.MEMFD] if state == "Z" else [])


def test_what_may_be_a_file_or_not_is_not_guessed():
    """As much is charged as some of the new files hold, at much the same times, and not by the byte."""
    faster = Writer(SHM + "/x/faster-{}", even(0.3))
    (finding,) = diagnose(seen([MINE, faster], charged=lambda t: int(t * CHUNK / 0.7))).findings
    assert finding.pattern is None
    assert Pattern.MEMFD in finding.candidates


def test_files_are_grouped_by_their_names_without_the_last_number_and_without_any():
    mine = Writer(SHM + "/x/job7-{}", even(1.0))
    found = {group.stem: group for group in groups(seen([mine]), [SHM])}
    assert found.keys() == {"", "job7-*", "job*-*"}
    assert found["job7-*"].used.growth == 30 * CHUNK
    assert found["job7-*"].files.growth == 30


def test_of_files_that_were_not_all_asked_about_the_folder_says_how_many():
    few = seen([Writer(SHM + "/a{}", even(1.0))])
    samples = []
    for sample in few:
        calls = [
            replace(
                call,
                result=call.result
                | {"size_bytes": 20 * (2 + 10 * (call.result["size_bytes"] // 20 - 2))},
            )
            if call.path == SHM and call.kind == "stat"
            else call
            for call in sample.texts.calls
        ]
        samples.append(replace(sample, texts=InstantTexts(sample.texts.files, calls)))
    whole = next(g for g in groups(replace(few, samples=tuple(samples)), [SHM]) if not g.stem)
    assert whole.files.growth == 300
    assert whole.used.growth == 300 * CHUNK
    assert whole.used.growth > 70 * MIB


def test_where_the_group_is_its_own_what_is_written_elsewhere_says_nothing():
    """A process that writes into a pipe just as fast as somebody fills /dev/shm is charged for none of it."""
    said = diagnose(seen([MINE], own=wrote(MINE), charged=lambda t: 4096))
    assert said.verdict is Verdict.NOT_A_LEAK


def test_memfds_that_are_held_and_charged_are_told_once():
    """As much is charged to the group as its descriptors hold, and another's files grow much the same."""
    held = 256 * KIB
    base = seen([MINE], charged=lambda t: int(t * held / 0.7))
    samples = []
    for sample in base:
        t = sample.monotonic - 1000
        memfds = [descriptor("/memfd:x (deleted)", held, inode=n) for n in range(int(t / 0.7))]
        calls = [*sample.texts.calls, *calls_of(memfds)]
        samples.append(replace(sample, texts=InstantTexts(sample.texts.files, calls)))
    said = diagnose(replace(base, samples=tuple(samples)))
    assert said.verdict is Verdict.LEAK
    assert [finding.pattern for finding in said.findings] == [Pattern.MEMFD]


def with_kernel(recording, grown, children=None):
    """As charged to the group: kernel memory by t; and the zombies that are its children at t."""
    samples = []
    for sample in recording:
        t = sample.monotonic - 1000
        files = sample.texts.files | {
            f"{GROUP}/memory.stat": b"shmem 0\n",
            f"{GROUP}/memory.kmem.usage_in_bytes": f"{grown(t)}\n".encode(),
            f"{GROUP}/cgroup.procs": b"42\n",
        }
        calls = list(sample.texts.calls)
        if children:
            born = range(100, 100 + children(t))
            files["/proc/42/task/42/children"] = "".join(f"{pid} " for pid in born).encode()
            calls.append(Call("listdir", "/proc/42/task", ["42"]))
        samples.append(replace(sample, texts=InstantTexts(files, calls)))
    return replace(recording, samples=tuple(samples))


def test_kernel_memory_that_grows_with_files_is_their_inodes_but_not_beside_zombies():
    """Ten KiB for each zombie are 1.4 KiB for each file that another makes seven times as fast."""
    empty = Writer(SHM + "/x/empty-{}", even(0.1))
    alone = with_kernel(seen([empty]), lambda t: int(14 * KIB * t))
    (finding,) = diagnose(alone).findings
    assert (finding.pattern, finding.where) == (Pattern.KERNEL, f"files {SHM}/x/empty-*")
    beside = with_kernel(seen([empty]), lambda t: int(14 * KIB * t), lambda t: int(t / 0.7))
    assert [found.pattern for found in diagnose(beside).findings] == [Pattern.PROCESS]


MEMINFO = "MemTotal: 8000000 kB\nMemFree: 6000000 kB\nSReclaimable: {reclaimable} kB\nSUnreclaim: {slab} kB\n"


@pytest.mark.parametrize("given_back_by_others", [0, 40_000])
@pytest.mark.parametrize("reclaimable", [True, False])
def test_what_the_kernel_gives_back_is_no_leak_whatever_others_give_back(
    reclaimable, given_back_by_others
):
    """Names that are not there: charged to the group, and in SReclaimable, of which others free more meanwhile."""
    base = with_kernel(seen([]), lambda t: int(400 * KIB * t))
    samples = []
    for sample in base:
        t = sample.monotonic - 1000
        more = int(400 * t) if reclaimable else 0
        text = MEMINFO.format(
            reclaimable=100_000 + more - given_back_by_others * (t > 5), slab=50_000 + int(400 * t)
        )
        files = sample.texts.files | {"/proc/meminfo": text.encode()}
        samples.append(replace(sample, texts=InstantTexts(files, sample.texts.calls)))
    said = diagnose(replace(base, samples=tuple(samples)))
    assert said.verdict is (Verdict.NOT_A_LEAK if reclaimable else Verdict.LEAK)
