"""strace -k: every call that asks the kernel for something, with the stack that made it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator

from memlab.lab.finders.finder import Answer, Job, Record, Says, program_version, run, weigh

_CALL = re.compile(r"^(?:\d+ +)?(?:\[pid +\d+\] )?(\w+)\((.*)\) += (\S+)")
_LENGTH = {
    "mmap": 1,
    "shmget": 1,
    "ftruncate": 1,
    "fallocate": 3,
    "mremap": 2,
    "pwrite64": 2,
    "write": 2,
}
# what asks for something that stays until another call gives it back
_TAKES = {
    *("mmap", "mremap", "brk", "shmget", "shmat", "memfd_create", "msgget", "msgsnd", "bpf"),
    *(
        "openat",
        "open",
        "creat",
        "pipe",
        "pipe2",
        "socket",
        "socketpair",
        "accept4",
        "epoll_create1",
    ),
    *("timerfd_create", "eventfd2", "clone", "clone3", "fork", "vfork", "ftruncate", "fallocate"),
    *("write", "pwrite64", "sendmsg", "sendto", "dup", "dup3", "vmsplice"),
}
_FRAME = re.compile(r"^ > (?P<file>[^(]*)\((?P<function>[^)+]*)\+?[^)]*\) \[(?P<at>0x[0-9a-f]+)\]")


class Strace:
    """Started with the program; it attaches as well."""

    name = "strace"
    get = "apt-get install strace"
    why = (
        "it sees system calls, each with its stack; who reads it pairs those that take with those that give back. "
        "malloc and pymalloc ask the kernel seldom, and whoever asks then is blamed. Touching a page is no call. "
        "Of the Python program it sees C frames only."
    )

    def version(self) -> str | None:
        """Of the program."""
        return program_version("strace")

    def look(self, job: Job) -> Answer:
        """All calls that take something, by the stack that makes them; the most frequent are the report."""
        written = job.folder / "strace"
        command = ["strace", "-f", "-k", "-o", str(written), "-e", "signal=none"]
        command += ["-e", f"trace={','.join('?' + name for name in sorted(_TAKES))}"]
        ran = run([*command, *job.argv(python=("-S", "-E"))], job.folder)
        text = written.read_text(errors="replace") if written.exists() else ""
        answer = weigh(job, ran, _records(text, job), "stack of C")
        unknown = answer.says is Says.SILENT and "Invalid argument" in ran.err
        return Answer(Says.CANNOT, ran.err.strip()[-100:]) if unknown else answer


def _records(text: str, job: Job) -> Iterator[Record]:
    """One for each stack that took five times or more; fewer than a quarter of the events are no leak of theirs."""
    stacks: Counter[tuple[str, tuple[str, ...]]] = Counter()
    sizes: Counter[tuple[str, tuple[str, ...]]] = Counter()
    first: dict[tuple[str, tuple[str, ...]], str] = {}
    for call, arguments, frames in _calls(text):
        key = call, tuple(frames)
        stacks[key] += 1
        sizes[key] += _bytes(call, arguments)
        first.setdefault(key, f"{call}({arguments})")
    for key, count in stacks.most_common(20):
        if count >= 5:
            lines = _named(key[1], job)
            yield Record(
                f"{count} times {first[key]}\n" + "\n".join(f" > {line}" for line in lines),
                sizes[key],
            )


def _calls(text: str) -> Iterator[tuple[str, str, list[str]]]:
    call: tuple[str, str, list[str]] | None = None
    for line in text.splitlines():
        if line.startswith(" > "):
            if call:
                call[2].append(line)
            continue
        if call:
            yield call
        match = _CALL.match(line)
        good = match and match[1] in _TAKES and not match[3].startswith("-")
        call = (match[1], match[2], []) if match and good else None
    if call:
        yield call


def _bytes(call: str, arguments: str) -> int:
    at = _LENGTH.get(call)
    words = arguments.split(", ")
    return int(words[at]) if at is not None and at < len(words) and words[at].isdigit() else 0


def _named(frames: tuple[str, ...], job: Job) -> list[str]:
    """Frames with file and line where the binary is ours: strace says the offset, addr2line the line."""
    named = []
    for frame in frames[:12]:
        match = _FRAME.match(frame)
        if match is None:
            continue
        place = ""
        if match["file"].endswith(f"/{job.source.stem}"):
            done = subprocess.run(
                ["addr2line", "-e", match["file"], hex(int(match["at"], 16) - 1)],
                capture_output=True,
                text=True,
                check=False,
            )
            place = " " + done.stdout.strip().rpartition("/")[2]
        named.append(f"{match['file'].rpartition('/')[2]}({match['function']}){place}")
    return named
