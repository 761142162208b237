"""Leakers are built on first use: once, whole or not at all, and without a compiler a clear word."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.errors import MemlabError, Unsupported
from memlab.lab import build
from memlab.lab.meters import METERS
from memlab.lab.registry import LANGUAGES, get, leakers
from memlab.model.diagnosis import Why
from memlab.model.memory import FOUR_TYPES, Basis, Pattern
from tests.lab.ordinary import as_root, run_as_nobody

PACKAGE = str(Path(memlab.__file__).parent.parent)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "memlab" / "leakers"


def built(cache):
    return sorted(path.relative_to(cache).as_posix().split("/")[1] for path in cache.glob("*/*"))


def test_a_leaker_is_built_into_the_cache_and_found_there_again(empty_cache, monkeypatch):
    (program,) = build.program("heap")
    assert Path(program).is_relative_to(empty_cache)
    assert Path(program).name == "heap", "the name that ps shows"
    made = os.stat(program).st_mtime_ns
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("built twice"))
    assert build.program("heap") == [program]
    assert os.stat(program).st_mtime_ns == made


def test_of_many_that_start_together_one_compiles(empty_cache, tmp_path):
    """The compiler leaves a mark each time that it is called."""
    compiler = tmp_path / "cc"
    compiler.write_text(f'#!/bin/sh\necho called >> {tmp_path}/calls\nexec gcc "$@"\n')
    compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    code = "from memlab.lab.build import program; print(program('anonymous')[0])"
    environment = {**os.environ, "CC": str(compiler), "PYTHONPATH": PACKAGE}
    together = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(4)
    ]
    places = {process.communicate(timeout=60)[0] for process in together}
    assert len(places) == 1
    assert (tmp_path / "calls").read_text().splitlines() == ["called"]
    assert built(empty_cache) == ["anonymous", "lock"]


def test_without_a_compiler_python_leakers_work_and_c_says_what_to_install(
    empty_cache, monkeypatch
):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Unsupported, match="no C compiler found: install gcc") as caught:
        build.program("heap", "c")
    assert "--lang python" in str(caught.value)
    assert build.program("heap", "python")[0] == sys.executable


def test_a_compiler_that_fails_is_one_line_and_leaves_nothing(empty_cache, tmp_path, monkeypatch):
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'heap.c:1: error: no such thing' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(MemlabError, match=r"could not compile heap\.c: .*no such thing"):
        build.program("heap")
    assert built(empty_cache) == ["lock"]


def test_a_cache_that_cannot_be_written_is_said_so(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(MemlabError, match="XDG_CACHE_HOME"):
        build.program("heap")


@as_root
def test_a_cache_that_cannot_be_read_is_said_so(tmp_path):
    """A home that belongs to somebody else, as after `su` without `-`."""
    code = "from memlab.lab import build; from memlab.errors import MemlabError\n"
    code += "try: build.program('heap')\nexcept MemlabError as error: print(error)"
    done = run_as_nobody("-c", code, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "set XDG_CACHE_HOME" in done.stdout


def test_every_leaker_is_built():
    assert build.build_all() == [name for name, leaker in leakers().items() if "c" in leaker.files]


@pytest.mark.parametrize("name", leakers())
def test_the_manifest_speaks_the_words_of_the_design(name):
    leaker = get(name)
    assert leaker.basis in set(Basis)
    assert leaker.memory_type in {"kernel", *(kind.label for kind in FOUR_TYPES)}
    assert leaker.languages
    assert set(leaker.languages) <= set(LANGUAGES)
    assert leaker.touch in ("share", "wholly", "never")
    assert (Path(PACKAGE) / "notebooks" / leaker.chapter).is_file()
    if leaker.is_lookalike:
        assert leaker.reason in set(Why)
    else:
        assert leaker.pattern in set(Pattern)
        assert set(leaker.moves) <= set(METERS)
        assert leaker.control


def test_every_pattern_has_a_leaker():
    assert {leaker.pattern for leaker in leakers().values()} == {"none", *Pattern}


def test_every_leaker_is_in_the_readers_list():
    listed = (Path(PACKAGE) / "leakers" / "README.md").read_text()
    for name, leaker in leakers().items():
        assert f"| `{name}` | {leaker.summary} |" in listed


def test_every_program_is_in_the_manifest():
    files = {leaker.path(lang) for leaker in leakers().values() for lang in leaker.languages}
    folder = Path(PACKAGE) / "leakers"
    programs = {*folder.glob("c/*.c"), *folder.glob("python/[!_]*.py")}
    assert {path.resolve() for path in files} == {path.resolve() for path in programs}


def test_of_an_unknown_leaker_or_language_the_known_ones_are_told():
    with pytest.raises(Unsupported, match=r"did you mean heap\? `memlab leakers` lists"):
        get("heep")
    with pytest.raises(Unsupported, match="c or python"):
        get("heap").path("rust")
