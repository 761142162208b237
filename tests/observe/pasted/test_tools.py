"""What the tools of procps 4.0.2 and sysstat 12.6.1 really printed about one leaker, and texts that nobody wrote."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memlab.diagnose import diagnose
from memlab.errors import MemlabError
from memlab.observe.pasted import open_pasted

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
TOOLS = CAPTURES / "tools"
STACK_AND_GUARD = 10244 * 1024


@pytest.mark.parametrize("name", ["r", "rh", "rs", "ru", "rudh"])
def test_each_layout_of_pidstat_gives_the_steps(name):
    found = diagnose(open_pasted([str(TOOLS / f"pidstat-{name}.txt")]))
    (finding,) = found.findings
    assert (finding.pattern, finding.step.bytes) == ("thread-stack", STACK_AND_GUARD)
    assert found.target["comm"] == "thread-stack"


def test_pidstat_with_suffixes_is_read_as_bytes():
    size = open_pasted([str(TOOLS / "pidstat-r--human.txt")]).series("stat.vsize").values
    # 13.6M is 13,880 kB to a tenth of a MiB
    assert size[0] == pytest.approx(13880 * 1024, abs=(1 << 20) / 10)
    assert size[1] - size[0] == pytest.approx(STACK_AND_GUARD, abs=(1 << 20) / 5)


@pytest.mark.parametrize("name", ["pmap", "pmap-x", "pmap-d", "pmap-X", "pmap-XX"])
def test_each_layout_of_pmap_shows_each_stack_once(name):
    mappings = (TOOLS / "maps.txt").read_text().splitlines()
    opened = open_pasted([str(TOOLS / f"{name}.txt")])
    assert f"one look at {len(mappings)} mappings" in opened.sources[0]
    # the copy of smaps, taken in the same second, has as many
    (shape,) = diagnose(open_pasted([str(TOOLS / "smaps.txt")])).standing
    count = int(shape.split()[0])
    assert any(
        sentence.startswith(f"{count} mappings of 10,240 kB beside a closed one")
        for sentence in opened.told
    )


@pytest.mark.parametrize("path", sorted(TOOLS.glob("*.txt")), ids=lambda path: path.stem)
def test_each_text_is_taken_for_what_printed_it(path):
    tool = path.stem.partition("-")[0]
    assert tool in open_pasted([str(path)]).sources[0].rpartition(f"{path}: ")[2]


_LINES = [
    line for path in sorted(CAPTURES.rglob("*.txt")) for line in path.read_text().splitlines()
]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(st.sampled_from(_LINES) | st.text(max_size=60), max_size=30),
    cut=st.integers(0, 40),
)
def test_no_mixture_of_lines_does_worse_than_an_error_of_ours(tmp_path, lines, cut):
    text = "\n".join(lines)
    path = tmp_path / "mixed.txt"
    path.write_bytes(text[: max(0, len(text) - cut)].encode(errors="replace"))
    with suppress(MemlabError):
        diagnose(open_pasted([str(path)]))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(sorted(CAPTURES.rglob("*.txt"))),
    start=st.integers(0, 4000),
    length=st.integers(1, 4000),
    noise=st.binary(max_size=4),
)
def test_no_excerpt_does_worse_than_an_error_of_ours(tmp_path, path, start, length, noise):
    content = path.read_bytes()
    start %= len(content)
    excerpt = tmp_path / "excerpt.txt"
    middle = start + length // 2
    excerpt.write_bytes(content[start:middle] + noise + content[middle : start + length])
    with suppress(MemlabError):
        diagnose(open_pasted([str(excerpt)]))
