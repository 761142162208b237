"""The plugin as a user meets it: by installation, in a pytest of its own, on what real libraries do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from memlab.lab.build import compiler
from tests.pytest_plugin.controls import CONTROLS
from tests.pytest_plugin.leaks import LEAKS

pytest_plugins = ["pytester"]
HERE = Path(__file__).parent


class Ran:
    """What a run of pytest said: its output, and the words of each test that failed, was skipped, or passed (None)."""

    def __init__(self, done: pytest.RunResult, junit: Path) -> None:
        self.out = done.stdout.str()
        self.status = done.ret
        self.tests: dict[str, str | None] = {}
        for case in ElementTree.parse(junit).iter("testcase"):
            said = [*case.iter("failure"), *case.iter("error"), *case.iter("skipped")]
            words = "\n".join(f"{one.get('message')}\n{one.text}" for one in said) if said else None
            self.tests[str(case.get("name"))] = words


def run(pytester: pytest.Pytester, *arguments: str | Path, seconds: float = 110) -> Ran:
    """Another pytest, with this plugin alone: of those installed beside it each costs time."""
    junit = pytester.path / "junit.xml"
    done = pytester.runpytest_subprocess(
        *(
            "-p",
            "memlab.pytest_plugin",
            "-p",
            "no:cacheprovider",
            f"--junitxml={junit}",
            *arguments,
        ),
        timeout=seconds,
    )
    return Ran(done, junit)


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, memlab.pytest_plugin; "
        "print([m for m in ('numpy', 'plotly', 'ipywidgets', 'memlab.session') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.live
@pytest.mark.timeout(300)
def test_what_keeps_nothing_passes(pytester: pytest.Pytester) -> None:
    ran = run(pytester, shutil.copy(HERE / "controls.py", pytester.path), "-v", seconds=290)
    assert {name: said for name, said in ran.tests.items() if said} == {}
    assert len(ran.tests) > len(CONTROLS)
    assert "NoLeakWarning" not in ran.out
    # what would not have been seen: 3 x 128 KiB over 20 rounds
    assert "test_control[json]: flat, 20 rounds in" in ran.out
    assert "less than 19.2 KiB a round" in ran.out


@pytest.mark.live
@pytest.mark.timeout(300)
def test_what_is_kept_is_found_and_named(pytester: pytest.Pytester) -> None:
    ran = run(pytester, shutil.copy(HERE / "leaks.py", pytester.path), seconds=290)
    assert len(ran.tests) == len(LEAKS) + 1
    found = {name: _pattern(said) for name, said in ran.tests.items()}
    assert found == {f"test_leak[{name}]": pattern for name, (pattern, _) in LEAKS.items()} | {
        "test_marked": "heap"
    }
    said = ran.tests["test_leak[thread_local]"] or ""
    for part in (
        "  where     [heap]",
        "KiB a round (resident)",
        "  evidence  ",
        "  not seen  less",
    ):
        assert part in said
    assert (
        "  next      memray run --trace-python-allocators -o leak.bin -m pytest 'leaks.py::test_leak[thread_local]';"
        " memray flamegraph --leaks leak.bin" in said
    )
    assert "checking.py" not in ran.out, "a traceback of ours"


def _pattern(said: str | None) -> str | None:
    lines = [line for line in (said or "").splitlines() if line.startswith("  pattern   ")]
    return lines[0].split()[1] if lines else said


EXTENSION = """
#include <Python.h>
static PyObject *make(PyObject *self, PyObject *ignored)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 50000);
    if (bytes == NULL)
        return NULL;
    memset(PyBytes_AS_STRING(bytes), 1, 50000);
    PyObject *length = PyLong_FromSsize_t(PyBytes_GET_SIZE(bytes));
#ifdef FIXED
    Py_DECREF(bytes);
#endif
    return length;
}
static PyMethodDef methods[] = {{"make", make, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, NAME, NULL, -1, methods};
PyMODINIT_FUNC START(void) { return PyModule_Create(&module); }
"""


@pytest.mark.live
def test_a_missing_decref_in_c_is_found_and_its_fixed_twin_passes(
    pytester: pytest.Pytester,
) -> None:
    include = sysconfig.get_paths()["include"]
    if not Path(include, "Python.h").exists():
        pytest.skip("needs Python.h (Debian: python3-dev)")
    for name, flags in (("leaky", ()), ("fixed", ("-DFIXED",))):
        source = pytester.path / f"{name}.c"
        source.write_text(EXTENSION.replace("NAME", f'"{name}"').replace("START", f"PyInit_{name}"))
        library = pytester.path / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
        command = [*compiler(), "-shared", "-fPIC", "-O1", f"-I{include}", *flags, "-o", library]
        subprocess.run([*map(str, command), str(source)], check=True)
    pytester.makepyfile(
        """
        import fixed, leaky
        def test_leaky(no_leak): no_leak(leaky.make, rounds=20)
        def test_fixed(no_leak): no_leak(fixed.make, rounds=20)
        """
    )
    ran = run(pytester)
    assert _pattern(ran.tests["test_leaky"]) == "heap"
    assert ran.tests["test_fixed"] is None


@pytest.mark.live
@pytest.mark.timeout(300)
def test_it_works_in_the_workers_of_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        KEPT = []
        def test_leak(no_leak): no_leak(lambda: KEPT.append(bytearray(50_000)), rounds=20)
        def test_none(no_leak): no_leak(lambda: bytearray(50_000), rounds=20)
        """
    )
    ran = run(pytester, "-p", "xdist", "-n", "2", "-v", seconds=290)
    assert _pattern(ran.tests["test_leak"]) == "heap"
    assert ran.tests["test_none"] is None
    assert "::test_none: flat, 20 rounds in" in ran.out, "the summary is the controller's"


