"""Several looks at one process that really grows: in several files or in one, at times that nobody wrote down."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.cli.main import main
from memlab.diagnose import diagnose
from memlab.errors import MemlabError
from memlab.lab.elsewhere import elsewhere
from memlab.model.diagnosis import Verdict
from memlab.observe.pasted import open_pasted
from memlab.present.explain import explain_html, explain_text
from memlab.present.text import diagnosis_text

pytestmark = pytest.mark.live
MIB = 1 << 20
LOOKS = 10
GROWER = """
import mmap, sys
kept = []
print("ready", flush=True)
for line in sys.stdin:
    one = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    one.write(b"x" * len(one))
    kept.append(one)
    print("grown", flush=True)
"""
TOOLS = {
    "pmap-x": ["pmap", "-x", "{pid}"],
    "ps-aux": ["ps", "aux"],
    "ps-o": ["ps", "-o", "pid,vsz,rss,args", "-p", "{pid}"],
    "ps-ef": ["ps", "-ef"],
    "free": ["free"],
    "smem": ["smem", "-c", "pid user command swap uss pss rss"],
}
FILES = ("smaps", "maps", "status", "smaps_rollup")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Texts of ten looks, each 2 MiB after the one before; by kind, in order. And whose they are."""
    texts = {name: [] for name in (*FILES, *TOOLS, "meminfo")}
    with subprocess.Popen(
        [sys.executable, "-c", GROWER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        for _ in range(LOOKS):
            for name in FILES:
                texts[name].append(Path(f"/proc/{process.pid}/{name}").read_text())
            texts["meminfo"].append(Path("/proc/meminfo").read_text())
            for name, command in TOOLS.items():
                words = [word.format(pid=process.pid) for word in command]
                try:
                    said = subprocess.run(words, capture_output=True, text=True, check=True)
                except FileNotFoundError:
                    continue
                texts[name].append(said.stdout)
            process.stdin.write("on\n")
            process.stdin.flush()
            process.stdout.readline()
        process.stdin.close()
    return texts, process.pid


def saved(folder, looks):
    """Each in a file of its own."""
    paths = [folder / f"look{n}.txt" for n in range(1, len(looks) + 1)]
    for path, text in zip(paths, looks, strict=True):
        path.write_text(text)
    return [str(path) for path in paths]


def of(grown, name):
    """The ten texts, or a skip where the program is not here."""
    if not grown[0][name]:
        pytest.skip(f"{name.partition('-')[0]} is not installed")
    return grown[0][name]


@pytest.mark.parametrize(
    "name", ["smaps", "status", "smaps_rollup", "pmap-x", "ps-aux", "ps-o", "smem"]
)
@pytest.mark.parametrize("one_file", [True, False])
def test_ten_looks_without_times_show_growth_and_no_rate(grown, tmp_path, name, one_file):
    looks = of(grown, name)
    paths = saved(tmp_path, ["".join(looks)] if one_file else looks)
    found = diagnose(open_pasted(paths, grown[1] if name in ("ps-aux", "smem") else None))
    assert found.verdict is Verdict.LEAK
    assert (found.observed_seconds, found.untimed_looks) == (0.0, LOOKS)
    finding = found.findings[0]
    assert 18 * MIB <= finding.bytes <= 22 * MIB
    assert finding.bytes_per_second is None and finding.bytes_per_second_interval is None
    assert finding.forecast is None and finding.step is None
    text = diagnosis_text(found)
    assert "10 looks, at times that are not known" in text
    assert "/s" not in text.replace("/smaps", "") and " in 9 s" not in text


def test_a_page_of_looks_without_times_shows_no_seconds(grown, tmp_path):
    recording = open_pasted(saved(tmp_path, of(grown, "smaps")))
    found = diagnose(recording)
    there = elsewhere(found, recording)
    assert there.command == "memlab leak anonymous"
    html = explain_html(found, recording, there)
    assert "seconds since start" not in html and "the wedge" not in html
    assert "MiB/s" not in html.partition("<body>")[2]
    assert "look 10" in explain_text(found, recording, there)


def test_a_shell_puts_the_tenth_before_the_second_and_means_the_tenth(grown, tmp_path):
    paths = saved(tmp_path, of(grown, "smaps"))
    found = diagnose(open_pasted(sorted(paths)))
    assert sorted(paths) != paths
    assert found.verdict is Verdict.LEAK


def test_dates_between_the_copies_are_their_times(grown, tmp_path):
    looks = [
        f"Thu Nov 26 10:{n:02}:00 UTC 2026\n{text}" for n, text in enumerate(of(grown, "smaps"))
    ]
    found = diagnose(open_pasted(saved(tmp_path, ["".join(looks)])))
    assert (found.observed_seconds, found.untimed_looks) == (540.0, 0)
    assert found.findings[0].bytes_per_second == pytest.approx(2 * MIB / 60, rel=0.1)


@pytest.mark.parametrize("name", ["pmap-x", "smaps"])
def test_of_two_looks_what_grew_is_said(grown, tmp_path, name):
    looks = of(grown, name)
    found = diagnose(open_pasted(saved(tmp_path, [looks[0], looks[-1]])))
    assert found.verdict is Verdict.UNDECIDED
    said = next(line for line in found.standing if " more in the last of 2 " in line)
    grew = re.search(r"([\d.]+) MiB", said)
    assert (
        grew and 17.9 < float(grew[1]) < 23
    )  # nine times 2 MiB, and what the interpreter takes beside


def test_of_many_processes_in_several_files_the_one_that_grew_is_judged(grown, tmp_path):
    own, init = str(grown[1]), "1"
    # two of these rows: what else goes on on this machine may grow faster
    looks = [
        "".join(f"{line}\n" for line in text.splitlines() if line.split()[1] in ("PID", own, init))
        for text in of(grown, "ps-aux")
    ]
    found = open_pasted(saved(tmp_path, looks))
    assert found.header.pid == grown[1]
    assert "VSZ and RSS together grew most" in found.sources[0]


def test_a_command_that_smem_cut_is_no_name_of_a_program(tmp_path):
    table = "  PID User     Command                         Swap      USS      PSS      RSS \n"
    (path,) = saved(
        tmp_path,
        [
            table
            + "   77 root     /srv/app/some/place/leakers        0      128      159     2004 \n"
        ],
    )
    assert open_pasted([path]).header.target == {"pid": 77, "comm": "?"}


@pytest.mark.parametrize("name", ["free", "meminfo"])
def test_two_looks_at_the_machine_are_compared(grown, tmp_path, name):
    looks = of(grown, name)
    found = diagnose(open_pasted(saved(tmp_path, [looks[0], looks[-1]])))
    assert any("available memory in the last of 2 looks" in line for line in found.standing)
    assert "observed for" not in diagnosis_text(found)


def log_of(grown, every=60):
    """What pidstat -r would have printed of these looks; its two sums are those of status."""
    lines = []
    for n, text in enumerate(of(grown, "status")):
        fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        vsz, rss = (fields[name].split()[0] for name in ("VmSize", "VmRSS"))
        lines.append(
            f"10:{n * every // 60:02}:00     0 {grown[1]}  0.00  0.00 {vsz} {rss} 0.10  python3"
        )
    return "\n".join(lines) + "\n"


def test_a_second_copy_of_smaps_tells_which_part_of_the_log_grew(grown, tmp_path):
    smaps = of(grown, "smaps")
    log, first, last = saved(tmp_path, [log_of(grown), smaps[2], smaps[8]])
    before = diagnose(open_pasted([log, first])).findings[0]
    assert before.pattern is None
    found = diagnose(open_pasted([log, first, last]))
    assert found.findings[0].pattern == "anonymous"
    assert found.observed_seconds == 540
    assert any(line.startswith("mapping: ") for line in found.findings[0].evidence)


def test_a_log_with_times_is_not_stretched_by_what_has_none(grown, tmp_path):
    paths = saved(tmp_path, [log_of(grown), of(grown, "free")[0], of(grown, "meminfo")[0]])
    assert diagnose(open_pasted(paths)).observed_seconds == 540


def test_a_table_without_sizes_names_one_that_has_them(grown, tmp_path, capfd):
    (path,) = saved(tmp_path, [of(grown, "ps-ef")[0]])
    assert main(["diagnose", path]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert path in line and "ps -eo pid,vsz,rss,args" in line


@pytest.mark.parametrize(
    ("name", "line"), [("status", "VmSize:"), ("smaps", "Rss:"), ("meminfo", "MemFree:")]
)
def test_an_error_names_the_file_that_was_handed_in(grown, tmp_path, name, line):
    lines = of(grown, name)[0].splitlines()
    at = next(n for n, one in enumerate(lines) if one.startswith(line))
    lines[at] = f"{line} many kB"
    (path,) = saved(tmp_path, ["\n".join(lines)])
    with pytest.raises(MemlabError) as raised:
        diagnose(open_pasted([path]))
    assert str(raised.value).startswith(f"{path}:") and "/proc/" not in str(raised.value)


def test_the_date_of_lstart_is_one_column(tmp_path):
    (path,) = saved(
        tmp_path,
        [
            "  PID                  STARTED   RSS COMMAND\n   77 Thu Nov 26 17:00:00 2026  2048 some thing\n"
        ],
    )
    found = open_pasted([path])
    assert found.header.target == {"pid": 77, "comm": "some"}
    assert found.given["stat.rss"].values.tolist() == [2048 * 1024]
