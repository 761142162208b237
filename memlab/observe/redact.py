"""A recording without names: paths, files, programs, users and the boot become numbers.

Each name gets the next number of a table that lives as long as its `Redactor`: the same name has the
same number in all that one Redactor has seen, and nothing computes a name from its number, as a
hash of a guessed name would. What the verdict rests on stays: addresses, sizes, inodes, times, `[heap]`
and its like, `/dev/shm`, `/memfd:`, `/SYSV`, ` (deleted)`, the ending `.so`. `memlab-capture --redact`
has the same rules in awk; a file that neither knows is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.procfs.host import Call

# the kernel's texts that hold figures only
_FIGURES = re.compile(
    r"statm|smaps_rollup|children|limits|meminfo|vmstat|zoneinfo|online|memory\.[a-z_.]+|slabinfo|buddyinfo"
    r"|memory|io|cgroup\.procs|pids\.(max|current)|reclaim_account|\d+"
    r"|threads-max|pid_max|max_map_count|overcommit_memory"
)
_OF_KERNEL = re.compile(
    rb"\[(heap|stack|stack:\d+|vdso|vvar|vvar_vclock|vsyscall|uprobes|sigpage|rollup)\]|[a-z_]+:\[[0-9a-z_-]*\]"
)
_PREFIX = re.compile(rb"/(dev/(shm|zero|null)|dev|proc|sys/fs/cgroup|sys)(?=/|$)")
_MAPPING = re.compile(rb"^([0-9a-f]+-[0-9a-f]+ +\S+ +\S+ +\S+ +\d+ +)(.+)$", re.MULTILINE)
_LIBRARY = re.compile(rb"\.so[.0-9]*$")
_OPTION = re.compile(rb"rw|ro|memory|pids|(size|nr_inodes)=[0-9kmgKMG%]+|mode=[0-7]+")
_SHOWN_MOUNTS = (b"tmpfs", b"cgroup", b"cgroup2")
_HOST = ("kernel", "machine", "page_bytes", "ticks_per_second", "libc", "limits", "clock")
_KEPT_WORDS = (b"", b".", b"..", b"memory")  # the v1 controller's folder is called by its name
_FIRST_USER = 100_000


class Redactor:
    """Takes names out of headers and samples; keep one for all recordings that shall fit together."""

    def __init__(self) -> None:
        self._names: dict[bytes, int] = {}
        self._users: dict[bytes, int] = {}
        self._boots: dict[str, str] = {}
        self.left_out: set[str] = set()

    def recording(self, recording: Recording) -> Recording:
        """All of it; series that were given have no names but those of fields."""
        samples = tuple(map(self.sample, recording.samples))
        return replace(recording, header=self.header(recording.header), samples=samples, sources=())

    def header(self, header: Header) -> Header:
        """The same with a numbered name and boot; what is asked is kept where it is a figure."""
        target: dict[str, Any] = {
            name: header.target[name]
            for name in ("pid", "start_time_ticks")
            if name in header.target
        }
        if "comm" in header.target:
            target["comm"] = self._word(os.fsencode(header.target["comm"])).decode()
        host = {name: header.host[name] for name in _HOST if name in header.host}
        if host.get("kernel"):
            host["kernel"] = self._release(host["kernel"].encode()).decode()
        for facts, read in ((target, header.target), (host, header.host)):
            if read.get("boot_id"):
                facts["boot_id"] = self._boot(read["boot_id"])
        asked = {
            name: value for name, value in header.asked.items() if isinstance(value, int | float)
        }
        return replace(header, target=target, host=host, asked={**asked, "redacted": True})

    def sample(self, sample: Sample) -> Sample:
        """The same instant without names, and without what was said in it."""
        files, texts = {}, sample.texts
        for path, content in texts.files.items():
            base = path.rpartition("/")[2]
            change = self._change_of(base)
            if change is None:
                self.left_out.add(base)
            else:
                files[self._place(path)] = change(content)
        calls = [kept for call in texts.calls if (kept := self._call(call)) is not None]
        spans = {self._place(path): times for path, times in texts.spans.items()}
        return replace(
            sample, texts=replace(texts, files=files, calls=calls, spans=spans), events=()
        )

    def _change_of(self, base: str) -> Callable[[bytes], bytes] | None:
        changes: dict[str, Callable[[bytes], bytes]] = {
            "stat": self._stat,
            "status": self._status,
            "smaps": self._mappings,
            "maps": self._mappings,
            "mountinfo": self._mounts,
            "cgroup": self._groups,
            "comm": lambda text: self._word(text.removesuffix(b"\n")) + b"\n",
            "shm": self._segments,
            "msg": self._segments,
            "osrelease": self._release,
            "boot_id": lambda text: self._boot(text.decode().strip()).encode() + b"\n",
        }
        return changes.get(base) or ((lambda text: text) if _FIGURES.fullmatch(base) else None)

    def _word(self, word: bytes) -> bytes:
        """One name, which is no path."""
        if word in _KEPT_WORDS:
            return word
        number = self._names.setdefault(word, len(self._names) + 1)
        return b"name%d" % number + (b".so" if _LIBRARY.search(word) else b"")

    def _path(self, name: bytes) -> bytes:
        name = name.replace(
            b"\\012", b"\n"
        )  # how maps and mountinfo spell it, and readlink does not
        if _OF_KERNEL.fullmatch(name):
            return name
        for opening in (b"[anon:", b"[anon_shmem:"):
            if name.startswith(opening):
                return opening + self._word(name[len(opening) : -1]) + b"]"
        deleted = b" (deleted)" if name.endswith(b" (deleted)") else b""
        name = name.removesuffix(deleted)
        if name.startswith(b"/memfd:"):
            return b"/memfd:" + self._word(name[7:]) + deleted
        if name.startswith(b"/SYSV"):
            self._word(name)
            key = 0 if name == b"/SYSV00000000" else self._names[name]
            return b"/SYSV%08x" % key + deleted
        if not name.startswith(b"/"):
            return self._word(name) + deleted
        known = _PREFIX.match(name)
        made = known[0] if known else b""
        return made + b"/".join(map(self._word, name[len(made) :].split(b"/"))) + deleted

    def _text(self, path: str) -> str:
        return os.fsdecode(self._path(os.fsencode(path)))

    def _place(self, path: str) -> str:
        """Where a file was read: in /proc by numbers, elsewhere in folders that have names."""
        if path.startswith(("/proc/", "/sys/devices/")):
            return path
        folder, _, base = path.rpartition("/")
        return f"{self._text(folder)}/{base}"

    def _call(self, call: Call) -> Call | None:
        in_proc = re.match(r"/proc/(\d+|self)(/|$)", call.path)
        path = call.path if in_proc else self._text(call.path)
        if call.error is not None:
            # what was refused says which file, and perhaps by name
            return replace(call, path=path, message=call.message.replace(call.path, path))
        if call.kind == "readlink":
            return replace(call, path=path, result=self._text(call.result))
        if call.kind == "listdir" and not in_proc:
            words = [os.fsdecode(self._word(os.fsencode(name))) for name in call.result]
            return replace(call, path=path, result=words)
        if call.kind in ("read_at", "scan") and not in_proc:
            return None
        return replace(call, path=path)

    def _stat(self, text: bytes) -> bytes:
        before, _, rest = text.partition(b"(")
        name, _, after = rest.rpartition(b")")
        return before + b"(" + self._word(name) + b")" + after

    def _status(self, text: bytes) -> bytes:
        lines = text.split(b"\n")
        for number, line in enumerate(lines):
            name, _, value = line.partition(b":")
            if name == b"Name":
                lines[number] = b"Name:\t" + self._word(value.removeprefix(b"\t"))
            elif name in (b"Uid", b"Gid", b"Groups"):
                lines[number] = (
                    name + b":" + b"".join(b"\t%d" % self._user(v) for v in value.split())
                )
        return b"\n".join(lines)

    def _user(self, number: bytes) -> int:
        """Root stays root: it may do what others may not."""
        if int(number) == 0:
            return 0
        return self._users.setdefault(number, _FIRST_USER + 1 + len(self._users))

    def _mappings(self, text: bytes) -> bytes:
        return _MAPPING.sub(lambda found: found[1] + self._path(found[2]), text)

    def _mounts(self, text: bytes) -> bytes:
        """Those that hold memory or its limits; the others are only names."""
        kept = []
        for line in text.split(b"\n"):
            left, _, right = line.partition(b" - ")
            fields, (kind, _, super_options) = (
                left.split(b" "),
                [*right.split(b" ", 2), b"", b""][:3],
            )
            if kind not in _SHOWN_MOUNTS or len(fields) < 6:
                continue
            fields[3:6] = self._path(fields[3]), self._path(fields[4]), self._options(fields[5])
            shown = b" ".join((kind, kind, self._options(super_options)))
            kept.append(b" ".join(fields) + b" - " + shown + b"\n")
        return b"".join(kept)

    def _options(self, text: bytes) -> bytes:
        return b",".join(filter(_OPTION.fullmatch, text.split(b","))) or b"rw"

    def _groups(self, text: bytes) -> bytes:
        kept = []
        for line in text.splitlines():
            number, controllers, path = [*line.split(b":", 2), b"", b""][:3]
            kept.append(b":".join((number, controllers, self._path(path))) + b"\n")
        return b"".join(kept)

    def _segments(self, text: bytes) -> bytes:
        """System V tables: owners and makers are users, and a key is a name (ftok(3)) but for 0."""
        title, *lines = text.splitlines()
        columns = title.split()
        shown = [title]
        for line in lines:
            cells = line.split()
            for column, name in enumerate(columns[: len(cells)]):
                if name in (b"uid", b"gid", b"cuid", b"cgid"):
                    cells[column] = b"%d" % self._user(cells[column])
                elif name == b"key" and int(cells[column]):
                    self._word(cells[column])
                    cells[column] = b"%d" % self._names[cells[column]]
            shown.append(b" ".join(cells))
        return b"\n".join(shown) + b"\n"

    def _release(self, text: bytes) -> bytes:
        """Without what whoever built it has added."""
        found = re.match(rb"[0-9]+(\.[0-9]+)*", text)
        return found[0] if found else b"unknown"

    def _boot(self, boot_id: str) -> str:
        return self._boots.setdefault(
            boot_id, f"00000000-0000-0000-0000-{len(self._boots) + 1:012d}"
        )