def test_what_cannot_be_watched_is_said_in_one_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, unittest, pytest
        async def work(): pass
        @pytest.mark.no_leak
        async def test_async(): pass
        def test_async_call(no_leak): no_leak(work)
        def test_coroutine(no_leak): no_leak(lambda: work())
        def test_few(no_leak): no_leak(list, rounds=3)
        @pytest.mark.no_leak(7)
        def test_positional(): pass
        @pytest.mark.no_leak(round=7)
        def test_misspelt(): pass
        class TestOfUnittest(unittest.TestCase):
            @pytest.mark.no_leak
            def test_method(self): pass
        """
    )
    ran = run(pytester)
    said = {name: (words or "passed").partition("\n")[0] for name, words in ran.tests.items()}
    no_async = "an async function is not watched; call asyncio.run(…) in a plain one"
    misused = "write the marker as no_leak(rounds=100, warm_up=10, collect=True)"
    expected = {
        "test_async": no_async,
        "test_async_call": no_async,
        "test_coroutine": "the call returned a coroutine, which nobody ran; call asyncio.run(…) in it",
        "test_few": "rounds=3: write a whole number, at least 10",
        "test_positional": misused,
        "test_misspelt": misused,
        "test_method": "the marker works on plain test functions and methods only, not on those of "
        "unittest and not on doctests",
    }
    for name, words in expected.items():
        assert f"no_leak: {words}" in said[name], name
    assert "hidden" not in ran.out
    assert "During handling" not in ran.out


def test_a_failure_of_the_call_is_the_users_own(pytester: pytest.Pytester) -> None:
    """With its traceback, nothing of ours in it, and the output of that round only."""
    pytester.makepyfile(
        """
        import itertools, pytest
        ROUND = itertools.count()
        @pytest.mark.no_leak
        def test_third_round():
            n = next(ROUND)
            print("round", n, "begins")
            assert n < 2, "told by the user"
        def broken(): raise KeyError("told by the call")
        def test_call(no_leak): no_leak(broken)
        @pytest.mark.no_leak
        def test_skips(): pytest.skip("told by the skip")
        """
    )
    ran = run(pytester)
    assert "told by the user" in (ran.tests["test_third_round"] or "")
    assert "told by the call" in (ran.tests["test_call"] or "")
    assert "told by the skip" in (ran.tests["test_skips"] or "")
    assert "round 2 begins" in ran.out
    assert "round 1 begins" not in ran.out
    assert ">   def broken(): raise" in ran.out
    for ours in ("pytest_plugin/", "_check", "hidden"):
        assert ours not in ran.out


def test_elsewhere_than_on_linux_it_is_skipped(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\nsys.platform = 'darwin'\n")
    pytester.makepyfile(
        """
        import pytest
        def test_fixture(no_leak): no_leak(list)
        @pytest.mark.no_leak
        def test_marker(): pass
        """
    )
    ran = run(pytester)
    for name in ("test_fixture", "test_marker"):
        assert "no_leak reads Linux's /proc; this is darwin" in (ran.tests[name] or "")


def test_it_is_there_by_installation(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    ran = pytester.runpytest_subprocess("--markers")
    assert "@pytest.mark.no_leak(rounds=100, warm_up=10, collect=True):" in ran.stdout.str()


@pytest.mark.live
def test_a_round_keeps_as_much_however_long_it_takes(pytester: pytest.Pytester) -> None:
    """On a machine that is busy for a while the later rounds are slow: by the clock the growth would come to rest."""
    pytester.makepyfile(
        """
        import itertools, time
        ROUND, KEPT = itertools.count(), []
        def keep():
            time.sleep(0.02 if next(ROUND) % 100 >= 75 else 0)
            KEPT.append(bytearray(6_000))
        def test_leak(no_leak): no_leak(keep, warm_up=0)
        """
    )
    assert _pattern(run(pytester).tests["test_leak"]) == "heap"


@pytest.mark.live
def test_room_that_the_collector_makes_hides_no_leak(pytester: pytest.Pytester) -> None:
    """A test that fails leaves its traceback in cycles: collected in the window, that was room for what leaks."""
    pytester.makepyfile(
        """
        import gc
        KEPT = []
        def cycles():
            for n in range(30_000):
                one = {"n": n}
                one["itself"] = one
        def test_leak(no_leak):
            gc.disable()
            cycles()
            no_leak(lambda: KEPT.append([{"n": n} for n in range(20)]))
        """
    )
    assert _pattern(run(pytester).tests["test_leak"]) in ("anonymous", "heap")


@pytest.mark.soak
@pytest.mark.live
def test_no_flake_in_200_runs_and_the_leak_in_20_of_20(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import json, pytest
        TEXT, KEPT = json.dumps([{"n": n, "text": "x" * 50} for n in range(300)]), []
        @pytest.mark.parametrize("run", range(200))
        def test_control(no_leak, run): no_leak(lambda: json.loads(TEXT))
        @pytest.mark.parametrize("run", range(20))
        def test_leak(no_leak, run): no_leak(lambda: KEPT.append(json.loads(TEXT)[:20]))
        """
    )
    ran = run(pytester, seconds=3600)
    control = {name: said for name, said in ran.tests.items() if name.startswith("test_control")}
    leak = {name: said for name, said in ran.tests.items() if name.startswith("test_leak")}
    assert (len(control), len(leak)) == (200, 20)
    assert {name: said for name, said in control.items() if said} == {}
    assert "NoLeakWarning" not in ran.out
    assert all(_pattern(said) in ("anonymous", "heap") for said in leak.values())
