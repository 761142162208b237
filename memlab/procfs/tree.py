"""The machine's own /proc and /sys, or a folder that looks like them; errno made a clear error."""

from __future__ import annotations

import errno
import io
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.procfs.answers import FileStat, Statvfs
from memlab.procfs.privilege import needed

PROCESS = re.compile(r"/proc/([0-9]+)(?=/|$)")

# A seq file of /proc gives about a page a read, whatever is asked (fs/seq_file.c). What fits the
# second-level cache is parsed where it lies; less makes more calls, more was slower (measured).
_POUR_BYTES = 2 << 20
_IDLE = threading.local()

_TRACER = "run as the process's owner, or as root (CAP_SYS_PTRACE) where it changed its user"
_ATTACHER = "run as root (CAP_SYS_PTRACE): kernel.yama.ptrace_scope may forbid it to the owner"
# What the kernel asks for: fs/proc/base.c and task_mmu.c (PTRACE_MODE_READ unless said
# otherwise), fs/proc/page.c, mm/slab_common.c, mm/vmalloc.c, kernel/printk/printk.c
_PRIVILEGES = (
    (r"/proc/[^/]+/(task/[0-9]+/)?stack", "CAP_SYS_ADMIN", ""),
    (r"/proc/[^/]+/(task/[0-9]+/)?(mem|syscall|personality)", "CAP_SYS_PTRACE", _ATTACHER),
    (r"/proc/[^/]+/map_files/.*", "CAP_CHECKPOINT_RESTORE", ""),
    (r"/proc/[0-9]+(/.*)?", "CAP_SYS_PTRACE", _TRACER),
    (r"/proc/kmsg|/dev/kmsg", "CAP_SYSLOG", ""),
    (r"/proc/(kpage\w+|slabinfo|vmallocinfo|pagetypeinfo|kcore)", "CAP_SYS_ADMIN", ""),
    (r"/sys/kernel/(debug|tracing)(/.*)?", "CAP_SYS_ADMIN", ""),
)
_HIDDEN = "it has ended, never was, or /proc hides it from you (hidepid); ps shows what runs"


Into = Callable[[bytearray, int, bool], int]
Spans = Sequence[tuple[int, int]]


def pour(descriptor: int, into: Into, padding: int = 0) -> None:
    """Read a file that is open, into one buffer again and again; see Host.pour."""
    buffer = _buffer(padding)
    view = memoryview(buffer)[:_POUR_BYTES]
    read_into = io.FileIO(descriptor, closefd=False).readinto  # less to do in a call than os.readv
    have = 0
    try:
        while True:
            # a read gives a page or so: fill the buffer before anybody is called
            count = read_into(view[have:])
            have += count
            if count and have < _POUR_BYTES:
                continue
            done = into(buffer, have, not count)
            if not count:
                return
            have -= done
            view[:have] = view[done : done + have]
    finally:
        _IDLE.buffer = buffer


def _buffer(padding: int) -> bytearray:
    """The one that this thread used before: pages that are there already cost nothing."""
    idle: bytearray | None = _IDLE.__dict__.pop("buffer", None)
    if idle is None or len(idle) < _POUR_BYTES + padding:
        return bytearray(_POUR_BYTES + padding)
    return idle


def read_whole(descriptor: int) -> bytes:
    """All that a file that is open has to say from here on."""
    parts: list[bytes] = []

    def keep(buffer: bytearray, length: int, _last: bool) -> int:
        parts.append(bytes(memoryview(buffer)[:length]))
        return length

    pour(descriptor, keep)
    return b"".join(parts)


_ONE_PIECE = 4096
_FIRST_PIECE = 448  # a stat line has about 200 to 400 bytes; a bigger block costs malloc more


