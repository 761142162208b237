"""`memlab trace` as a person types it, and what it shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.errors import Denied, Unsupported
from memlab.lab.experiment import start
from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Growth, Of, Stack, Stacks, summed
from memlab.present.stacks import icicle_figure, stacks_html, stacks_text
from memlab.trace import choose
from memlab.trace.watch import EARLY

PACKAGE = str(Path(memlab.__file__).parent.parent)
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
MAIN = Frame("main", "/src/app.c", 9, "/bin/app")
LEAK = Frame("leak", "/src/app.c", 17, "/bin/app")
OTHER = Frame("<other>", None, None, "/bin/app")
MMAP = Frame("mmap", None, None, LIBC)


def made(*stacks, **more):
    return Stacks("strace", "6.1", 42, 10.0, stacks, **more)


def trace(*words):
    return subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", "trace", *words],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip


def test_the_site_is_the_first_frame_beyond_the_library_and_allocators():
    new = Frame("operator new(unsigned long)", None, None, "/bin/app")
    assert Stack(1, 1, (MMAP, new, LEAK, MAIN), Of.BLOCK).site is LEAK
    assert Stack(1, 1, (MMAP,), Of.BLOCK).site is None
    assert str(LEAK) == "leak app.c:17"


def test_stacks_that_are_the_same_are_one_and_the_biggest_comes_first():
    one, two = summed(
        [
            ((MMAP, OTHER), Of.MAPPING, 10, 5.0),
            ((MMAP, LEAK), Of.MAPPING, 8, 3.0),
            ((MMAP, LEAK), Of.MAPPING, 9, 1.0),
        ]
    )
    assert (one.bytes, one.count, one.oldest_seconds, one.newest_seconds) == (17, 2, 3.0, 1.0)
    assert two.site is OTHER


def test_the_residual_counts_only_what_its_account_counts():
    stacks = made(
        Stack(80, 2, (LEAK,), Of.MAPPING),
        Stack(7, 1, (LEAK,), Of.FILE),
        growth=Growth(100, "VmSize", of=(Of.MAPPING,)),
    )
    assert stacks.residual == 20
    assert stacks.to_json()["residual_bytes"] == 20
    assert [stack["site"] for stack in stacks.to_json()["stacks"]] == ["leak app.c:17"] * 2


def test_the_text_marks_the_site_and_says_what_is_doubtful():
    stacks = made(
        Stack(3 << 20, 3, (MMAP, LEAK, MAIN), Of.MAPPING, 9.0, 1.0),
        growth=Growth(4 << 20, "VmSize", of=(Of.MAPPING,)),
        lost=("some",),
        doubts=("others",),
    )
    text = stacks_text(stacks, "app")
    assert "VmSize grew by 4 MiB meanwhile: 1 MiB of it has no stack" in text
    assert "100%  3 MiB  3 × mapping: leak app.c:17, 1.0 to 9.0 s old" in text
    assert "    > leak app.c:17\n      main app.c:9" in text
    assert text.endswith("lost  some\ndoubt others")
    assert "nothing was taken that is still held" in stacks_text(made())


def test_the_icicle_is_as_wide_as_the_bytes_and_lights_the_site():
    stacks = made(
        Stack(30, 3, (MMAP, LEAK, MAIN), Of.MAPPING), Stack(10, 1, (MMAP, OTHER, MAIN), Of.MAPPING)
    )
    (icicle,) = icicle_figure(stacks).data
    width = dict(zip(icicle.ids, icicle["values"], strict=True))
    assert width["all"] == width["all/main app.c:9"] == 40
    assert width["all/main app.c:9/leak app.c:17"] == 30
    lit = [
        name
        for name, colour in zip(icicle.labels, icicle.marker.colors, strict=True)
        if colour[0] == "#"
    ]
    assert lit == ["leak app.c:17", "&lt;other&gt; app"]


def test_a_page_without_stacks_has_no_figure():
    assert "plotly" not in stacks_html(made())
    assert "&lt;other&gt;" in stacks_html(made(Stack(1, 1, (OTHER,), Of.MAPPING)))


def test_the_engine_is_chosen_by_the_pattern_and_by_what_is_here(monkeypatch):
    def no(error):
        return lambda pid: (_ for _ in ()).throw(error)

    def able(*names):
        for name, engine in choose.ENGINES.items():
            answer = (lambda pid: None) if name in names else no(Denied(f"{name} may not"))
            monkeypatch.setitem(
                choose.ENGINES, name, choose.Engine(name, "", "", answer, engine.trace)
            )

    able(*choose.ENGINES)
    assert choose.choose(1, (Pattern.THREAD_STACK,)).engine.name == "py-spy"
    other = choose.Engine("py-spy", "", "", lambda pid: None, None, fits=lambda pid: False)
    monkeypatch.setitem(choose.ENGINES, "py-spy", other)
    assert choose.choose(1, (Pattern.THREAD_STACK,)).engine.name == "strace"
    assert choose.choose(1, (Pattern.MAIN_STACK,)).engine.name == "perf"
    able("strace", "heaptrack")
    chosen = choose.choose(1, (Pattern.HEAP,))
    assert (chosen.engine.name, chosen.passed_over) == ("heaptrack", ("memray may not",))
    able("bpftrace", "strace")
    assert choose.choose(1, (Pattern.HEAP,)).engine.name == "bpftrace"
    assert choose.choose(1, (Pattern.KERNEL,)).engine.name == "bpftrace"
    able("strace")  # never for brk alone
    assert choose.choose(1, (Pattern.KERNEL,)).engine.name == "strace"
    with pytest.raises(Denied, match="may not"):
        choose.choose(1, (Pattern.HEAP,))
    assert choose.choose(1, (Pattern.ANONYMOUS, Pattern.HEAP)).pattern is None
    with pytest.raises(
        Unsupported, match="there are strace, memray, py-spy, heaptrack, bpftrace, gdb, perf"
    ):
        choose.named("ltrace")


def test_an_engine_that_explains_little_is_followed_by_one_that_puts_nothing_in(monkeypatch):
    def able(pid):
        return None

    def refuses(pid):
        raise Denied("may not")

    def as_engine(name, why_not, intrudes=False):
        made = choose.Engine(name, "", "", why_not, None, intrudes=intrudes)
        monkeypatch.setitem(choose.ENGINES, name, made)

    as_engine("memray", able, intrudes=True)
    as_engine("py-spy", refuses)
    as_engine("strace", able)
    as_engine("heaptrack", able, intrudes=True)
    as_engine("bpftrace", refuses)
    choice = choose.choose(1, (Pattern.ANONYMOUS,))
    assert choice.engine.name == "memray"

    def explains(size, **more):
        growth = Growth(100, "Anonymous", of=(Of.BLOCK,))
        return made(Stack(size, 1, (LEAK,), Of.BLOCK), growth=growth, **more)

    further = choose.after(choice, explains(10), 1)
    assert (further.engine.name, further.pattern) == ("strace", Pattern.ANONYMOUS)
    assert choose.after(choice, explains(60), 1) is None
    assert choose.after(choice, explains(10, lost=(EARLY,)), 1) is None
    assert choose.after(further, explains(10), 1) is None  # heaptrack is left
    assert choose.explained(explains(25)) == 0.25


def test_what_is_wrong_is_one_line():
    for words in (
        ("0",),
        ("4194304", "--engine", "strace"),
        ("1", "--pattern", "leak"),
        (str(os.getpid()), "--engine", "x"),
    ):
        done = trace(*words)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""


@pytest.mark.live
@pytest.mark.needs("strace", "addr2line", "gcc")
def test_one_command_goes_from_the_process_to_the_missing_join(tmp_path):
    """The whole story: what grows, the tool for it, the line."""
    page = tmp_path / "page.html"
    with start("thread-stack", "c", rate="4/s", cap="800MiB") as leaker:
        done = trace(str(leaker.pid), "--seconds", "3", "--json", "--html", str(page))
        site = leaker.ledger[-1]["site"]
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["diagnosis"]["findings"][0]["pattern"] == "thread-stack"
    assert said["engine"] == "strace"
    first = said["stacks"][0]
    assert (first["site"], first["of"]) == (site, "thread stack")
    assert first["bytes"] == first["count"] * (10244 << 10)
    assert "never joined" in " ".join(said["doubts"])
    # the price is said before it is paid
    seen, price = done.stderr.splitlines()[:2]
    assert seen.startswith("LEAK: thread stacks grew by ")
    assert price.startswith(f"strace attaches to pid {leaker.pid} for 3 s: ")
    assert "leak thread-stack.c" in page.read_text()
