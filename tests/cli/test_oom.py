"""`memlab oom read` and `memlab oom scores` as a person types them."""

import json
import os
import subprocess
import sys

import pytest

import memlab
from tests import oom_texts as real
from tests.cli.test_commands import PACKAGE, one_line, run

KIB, MIB = 1024, 1 << 20


def read(name, *words):
    return run("oom", "read", real.FOLDER / name, *words)


def objects(name, *words):
    done = read(name, "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_report_is_told_from_who_asked_to_who_died():
    done = read(real.V1)
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "asked       oomleak (pid 15598) asked for 4 KiB", "a cgroup had reached its limit: /memlabk",
        "memory      64 MiB of 64 MiB, full", "predicted   oomleak (15598), 21,400 points",
        "kernel      chose oomleak (15598): the same",
        "spared      oomleak at an oom_score_adj of -710 or less; then sleep (15599) dies",
        "killed      oomleak (15598), freed 63.6 MiB anonymous",
    ):  # fmt: skip
        assert part in done.stdout


def test_an_old_report_is_read_and_not_predicted():
    done = read(real.OLD)
    assert "nobody: Linux 2.6.24 chose by other rules" in done.stdout
    assert "killed      SABnzbd.py (5790)" in done.stdout


def test_another_adj_is_tried():
    done = read(real.V1, "--adj", "15598=-1000", "--adj", "15599=10")
    assert "with 15598 at -1000, 15599 at 10: sleep (15599)" in done.stdout
    (found,) = objects(real.V1, "--adj", "15598=-1000")
    assert found["predicted_with_adj"] == [
        {"pid": 15599, "name": "sleep", "points": 5255, "oom_score_adj": 300}
    ]


def test_json_has_what_its_page_in_docs_says():
    (found,) = objects(real.V1)
    assert found["constraint"] == "CONSTRAINT_MEMCG" and found["invoked_by"] == "oomleak"
    assert found["limit_bytes"] == 64 * MIB
    assert found["victim"]["pid"] == 15598 and found["victim"]["name"] == "oomleak"
    assert found["victim"]["anon_rss_bytes"] == 65152 * KIB
    assert [task["rss_bytes"] for task in found["tasks"]] == [16557 * 4096, 445 * 4096]
    assert found["predicted_victim"]["pid"] == 15598 and found["agrees"] is True
    page = (real.FOLDER.parents[2] / "docs" / "oom-json.md").read_text()
    for part in (found, found["victim"], found["tasks"][0], found["invoked"], found["account"]):
        assert [name for name in part if f"`{name}`" not in page] == []


def test_json_of_a_machine_without_a_limit_and_without_a_table():
    (found,) = objects(real.NO_TABLE)
    assert found["limit_bytes"] is None and found["tasks"] == []
    assert found["predicted_victim"] is None and "no table" in found["not_predicted"]


def test_several_reports_come_one_by_one(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(map(real.text, real.NAMES)))
    done = run("oom", "read", path, "--json")
    assert [json.loads(line)["victim"]["pid"] for line in done.stdout.splitlines()] == [
        5790, 183960, 574, 574, 8379, 8387, 15598,
    ]  # fmt: skip
    # an adj is for the reports whose table has the process, and refused where none has
    assert "with 15598 at 0" in run("oom", "read", path, "--adj", "15598=0").stdout
    one_line(run("oom", "read", path, "--adj", "4242=0"), "4242")


def test_standard_input_is_read():
    done = subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", "oom", "read", "-"],
        input=real.text(real.V2), capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip
    assert done.returncode == 0 and b"stress-ng-vm (183960): the same" in done.stdout


def test_the_page_needs_no_network_and_obeys_no_name(tmp_path):
    log, page = tmp_path / "log", tmp_path / "page.html"
    log.write_bytes(real.text(real.V1).replace(b"oomleak", b"<b>\x1b[31m<i>"))
    done = run("oom", "read", log, "--html", page)
    assert done.returncode == 0 and str(page) in done.stderr
    text = page.read_text()
    assert "<b>" not in text.split("</script>")[-1] and "\x1b" not in text
    assert text.count('class="plotly-graph-div"') == 2
    assert "\x1b" not in run("oom", "read", log).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["/no/such/log"], ["/"], ["/etc/hostname"], ["/dev/null"], ["n" * 300],
        [str(real.FOLDER / real.V1), "--adj", "1"], [str(real.FOLDER / real.V1), "--adj", "1=1001"],
        [str(real.FOLDER / real.V1), "--adj", "x=1"], [str(real.FOLDER / real.V1), "--swap", "much"],
        [str(real.FOLDER / real.V1), "--html", "/no/such/folder/x.html"], [], ["--kmsg", "file"],
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(words):
    one_line(run("oom", "read", *words))


