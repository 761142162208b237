"""The program of a rehearsal: puts tasks into the group, lets one of them grow, and says who dies.

It runs below the supervisor and stays out of the group (MEMLAB_CGROUP): in there are none but the tasks. They are
leakers of the bank, each by its own name. Commands on stdin: `begin`, `grow`, `stop`; a JSON line each for what came
of it. As the guard it starts without site-packages.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from memlab.lab.containment import join_group, oom_kills
from memlab.lab.supervisor import say

_PR_SET_PDEATHSIG = 1
_SECONDS = 20.0  # for one task to do one thing
_BURIED_SECONDS = 3.0  # a victim's memory is gone before the process is
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class _Player:
    """A task that runs: its pid, its control channel and what it says. heard: the last events by kind."""

    name: str
    pid: int
    channel: int
    words: int
    rest: bytes = b""
    alive: bool = True

    def __post_init__(self) -> None:
        self.heard: dict[str, dict[str, Any]] = {}

    def tell(self, command: str) -> None:
        with suppress(BrokenPipeError):
            os.write(self.channel, command.encode() + b"\n")

    def listen(self, seconds: float) -> None:
        """Take what it says within this time."""
        if not select.select([self.words], [], [], seconds)[0]:
            return
        *lines, self.rest = (self.rest + os.read(self.words, 65536)).split(b"\n")
        for line in lines:
            event = json.loads(line)
            self.heard[event["event"]] = event


class Stage:
    """All tasks of one rehearsal. plan: name, argv and adj of each, in order; size in chunks."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.group = os.environ["MEMLAB_CGROUP"]
        self.players: dict[str, _Player] = {}
        self.asked = 0

    def begin(self) -> None:
        """Everybody in, one after the other, with what it has at first."""
        least = least_adj()
        for one in self.plan["tasks"]:
            if one["adj"] + self.plan["raised"] < least:
                say(event="denied", name=one["name"], least=least)
                return
        for one in self.plan["tasks"]:
            if not self._fill(one):
                say(event="broken", name=one["name"])
                return
        say(event="begun")

    def _fill(self, one: dict[str, Any]) -> bool:
        """One task, with its memory; False where that came to nothing."""
        player = self.players[one["name"]] = self._enter(one)
        if not self._until(player, lambda: "ready" in player.heard):
            return False
        player.tell(f"step {one['chunks']}")
        filled = self._until(player, lambda: _count(player) >= one["chunks"])
        say(event="task", name=one["name"], pid=player.pid)
        return filled

    def grow(self) -> None:
        """One chunk more for the one that grows; says who was killed meanwhile, and how that ended."""
        player = self.players[self.plan["grows"]]
        before = _count(player)
        self.asked += 1
        player.tell("step 1")
        done = self._until(
            player, lambda: _count(player) > before or "hold" in player.heard or not player.alive
        )
        self._bury_all()
        refused = player.heard.get("hold", {}).get("message")
        how = "died" if not player.alive else "held" if refused else "grown" if done else "stuck"
        say(event="grew", how=how, why=refused, asked=self.asked)

    def end(self) -> NoReturn:
        """Supervisor and guard take down what lives."""
        sys.stdout.flush()
        os._exit(0)

    def _until(self, player: _Player, done: Any) -> bool:
        deadline = time.monotonic() + _SECONDS
        while not done():
            if time.monotonic() > deadline:
                return False
            player.listen(0.02 if player.alive else 0)
            self._bury()
            if not player.alive:
                return bool(done())
        return True

    def _bury(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for player in self.players.values():
                if player.pid == pid:
                    player.alive = False
                    code = os.waitstatus_to_exitcode(status)
                    say(event="ended", name=player.name, pid=pid, status=code, asked=self.asked)

    def _bury_all(self) -> None:
        """Whom the kernel has counted as killed must be seen to end."""
        deadline = time.monotonic() + _BURIED_SECONDS
        while oom_kills(self.group) > sum(not one.alive for one in self.players.values()):
            if time.monotonic() > deadline:
                return
            time.sleep(0.002)
            self._bury()

    def _enter(self, one: dict[str, Any]) -> _Player:
        """Fork, join the group, take the adj and become the leaker."""
        program = _named(one["argv"][0], one["name"])
        (their_stdin, channel), (words, their_stdout) = os.pipe(), os.pipe()
        stage = os.getpid()
        pid = os.fork()
        if pid:
            os.close(their_stdin)
            os.close(their_stdout)
            return _Player(one["name"], pid, channel, words)
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.dup2(their_stdin, 0)
            os.dup2(their_stdout, 1)
            Path("/proc/self/oom_score_adj").write_text(str(one["adj"] + self.plan["raised"]))
            environment = {**os.environ, "MEMLAB_PARENT": str(stage)}
            join_group(self.group)
            os.execve(program, [program, *one["argv"][1:]], environment)
        except BaseException as error:
            os.write(2, f"{one['name']}: {error}\n".encode())
        os._exit(127)


def _count(player: _Player) -> int:
    return int(player.heard.get("ledger", {}).get("count", 0))


def _named(program: str, name: str) -> str:
    """The program by a name of its own: the kernel takes a process's comm from the path that is executed."""
    folder = Path(os.environ["MEMLAB_TMPFS"], "names")
    folder.mkdir(exist_ok=True)
    path = folder / name
    if not path.is_symlink():
        path.symlink_to(program)
    return str(path)


def least_adj() -> int:
    """The lowest oom_score_adj that a child of ours may take.

    With CAP_SYS_RESOURCE any; else what the last one with that capability has written to it or to who it descends
    from (oom_score_adj_min; fs/proc/base.c). Tried by a child, for trying is the only way to know.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        low, high = -1000, 1000  # `high` may be taken: the supervisor has
        while low < high:
            middle = (low + high) // 2
            try:
                Path("/proc/self/oom_score_adj").write_text(str(middle))
                high = middle
            except OSError:
                low = middle + 1
        os.write(writing, str(low).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return int(text) if text else 1000


def main(plan_text: str) -> NoReturn:
    """Obey until the channel ends."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    stage = Stage(json.loads(plan_text))
    say(event="ready", pid=os.getpid())
    for line in sys.stdin:
        command = line.strip()
        if command == "begin":
            stage.begin()
        elif command == "grow":
            stage.grow()
        else:
            break
    stage.end()
