"""Processes to look at, ended by whoever started them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Disturbance(NamedTuple):
    """What a target's own mmap and munmap suffered: milliseconds."""

    calls: int
    delayed_ms: float
    longest_ms: float


class Target:
    """A process that holds still, or maps and unmaps a page over and over."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def go(self) -> None:
        self._say("go")

    def stop(self) -> Disturbance:
        self._say("stop")
        calls, delayed, longest = map(int, self._answer().split())
        return Disturbance(calls, delayed / 1e6, longest / 1e6)

    def _say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@contextmanager
def mappings(count: int, kind: str) -> Iterator[Target]:
    """A process with so many mappings, "uniform" or "mixed"."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/target"
        subprocess.run(["cc", "-O1", "-pthread", "-o", program, str(HERE / "target.c")], check=True)
        with running([program, str(count), kind]) as target:
            yield target


@contextmanager
def python_with(*modules: str) -> Iterator[Target]:
    """A Python process that has imported these."""
    code = f"import {', '.join(modules)}\nprint('ready', flush=True)\ninput()"
    with running([sys.executable, "-c", code]) as target:
        yield target


@contextmanager
def idle(count: int) -> Iterator[list[int]]:
    """Many small processes: their pids. They end when their standard input does."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/idle"
        subprocess.run(["cc", "-O1", "-o", program, str(HERE / "idle.c")], check=True)
        process = subprocess.Popen(
            [program, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin and process.stdout
        try:
            yield [int(process.stdout.readline()) for _ in range(count)]
        finally:
            process.stdin.close()
            process.wait()


@contextmanager
def forked(count: int, *modules: str) -> Iterator[list[int]]:
    """So many Pythons that have imported these and share what they have not written to: their pids.

    They end when a pipe does that only their parent holds, and that when its standard input does.
    """
    code = f"import {', '.join(modules)}\n{_FORK.format(count=count)}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    try:
        yield [int(process.stdout.readline()) for _ in range(count)]
    finally:
        process.stdin.close()
        process.wait()


_FORK = """
import os, sys
reading, writing = os.pipe()
children = []
for _ in range({count}):
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    children.append(child)
print(*children, sep="\\n", flush=True)
sys.stdin.read()
os.close(writing)
for child in children:
    os.waitpid(child, 0)
"""


@contextmanager
def running(command: list[str]) -> Iterator[Target]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{command[0]} did not start")
        yield Target(process)
    finally:
        process.kill()
        process.communicate()