class KeptFile:
    """A file that stays open, read from its start at every look; see Host.keep."""

    __slots__ = ("_descriptor", "_in_one_piece", "_piece", "_tree", "path")

    def __init__(self, tree: Tree, path: str, descriptor: int, in_one_piece: bool) -> None:
        self.path = path
        self._tree = tree
        self._descriptor = descriptor
        self._in_one_piece = in_one_piece
        self._piece = _FIRST_PIECE

    def read(self) -> bytes:
        """The whole text as it is now."""
        try:
            text = os.pread(self._descriptor, self._piece, 0)
            if self._in_one_piece and len(text) < self._piece:
                return text
            return self._rest(text)
        except OSError as error:
            raise self._tree.translated_of_kept(error, self.path) from None

    def _rest(self, text: bytes) -> bytes:
        """What lies behind the first piece: the kernel goes on with the text it has begun.

        It makes a page at a time of a text of many records, and then the pieces differ in age.
        """
        parts, length = [text], len(text)
        while part := os.pread(self._descriptor, max(self._piece, 4096), length):
            parts.append(part)
            length += len(part)
        while self._piece <= length and self._piece < 1 << 20:
            self._piece *= 2
        return b"".join(parts)

    def close(self) -> None:
        """Give the descriptor back; more than once does no harm."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class Tree:
    """Answers from the files below a folder; "" is this machine."""

    def __init__(self, root: str | Path) -> None:
        self._root = str(root).rstrip("/")

    def read(self, path: str) -> bytes:
        """The whole text."""
        with self._clear_errors(path):
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return read_whole(descriptor)
            finally:
                os.close(descriptor)

    def read_each(self, paths: Iterable[str]) -> Iterator[bytes | MemlabError | None]:
        """One after the other, with as few calls as can be; see Host.read_each."""
        for path in paths:
            try:
                descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    text = os.read(descriptor, _ONE_PIECE)
                    if len(text) == _ONE_PIECE:
                        text += read_whole(descriptor)
                finally:
                    os.close(descriptor)
                yield text
            except OSError as error:
                yield None if error.errno == errno.ESRCH else self._translated(error, path)

    def pour(self, path: str, into: Into, padding: int) -> None:
        """The text in pieces; see Host.pour."""
        with self._clear_errors(path):
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                pour(descriptor, into, padding)
            finally:
                os.close(descriptor)

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """A part; one read, as files of entries need it."""
        with self._clear_errors(path):
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)

    def scan(self, path: str, spans: Spans, any_of: int, returned: int) -> bytes:
        """PAGEMAP_SCAN; a folder that only looks like /proc refuses like a kernel that has none."""
        from memlab.procfs.ioctl_scan import scan  # numpy is not for those who only read text

        with self._clear_errors(path):
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return scan(descriptor, spans, any_of, returned)
            except OSError as error:
                if error.errno == errno.ENOTTY:
                    raise Unsupported(
                        "this kernel has no ioctl PAGEMAP_SCAN", "it came with Linux 6.7"
                    ) from None
                raise
            finally:
                os.close(descriptor)

    def keep(self, path: str, in_one_piece: bool) -> KeptFile:
        """Leave it open; see Host.keep."""
        with self._clear_errors(path):
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
        return KeptFile(self, path, descriptor, in_one_piece)

    def listdir(self, path: str) -> list[str]:
        """Names, sorted."""
        with self._clear_errors(path):
            return sorted(os.listdir(self._root + path))

    def readlink(self, path: str) -> str:
        """Target of a link."""
        with self._clear_errors(path):
            return os.readlink(self._root + path)

    def statvfs(self, path: str) -> Statvfs:
        """Fill level."""
        with self._clear_errors(path):
            found = os.statvfs(self._root + path)
        return Statvfs(found.f_frsize, found.f_blocks, found.f_bfree, found.f_files, found.f_ffree)

    def stat(self, path: str) -> FileStat:
        """Links followed."""
        try:  # asked for each of a thousand descriptors: a context manager would cost as much as the call
            found = os.stat(self._root + path)
        except (OSError, ValueError):
            with self._clear_errors(path):
                raise
        device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
        allocated = found.st_blocks * 512  # st_blocks are 512 bytes on every file system (stat(2))
        return FileStat(
            found.st_size, allocated, device, found.st_ino, found.st_nlink, found.st_mode
        )

    @contextmanager
    def _clear_errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._translated(error, path) from None
        except ValueError:  # a NUL in a path that came out of some text
            raise Unsupported(f"{path!r} is no path") from None

    def translated_of_kept(self, error: OSError, path: str) -> MemlabError:
        """As for a path, but ESRCH tells of the process this file was opened for.

        There may be another one by the same pid by now.
        """
        owner = PROCESS.match(path)
        if owner and error.errno == errno.ESRCH:
            return Gone(f"what {path} was opened for has ended", _HIDDEN)
        if error.errno == errno.EBADF:
            return Unsupported(f"{path} is not kept any more", "it was closed")
        return self._translated(error, path)

    def _translated(self, error: OSError, path: str) -> MemlabError:
        """An errno as one of the errors; what matters most is whether the process still is."""
        owner = PROCESS.match(path)
        if owner and not os.path.isdir(f"{self._root}/proc/{owner[1]}"):
            return Gone(f"no process {owner[1]}", _HIDDEN)
        if error.errno in (errno.EACCES, errno.EPERM):
            return Denied(f"{path} may not be read", privilege(path))
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            what = (
                "the process has none such" if owner and "/fd/" in path else "this kernel lacks it"
            )
            return Unsupported(f"there is no {path} here", f"{what}, or it is not mounted")
        if owner and error.errno in (errno.ESRCH, errno.EINVAL):
            # smaps_rollup and mountinfo answer so for a task without memory or namespaces
            return Unsupported(
                f"{path} has nothing to show",
                f"process {owner[1]} is a kernel thread, or has ended and waits for its parent (zombie)",
            )
        return Unsupported(f"{path} cannot be read: {os.strerror(error.errno or 0)}")


def privilege(path: str) -> str:
    """What would allow to read this file, as advice."""
    for pattern, capability, advice in _PRIVILEGES:
        if re.fullmatch(pattern, path):
            return needed(capability, advice)
    return "run as its owner or as root"
