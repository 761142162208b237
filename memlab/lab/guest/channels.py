"""The driver's ends of the channels: the console, the shell, and QEMU's own control."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from memlab.errors import Gone, MemlabError

_MOST = 4 << 20  # bytes of console text that are kept
_PIECE = 1 << 16


def pair(small: bool = False) -> tuple[socket.socket, socket.socket]:
    """Two ends of a channel. `small`: of some 30 characters, for a line that is to be read slowly.

    QEMU sends each character by itself, and each counts with its skb: 768 bytes here (net/core/skbuff.c). The
    kernel doubles what is asked for. With less than that QEMU would be woken for each handful of characters.
    """
    ours, theirs = socket.socketpair()
    if small:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 12 << 10)
    return ours, theirs


class Console:
    """What the guest's kernel writes to its serial line, read by a thread, as fast or as slow as one likes.

    `pace`, where it is set, is asked for each piece: given the number of bytes that were just read, it
    returns the seconds to wait before the next read; `piece` is how many bytes are read at most. The
    channel has a small buffer, so that a slow reader holds up the guest's serial port, as a slow line does.
    """

    def __init__(self, end: socket.socket) -> None:
        self.pace: Callable[[int], float] | None = None
        self.piece = _PIECE
        self._end = end
        self._text = bytearray()
        self._dropped = 0
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._read, name="guest console", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """All that came so far (the last 4 MiB of it)."""
        with self._changed:
            return self._text.decode(errors="replace")

    @property
    def bytes(self) -> int:
        """How many bytes came so far."""
        with self._changed:
            return self._dropped + len(self._text)

    def since(self, byte: int) -> str:
        """What came after the first `byte` bytes."""
        with self._changed:
            return self._text[max(0, byte - self._dropped) :].decode(errors="replace")

    def wait_for(self, words: str, seconds: float, since: int = 0) -> bool:
        """Whether these words come within that time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while words.encode() not in self._text[max(0, since - self._dropped) :]:
                left = deadline - time.monotonic()
                if self._over or left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def close(self) -> None:
        """End the reader."""
        _hang_up(self._end)
        self._thread.join(5)

    def _read(self) -> None:
        while piece := _received(self._end, self.piece):
            with self._changed:
                self._text += piece
                if len(self._text) > _MOST:
                    self._dropped += len(self._text) - _MOST
                    del self._text[:-_MOST]
                self._changed.notify_all()
            if self.pace is not None:
                time.sleep(max(0.0, self.pace(len(piece))))
        with self._changed:
            self._over = True
            self._changed.notify_all()


@dataclass(frozen=True)
class Answer:
    """What a command in the guest printed, both outputs, and its exit status (128 and more: a signal)."""

    text: str
    status: int
    seconds: float


class Shell:
    """Commands for the guest, one after the other. The words of the channel are in leakers/kernel/init."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._rest = b""
        self._owed: list[str] = []  # tokens of commands that nobody waited for to the end
        self.release = ""

    def wait_until_ready(self, seconds: float) -> None:
        """Until init has opened the channel; raises Gone where it does not."""
        line = self._until(
            b"\n", time.monotonic() + seconds, f"the guest did not boot within {seconds:.0f} s"
        )
        while not line.startswith(b"READY "):
            line = self._until(
                b"\n", time.monotonic() + seconds, f"the guest did not boot within {seconds:.0f} s"
            )
        self.release = line.split()[1].decode()

    def run(self, command: str, seconds: float) -> Answer:
        """Run it in a shell of its own there. Raises Gone where no answer comes in time."""
        token = secrets.token_hex(12)
        began = time.monotonic()
        with self._lock:
            encoded = base64.b64encode(command.encode()).decode()
            try:
                self._end.settimeout(seconds)
                self._end.sendall(f"{token} {encoded}\n".encode())
            except OSError:
                raise Gone("the guest has ended", "its console says why") from None
            deadline = began + seconds
            self._owed.append(token)
            while self._owed[0] != token:
                self._until(f"\n{self._owed[0]} ".encode(), deadline, "the guest is still busy")
                self._until(b"\n", deadline, "the guest is still busy")
                self._owed.pop(0)
            text = self._until(f"\n{token} ".encode(), deadline, "the guest does not answer")
            status = self._until(b"\n", deadline, "the guest does not answer")
            self._owed.clear()
        return Answer(text.decode(errors="replace"), int(status), time.monotonic() - began)

    def close(self) -> None:
        """Hang up: init then turns the guest off."""
        _hang_up(self._end)

    def _until(self, mark: bytes, deadline: float, complaint: str) -> bytes:
        """What comes before `mark`, which is taken too."""
        came = bytearray(self._rest)
        while (at := came.find(mark)) < 0:
            self._end.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                piece = self._end.recv(_PIECE)
            except TimeoutError:
                self._rest = bytes(came)
                raise Gone(complaint, "its console may say why") from None
            except OSError:
                piece = b""
            if not piece:
                raise Gone("the guest has ended", "its console says why")
            came += piece
        self._rest = bytes(came[at + len(mark) :])
        return bytes(came[:at])


class Control:
    """QEMU's monitor (QMP), for what the guest cannot do for itself."""

    def __init__(self, end: socket.socket) -> None:
        self._file = end.makefile("rwb")
        self._end = end
        self._greeted = False

    def ask(self, command: str, **arguments: Any) -> Any:
        """One command and its answer. Raises MemlabError where QEMU refuses."""
        self._end.settimeout(20)
        if not self._greeted:
            self._file.readline()  # its greeting
            self._greeted = True
            self.ask("qmp_capabilities")
        question: dict[str, Any] = {"execute": command}
        if arguments:
            question["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        try:
            self._file.write(json.dumps(question).encode() + b"\n")
            self._file.flush()
            while line := self._file.readline():
                answer = json.loads(line)
                if "error" in answer:
                    raise MemlabError(f"QEMU refused {command}: {answer['error'].get('desc')}")
                if "return" in answer:
                    return answer["return"]
        except OSError:
            pass
        raise Gone("the guest has ended", "its console says why")

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._file.close()
        _hang_up(self._end)


def _received(end: socket.socket, most: int) -> bytes:
    try:
        return end.recv(most)
    except OSError:
        return b""


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
