"""What is said of pasted texts and single looks: nothing that was not done, nothing for another machine."""

from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.observe.pasted import open_pasted
from memlab.present.text import diagnosis_text
from memlab.present.ticket import ticket_text

CAPTURES = Path(__file__).parents[1] / "data" / "captures"


def said(name, words=diagnosis_text):
    return words(diagnose(open_pasted([str(CAPTURES / name)])))


@pytest.mark.parametrize("name", ["sshd.pmap.txt", "tools/status.txt", "tools/smaps.txt"])
def test_one_look_is_called_that_and_has_cost_nothing(name):
    text = said(name)
    assert ", one look" in text and "not what grows" in text
    assert "pid 0" not in text and "looking cost" not in text and "1 anonymous mappings" not in text
    assert "pid 0" not in said(name, ticket_text) and "/proc" not in said(name, ticket_text)


def test_who_is_not_named_is_said_to_be_so():
    assert "sshd (its pid is not said)" in said("sshd.pmap.txt")
    assert "target    not named in what was handed in" in said("app_server.smaps.txt")


def test_a_log_says_how_long_it_is_and_no_cost():
    text = said("app_server.pidstat.txt")
    assert "observed for 4 min" in text and "looking cost" not in text


def test_what_is_next_for_a_process_elsewhere_is_not_to_watch_its_pid_here(tmp_path):
    lines = ["Linux 6.1.0 (db1) 11/26/26 _x86_64_ (2 CPU)", ""]
    lines += [
        f"11:00:{n:02d}  0  4242  253.47  0.00  900000  {5540 + 1024 * n}  0.02  db"
        for n in range(20)
    ]
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n")
    (finding,) = diagnose(open_pasted([str(path)])).findings
    assert finding.pattern is None
    assert "memlab diagnose" not in finding.next
    assert "memlab-capture 4242" in finding.next


def test_who_was_killed_is_not_to_be_watched():
    text = said(CAPTURES.parent / "oom" / "linux-2.6.24-global.syslog.txt")
    assert "SABnzbd.py (pid 5790) was killed" in text
    assert "to decide memlab oom read" in text and "diagnose 5790" not in text
