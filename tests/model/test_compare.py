"""One instant through six tools: every cell is the field that it names, and a gap says why."""

import re

import pytest

from memlab.model.compare import TOOLS, compare
from memlab.model.readings import figure
from memlab.present.compare import compare_text
from tests.model.views import MIB, STAT_V2, group_of_version_2, whole, with_texts
from tests.still_process import still_process

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sample():
    with still_process() as pid:
        yield whole(pid)


def cells(sample):
    return {question.name: question.cells for question in compare(sample).questions}


def row(text, name):
    return next(line for line in text.splitlines() if line.startswith(name))


def test_each_tool_answers_what_it_can_and_nothing_else(sample):
    answered = {name: set(found) for name, found in cells(sample).items()}
    assert answered["resident"] == {"top", "pidstat", "pmap", "smem"}
    assert answered["proportional"] == {
        "pmap",
        "smem",
    }  # top and pidstat cannot tell shared from own
    assert answered["page tables"] == answered["limit"] == {"cgroup"}
    assert "free" not in answered["resident"]  # it sees the machine only


def test_the_cells_are_the_fields_they_name(sample):
    found, words = cells(sample), sample.status
    assert found["virtual size"]["pidstat"].bytes == words.vm_size
    # [vsyscall] is listed by pmap, and counted by nobody
    assert found["virtual size"]["pmap"].bytes - words.vm_size in (0, 4096)
    assert found["resident"]["smem"].bytes == sample.smaps.total("rss")
    assert found["private"]["top"].bytes == words.rss_anon
    assert found["proportional"]["smem"].bytes == figure(sample, "smem.pss").bytes
    assert found["swap"]["top"].bytes == words.vm_swap
    assert found["available"]["free"].bytes == sample.meminfo.mem_available


def test_the_group_of_version_2(sample):
    known = with_texts(sample, group_of_version_2(sample.pid, limit=f"{96 * MIB}\n"))
    found = cells(known)
    assert (found["limit"]["cgroup"].bytes, found["limit"]["cgroup"].field) == (
        96 * MIB,
        "memory.max",
    )
    assert found["machine used"]["cgroup"].bytes == 75 * MIB
    assert found["private"]["cgroup"].bytes == STAT_V2["anon"]
    assert found["page tables"]["cgroup"].bytes == STAT_V2["pagetables"]
    said = compare(known).sight["cgroup"]
    assert "kernel memory (3,072 kB)" in said and "page cache (25,600 kB)" in said


def test_no_limit_is_not_told_and_no_number(sample):
    known = with_texts(sample, group_of_version_2(sample.pid))
    assert cells(known)["limit"]["cgroup"].bytes is None
    assert "not told" in row(compare_text(compare(known)), "limit")


def test_what_is_denied_is_a_cell_that_says_so(sample):
    blind = with_texts(sample, refused=[f"/proc/{sample.pid}/smaps"])
    found = compare(blind)
    resident = next(q for q in found.questions if q.name == "resident").cells
    assert resident["top"].bytes == sample.statm.resident
    assert (resident["pmap"].bytes, resident["pmap"].missing) == (None, "denied")
    assert "smaps may not be read" in found.sight["smem"]
    assert row(compare_text(found), "proportional").split()[-4:-2] == ["denied", "denied"]


def test_the_text_has_every_number_over_its_field(sample):
    found = compare(sample)
    text = compare_text(found)
    lines = text.splitlines()
    assert lines[2].split() == list(TOOLS)
    for question in found.questions:
        at = lines.index(row(text, question.name))
        numbers = re.findall(r"(?<= )(?:[\d,]+|-|denied|not told|not here)(?= |$)", lines[at])
        assert len(numbers) == len(TOOLS)
        for cell in question.cells.values():
            assert cell.field in lines[at + 1]
    assert all(any(line.startswith(tool) for line in lines) for tool in TOOLS)
