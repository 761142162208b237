"""The explanation as text: fits the width, and says what it does not know."""

from pathlib import Path

import pytest

from memlab.errors import MemlabError
from memlab.present.what import what_text

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize("width", [60, 100, 160])
@pytest.mark.parametrize(
    "name", ["captures/app_server.smaps.txt", "proc/meminfo", "proc/26231/status"]
)
def test_it_fits_the_width(name, width):
    shown = what_text((DATA / name).read_text(), width)
    words_longer_than_a_line = [word for word in shown.split() if len(word) > width - 8]
    assert max(map(len, shown.splitlines())) <= width or words_longer_than_a_line


def test_unknown_lines_are_listed():
    shown = what_text("VmRSS:  80 kB\nfoo bar\n")
    assert "not recognised: 1 line\n  2: foo bar" in shown


def test_nothing_known_names_the_nearest():
    with pytest.raises(MemlabError, match=r"did you mean .*Committed_AS"):
        what_text("Comitted_AS")
    with pytest.raises(MemlabError, match="no text"):
        what_text(" \n")


def test_sizes_beside_this_machine_only_when_asked():
    assert "this machine" not in what_text("VmRSS: 1024 kB")
    assert "1 MiB resident is 10 % of this machine's 10 MiB" in what_text(
        "VmRSS: 1024 kB", 100, 10 << 20
    )