def test_a_compressed_log_says_how(tmp_path):
    path = tmp_path / "syslog.2.gz"
    path.write_bytes(b"\x1f\x8b\x08\0")
    one_line(run("oom", "read", path), "zcat")


def test_kmsg_is_read_or_refused_in_one_line():
    done = run("oom", "read", "--kmsg")
    if done.returncode:
        one_line(done, "/dev/kmsg")
    else:
        assert "OOM report" in done.stdout


def test_scores_are_the_kernel_s_in_the_kernel_s_order():
    done = run("oom", "scores", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    mine = next(row for row in found["processes"] if row["pid"] == os.getpid())
    with open("/proc/self/oom_score_adj") as file:
        assert mine["score_adj"] == int(file.read())
    assert mine["rss"] > 10 * MIB and mine["counted"] >= mine["rss"] + mine["page_tables"]
    order = [
        row["score"] for row in found["processes"] if row["pid"] != 1 and row["score_adj"] != -1000
    ]
    assert order == sorted(order, reverse=True)
    board = memlab.oom_scores()
    assert board.total == found["total_bytes"]
    assert {os.getpid(), os.getppid()} <= {row.pid for row in board.rows}


def test_the_scoreboard_is_a_table_and_a_page(tmp_path):
    done = run("oom", "scores", "--top", 3)
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 8
    assert done.stdout.splitlines()[0].split()[:2] == ["score", "adj"]
    page = tmp_path / "page.html"
    assert run("oom", "scores", "--html", page).returncode == 0
    assert "plotly-graph-div" in page.read_text()


KEPT = PACKAGE + "/notebooks/recordings/oom_tmpfs.json"


def test_a_kept_rehearsal_is_shown_without_running_anything(tmp_path):
    done = run("oom", "rehearse", "--replay", KEPT, "--predict", "writer")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "3 tasks in a memory cgroup of 100 MiB; writer takes more",
        "memlab      said innocent before it ran", "you         said writer, and it was another",
        "chose innocent first, as memlab said", "of it are files: in no process's RSS",
        "kernel log: 3 reports in /dev/kmsg, 3 whole",
    ):  # fmt: skip
        assert part in done.stdout
    page = tmp_path / "page.html"
    assert run("oom", "rehearse", "--replay", KEPT, "--html", page).returncode == 0
    assert page.read_text().count("plotly-graph-div") >= 6


def test_a_rehearsal_as_json():
    done = run("oom", "rehearse", "--replay", KEPT, "--json")
    told = json.loads(done.stdout)
    assert told["predicted_victim"] == told["victim"] == "innocent" and told["agrees"] is True
    assert [one["chosen"]["name"] for one in told["reports"]] == ["innocent", "other", "writer"]
    assert told["learner_is_right"] is None and told["most_rss"] == "innocent"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--task", "web"], "write it like web:40MiB"),
        (["--task", "web:1MiB"], "two to 8"),
        (["--seed", "1", "--table"], "two rehearsals"),
        (["--seed", "1", "--limit", "64MiB"], "says all about the group"),
        (["--seed", "0"], "is no count"),
        (["--predict", "nobody"], "say one of database, web, leaker"),
        (["--write", "x.md"], "--write is for --table"),
        (["--table", "2", "--json"], "is for one rehearsal"),
        (["--replay", "/nonexistent"], "cannot be read"),
        (["--replay", str(real.FOLDER / real.V1)], "is no rehearsal of memlab"),
        (["--limit", "1TiB"], "choose one of 16 MiB to 256 MiB"),
    ],
)
def test_a_rehearsal_that_makes_no_sense_is_one_line(words, says):
    done = run("oom", "rehearse", *words)
    assert done.returncode == 2 and says in done.stderr.splitlines()[-1], done


@pytest.mark.live
def test_a_live_rehearsal_is_kept_and_says_how_to_type_it(tmp_path):
    done = run("oom", "rehearse", "--task", "a:20MiB", "--task", "b:2MiB:grows", "--limit", "32MiB",
               "--predict", "a", "--keep", tmp_path / "kept")  # fmt: skip
    if "needs a memory cgroup" in done.stderr:
        return one_line(done, "memlab oom read")
    assert done.returncode == 0 and "you         said a, and so it was" in done.stdout, done
    assert (
        "again: memlab oom rehearse --limit 32MiB --task a:20MiB --task b:2MiB:grows" in done.stdout
    )
    assert "said a before" in run("oom", "rehearse", "--replay", tmp_path / "kept").stdout
    return None
