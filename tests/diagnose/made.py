"""Recordings that are made instant by instant, so that their truth is known."""

from __future__ import annotations

import stat as modes
from dataclasses import asdict

from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.procfs.host import Call, FileStat, InstantTexts

KIB, MIB = 1024, 1 << 20
A = 0x7F0000000000


def mapping(start, size, perms, name, rss=0, anonymous=None, inode=0):
    """One mapping of smaps; all that is resident is anonymous, or as much as is said."""
    own = rss if anonymous is None else anonymous
    return (
        f"{start:x}-{start + size:x} {perms} 00000000 00:00 {inode} {name}\nSize: {size // KIB} kB\n"
        f"Rss: {rss // KIB} kB\nAnonymous: {own // KIB} kB\nSwap: 0 kB\nVmFlags: rd wr\n"
    )


def stat_line(vsize, rss, threads=1):
    """A line of stat."""
    tail = [0] * 52
    tail[19], tail[21], tail[22], tail[23] = threads, 77, vsize, rss // 4096
    return "42 (made) S " + " ".join(map(str, tail[3:]))


def descriptor(target, held=0, inode=7, kind=modes.S_IFREG):
    """Where one descriptor leads, and the bytes that are allocated there; without a name, as a memfd is."""
    return target, FileStat(
        held, held, "0:1", inode, 0 if target.endswith("(deleted)") else 1, kind
    )


def pipe(number):
    """An end of a pipe."""
    return descriptor(f"pipe:[{number}]", inode=number, kind=modes.S_IFIFO)


def calls_of(descriptors):
    """What is kept of a look at them."""
    yield Call("listdir", "/proc/42/fd", [str(number) for number in range(len(descriptors))])
    for number, (target, found) in enumerate(descriptors):
        yield Call("readlink", f"/proc/42/fd/{number}", target)
        yield Call("stat", f"/proc/42/fd/{number}", asdict(found))


def made(
    smaps_at, *, seconds=15.0, interval=0.5, vsize=0, rss=0, threads=1, denied=(), tables=None, fds=None,
    children=None, limits=None,
):  # fmt: skip
    """A recording whose smaps are `smaps_at(t)`; without it, only what everybody may read.

    tables: VmPTE at t, in bytes; fds: the descriptors at t; children: their states at t; limits: of
    the process, for its header.
    """
    samples = []
    for index in range(int(seconds / interval) + 1):
        t = index * interval
        size, resident, running = (f(t) if callable(f) else f for f in (vsize, rss, threads))
        files = {
            "/proc/42/stat": stat_line(size, resident, running).encode(),
            "/proc/42/statm": f"{size // 4096} {resident // 4096} 0 0 0 0 0\n".encode(),
            "/proc/42/status": (
                "Name: made\nState: S\nPid: 42\nPPid: 1\nUid: 0\nGid: 0\n"
                f"VmSize: {size // KIB} kB\nVmRSS: {resident // KIB} kB\n"
                f"RssAnon: {resident // KIB} kB\nRssFile: 0 kB\nRssShmem: 0 kB\nVmSwap: 0 kB\n"
                + (f"VmPTE: {tables(t) // KIB} kB\n" if tables else "")
            ).encode(),
        }
        if children:
            states = children(t)
            born = range(100, 100 + len(states))
            files["/proc/42/task/42/children"] = "".join(f"{pid} " for pid in born).encode()
            for pid, state in zip(born, states, strict=True):
                files[f"/proc/{pid}/stat"] = stat_line(0, 0).replace(" S ", f" {state} ").encode()
        if smaps_at:
            files["/proc/42/smaps"] = smaps_at(t).encode()
        calls = [Call("read", path, error="Denied", message="no") for path in denied]
        calls += calls_of(fds(t)) if fds else ()
        calls += [Call("listdir", "/proc/42/task", ["42"])] if children else ()
        samples.append(
            Sample(index, 42, 1000 + t, 1e9 + t, 0.001, 0.0005, InstantTexts(files, calls))
        )
    host = {"limits": limits} if limits else {}
    return Recording(Header(target={"pid": 42, "comm": "made"}, host=host), tuple(samples))
