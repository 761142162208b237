"""Pytest: a test fails where what it calls keeps memory, with the finding that `memlab diagnose` gives.

    def test_parse(no_leak):
        no_leak(lambda: parse(TEXT), rounds=200)

    @pytest.mark.no_leak(rounds=50)
    def test_round_trip(tmp_path): ...

It is there by installation (entry point pytest11), and loads nothing of weight before the first check.
How it judges, and what it cannot see: docs/pytest.md.
"""

from __future__ import annotations

import inspect
import sys
import unittest
from collections.abc import Callable
from typing import Any

import pytest

_PROPERTY = "memlab.no_leak"
_DEFAULTS = {"rounds": 100, "warm_up": 10, "collect": True}
_SIGNATURE = f"no_leak({', '.join(f'{name}={value}' for name, value in _DEFAULTS.items())})"


class NoLeakWarning(UserWarning):
    """A check that could not decide: the test passes, and this says what would decide it."""


class NoLeak:
    """What the fixture `no_leak` is: call it with what must not keep memory."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(
        self,
        call: Callable[[], object],
        rounds: int = 100,
        *,
        warm_up: int = 10,
        collect: bool = True,
    ) -> None:
        """Call `call()` `warm_up` times, then `rounds` times under watch; fail the test where that leaks.

        With `collect` the garbage collector runs before each reading: what it would free is no leak.
        An exception of `call` passes through at once.
        """
        __tracebackhide__ = _is_not_ours
        _check(self._item, call, {"rounds": rounds, "warm_up": warm_up, "collect": collect})


@pytest.fixture
def no_leak(request: pytest.FixtureRequest) -> NoLeak:
    """`no_leak(call, rounds=100)` fails the test where calling `call()` again and again keeps memory."""
    return NoLeak(request.node)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_SIGNATURE}: call this test in rounds, and fail it where it keeps memory, descriptors or "
        "stacks of threads (memlab)",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say where the marker would have no effect."""
    if item.get_closest_marker("no_leak") is None:
        return
    owner = getattr(item, "cls", None)
    if not isinstance(item, pytest.Function) or (owner and issubclass(owner, unittest.TestCase)):
        pytest.fail(
            "no_leak: the marker works on plain test functions and methods only, not on those of "
            "unittest and not on doctests",
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test in rounds, its fixtures made once; leave the others to pytest."""
    __tracebackhide__ = _is_not_ours
    marker = pyfuncitem.get_closest_marker("no_leak")
    if marker is None:
        return None
    if marker.args or set(marker.kwargs) - set(_DEFAULTS):
        pytest.fail(f"no_leak: write the marker as {_SIGNATURE}", pytrace=False)
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    _check(pyfuncitem, pyfuncitem.obj, {**_DEFAULTS, **marker.kwargs}, arguments)
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was checked, and what would not have been seen; each check on a line with -v."""
    lines = [
        (report.nodeid, text)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, text in getattr(report, "user_properties", ())
        if name == _PROPERTY
    ]
    if not lines:
        return
    terminalreporter.section("no_leak")
    if terminalreporter.verbosity > 0:
        for nodeid, text in lines:
            terminalreporter.write_line(f"{nodeid}: {text}")
    else:
        checks = "check" if len(lines) == 1 else "checks"
        terminalreporter.write_line(
            f"{len(lines)} {checks}; -v says of each what it would not have seen"
        )


def _is_not_ours(error: pytest.ExceptionInfo[BaseException]) -> bool:
    """Our frames are hidden from the traceback of the user's exception; what we say ourselves has none."""
    return not error.errisinstance(pytest.fail.Exception)


def _check(
    item: pytest.Item,
    call: Callable[..., object],
    asked: dict[str, Any],
    arguments: dict[str, Any] | None = None,
) -> None:
    """Watch the rounds, note what was seen for the summary, and fail the test where it leaks."""
    __tracebackhide__ = _is_not_ours
    if not sys.platform.startswith("linux"):
        pytest.skip(f"no_leak reads Linux's /proc; this is {sys.platform}")
    if inspect.iscoroutinefunction(call):
        pytest.fail(
            "no_leak: an async function is not watched; call asyncio.run(…) in a plain one",
            pytrace=False,
        )
    from memlab.errors import MemlabError
    from memlab.pytest_plugin.checking import check
    from memlab.pytest_plugin.kept import Kept

    rounds = _Rounds(call, arguments or {}, Kept(item))
    try:
        with rounds.kept:
            checked = check(rounds, item.nodeid, **asked)
    except MemlabError as error:
        raise pytest.fail.Exception(f"no_leak: {error}", pytrace=False) from None
    except BaseException as error:
        if error is not rounds.failure:
            raise
        # from the call on: how we came to call it is nobody's business
        raise error.with_traceback(rounds.traceback) from error.__cause__
    item.user_properties.append((_PROPERTY, checked.line))
    if checked.undecided:
        item.warn(NoLeakWarning(checked.undecided))
    if checked.failure:
        pytest.fail(checked.failure, pytrace=False)


class _Rounds:
    """Calls the call; keeps its exception with the part of the traceback that is the user's."""

    def __init__(self, call: Callable[..., object], arguments: dict[str, Any], kept: Any) -> None:
        self._call, self._arguments, self.kept = call, arguments, kept
        self.failure: BaseException | None = None
        self.traceback: Any = None

    def __call__(self) -> None:
        __tracebackhide__ = _is_not_ours
        self.kept.forget()
        try:
            returned = self._call(**self._arguments)
        except BaseException as error:
            self.failure, self.traceback = error, error.__traceback__
            raise
        if inspect.iscoroutine(returned):
            returned.close()
            pytest.fail(
                "no_leak: the call returned a coroutine, which nobody ran; call asyncio.run(…) in it",
                pytrace=False,
            )
