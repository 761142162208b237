"""The famous case from what was pasted of it, and what each file alone can carry."""

from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.errors import MemlabError, Refused, Unsupported
from memlab.model.diagnosis import Verdict
from memlab.observe.pasted import open_pasted

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
KIB = 1024
STACK = 10240 * KIB
PIDSTAT, SMAPS, PMAP = (
    str(CAPTURES / name)
    for name in ("app_server.pidstat.txt", "app_server.smaps.txt", "sshd.pmap.txt")
)


def judged(*paths):
    return diagnose(open_pasted(paths))


@pytest.mark.parametrize("paths", [(PIDSTAT,), (PIDSTAT, SMAPS), (SMAPS, PIDSTAT)])
def test_the_log_gives_one_stack_and_its_guard_a_minute(paths):
    found = judged(*paths)
    assert found.verdict is Verdict.LEAK
    (finding,) = found.findings
    assert (finding.pattern, finding.basis) == ("thread-stack", "virtual")
    assert (finding.step.bytes, finding.step.period_seconds) == (STACK + 4 * KIB, 60)
    assert finding.bytes == 4 * (STACK + 4 * KIB)
    assert found.target == {"pid": 31108, "comm": "app_server"}
    assert "vm.max_map_count" in finding.forecast.sentence
    # 29,195 stacks fill its address space, two mappings each of 65,530: the rest is 3,570 minutes
    assert finding.forecast.seconds == pytest.approx(3570 * 60, rel=0.01)
    evidence = " ".join(finding.evidence)
    assert "10,240 kB and one page of 4 kB" in evidence
    assert ("10,240 kB rw-p beside a guard of 4 kB ---p" in evidence) == (SMAPS in paths)


def test_one_look_at_smaps_shows_the_shape_and_no_growth():
    found = judged(SMAPS)
    assert found.verdict is Verdict.UNDECIDED
    (shape,) = found.standing
    assert "10,240 kB rw-p beside a guard of 4 kB ---p" in shape
    assert "pidstat" in found.decide


def test_a_cut_pmap_is_read_whole():
    found = judged(PMAP)
    (what, _) = found.sources
    assert "pmap -x" in what and "9 mappings" in what and "3 gaps" in what
    assert found.verdict is Verdict.UNDECIDED
    assert "libc-2.17.so" in " ".join(found.standing)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
        lambda text: text.replace("353.00", "353,00").replace("12.73", "12,73"),
        lambda text: "".join(f"\x1b[32m{line}\x1b[0m\n" for line in text.splitlines()),
        lambda text: text.replace(" PM ", " PM  1001 "),  # later versions print the UID
        lambda text: text[:-3],
        lambda text: "# pidstat -r -p 31108 1\nLinux 3.10.0 (db1)\n\n" + text,
    ],
)
def test_a_log_survives_the_way_it_came(tmp_path, spoil):
    path = tmp_path / "pasted.txt"
    path.write_text(spoil(Path(PIDSTAT).read_text()), newline="")
    (finding,) = judged(str(path)).findings
    assert (finding.pattern, finding.step.bytes) == ("thread-stack", STACK + 4 * KIB)


def test_midnight_is_passed(tmp_path):
    path = tmp_path / "pasted.txt"
    text = Path(PIDSTAT).read_text().replace(" PM", "")
    for hour, minute in ((23, 47), (23, 48), (23, 49), (23, 50), (23, 51)):
        text = text.replace(
            f"04:{minute}", f"{hour}:{minute + 11 if minute < 49 else minute - 49:02d}"
        )
    text = text.replace("23:00", "00:00").replace("23:01", "00:01").replace("23:02", "00:02")
    path.write_text(text)
    (finding,) = judged(str(path)).findings
    assert finding.step.period_seconds == pytest.approx(60, abs=1)


def test_what_is_of_different_processes_is_refused(tmp_path):
    other = tmp_path / "status.txt"
    other.write_text("Name:\tredis\nPid:\t77\nVmSize:\t 100 kB\nVmRSS:\t 50 kB\nThreads:\t1\n")
    with pytest.raises(Refused, match=r"31108.*77"):
        open_pasted([PIDSTAT, str(other)])


@pytest.mark.parametrize("text", ["hello\n", "{}\n", "1 2 3\n" * 100])
def test_what_nobody_knows_is_refused_with_what_is_known(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(Unsupported, match="pidstat -r, top -b"):
        open_pasted([str(path)])


def test_a_file_that_is_not_there_is_said_to_be_so():
    with pytest.raises(MemlabError, match="there is no file /nowhere"):
        open_pasted(["/nowhere"])


def test_two_copies_of_smaps_say_what_has_more(tmp_path):
    """No time stands in them, so that there is no rate."""
    paths = []
    for n, size in enumerate((1000, 21000)):
        path = tmp_path / f"smaps.{n}"
        path.write_text(
            f"55550000-5a550000 rw-p 00000000 00:00 0 [heap]\nSize: 81920 kB\nRss: {size} kB\n"
        )
        paths.append(str(path))
    found = judged(*paths)
    assert found.verdict is Verdict.UNDECIDED
    assert "[heap] has 19.5 MiB more in the last of 2 copies" in " ".join(found.standing)
