"""`memlab pmap`, `top`, `why`, `compare`, `translate` as a person types them."""

import re

import pytest

from tests.cli.test_commands import one_line, run
from tests.still_process import still_process

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def still():
    with still_process() as pid:
        yield pid


def kb(word):
    return int(word.replace(",", ""))


def test_pmap_adds_up_and_has_a_kind_for_each_mapping(still):
    _, header, *lines, _, total = run("pmap", still).stdout.splitlines()
    assert header.split() == "Address Kbytes RSS Dirty Mode Type Kind Mapping".split()
    sums = [sum(int(line.split()[column]) for line in lines) for column in (1, 2, 3)]
    assert total.split() == ["total", "kB", *map(str, sums)]
    assert any("[heap]" in line and "private anonymous" in line for line in lines)
    assert any("memfd" in line and "shared anonymous" in line for line in lines)
    full = run("pmap", "--full", still).stdout.splitlines()
    assert {"Pss", "Private_Dirty", "Swap"} <= set(full[0].split())
    assert len(full) == len(lines) + 2


def test_top_names_the_field_behind_each_column(still):
    names, files, fields, line, *rest = run("top", still).stdout.splitlines()
    columns = dict(
        zip(names.split()[1:-1], zip(files.split()[1:], fields.split(), strict=False), strict=False)
    )
    assert columns["VIRT"] == ("statm", "size")
    assert columns["nDRT"] == ("statm", "dt")
    assert columns["SWAP"] == ("status", "VmSwap")
    words = dict(zip(names.split(), line.split(), strict=False))
    assert (words["PID"], words["nDRT"]) == (str(still), "0")
    with open(f"/proc/{still}/statm") as file:
        assert kb(words["RES"]) == int(file.read().split()[1]) * 4
    assert any("0 since Linux 2.6" in sentence for sentence in rest)


def test_top_lists_the_hungriest_first():
    lines = run("top", "--top", 3).stdout.splitlines()[3:]
    sizes = [int(line.split()[2]) for line in lines[:3]]
    assert sizes == sorted(sizes, reverse=True)
    assert "more with less" in lines[3]


def test_why_by_itself_and_between_two_figures(still):
    chain = run("why", still).stdout
    assert all(name in chain for name in ("ps.rss", "smaps.rss", "smaps.pss", "smaps.uss"))
    found = run("why", "PMAP.RSS", "smem.pss", still).stdout
    assert re.search(r"residual over all: 0 k?B$", found.strip())
    assert "the others' share of private file mappings" in found


def test_compare_has_all_six_tools(still):
    lines = run("compare", still).stdout.splitlines()
    assert lines[2].split() == ["top", "pidstat", "pmap", "smem", "cgroup", "free"]
    (resident,) = (line.split() for line in lines if line.startswith("resident"))
    total = run("pmap", still).stdout.splitlines()[-1].split()[3]
    assert resident[3] == resident[4] == f"{int(total):,}"  # pmap and smem both add up smaps


def test_translate_takes_a_name_and_a_number(still):
    by_name = run("translate", still, "[heap]").stdout
    address = by_name.split()[0]
    assert run("translate", still, address).stdout == by_name
    assert run("translate", still, address.removeprefix("0x")).stdout == by_name
    assert "private anonymous, [heap]; 0 B into its" in by_name


@pytest.mark.parametrize("command", [["pmap"], ["why"], ["compare"], ["top"]])
def test_a_process_that_is_not_there(command):
    one_line(run(*command, 99999999), "no process 99999999")


def test_what_makes_no_sense_is_one_line(still):
    one_line(run("translate", 99999999, "[heap]"), "no process 99999999")
    one_line(run("translate", still, "[heep]"), "neither an address nor a mapping", "[heap]")
    one_line(run("translate", still, "0x10"), "no mapping at 0x10", "the nearest")
    one_line(run("why", "ps.rss", still), "two figures")
    one_line(run("why", "ps.rss", "ps.pss", still), "'ps.pss' is no figure", "smem.pss")
