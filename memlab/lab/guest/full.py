"""The full kernel: built here from Debian's source package, with kmemleak and page_owner.

Of its options those of leakers/kernel/full.config, and no others (the kernel's allnoconfig). Sources that such a
kernel does not use are not even unpacked, and of the built tree only what modules are built with is kept.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from memlab.errors import MemlabError, Unsupported
from memlab.lab.guest import build, cache
from memlab.lab.guest.packages import Package, Say, extract, fetch, package, unpack
from memlab.units import GIB

_TOOLS = {
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "gzip": "gzip",
}
_HEADERS = {"/usr/include/gelf.h": "libelf-dev"}
_DISK = 2 * GIB
_SAY_EVERY = 10.0
_WRONG = re.compile(r"error:|fatal|no rule to make|\*\*\*", re.IGNORECASE)
# of these only Kconfig and Makefiles are unpacked: kconfig reads them, the compiler nothing
_UNUSED = re.compile(
    r"(?:Documentation|samples|sound|LICENSES|rust|tools/(?:testing|perf|power|bpf)"
    r"|arch/(?!x86/|Kconfig)[^/]+|fs/(?:btrfs|xfs|ext4|nfs|nfsd|cifs|ocfs2|gfs2|ceph|f2fs|ntfs3?|reiserfs)"
    r"|drivers/(?:gpu|net/[^/]+|media|staging|infiniband|scsi|iio|usb|mtd|hwmon|crypto|power|clk|pinctrl))/"
)
_BUILD_FILE = re.compile(r"(?:Kconfig|Makefile|Kbuild)[^/]*$")
# what modules are built with: scripts, headers, objtool, and the configuration
_KEPT = re.compile(
    r"[^/]+$|scripts/(?!.*\.o$)|include/|arch/x86/include/|arch/x86/Makefile[^/]*$|tools/objtool/objtool$"
)


def make(say: Say, again: bool = False) -> cache.Kernel:
    """Fetch (145 MB), unpack and build it; `again`: also where there is one."""
    _refuse_without_tools()
    with cache.workshop("full", keep=True) as made:
        if not again and (there := cache.found("full")):
            return there
        _refuse_without_room(made)
        source = package(package("linux-source").need(r"linux-source-\S+"))
        wanted = [source, package("busybox-static")]
        debs = fetch(wanted, cache.root() / "fetched", say)
        tree = made / "linux"
        mark = _mark(source)
        if again or not (made / mark).is_file():
            shutil.rmtree(made)
            made.mkdir()
            say("unpacking what is needed of the source")
            _unpack_source(debs[source.name], tree)
            unpack(debs["busybox-static"], made, _busybox)
            _configure(tree, say)
            (made / mark).touch()
        _compile(tree, say)
        shutil.copyfile(tree / "arch/x86/boot/bzImage", made / "bzImage")
        shutil.copyfile(tree / ".config", made / "config")
        release = (tree / "include/config/kernel.release").read_text().strip()
        say("removing what modules are not built with")
        _prune(tree)
        (made / mark).unlink()
        packages = {one.name: one.version for one in wanted}
        kernel = cache.finish(cache.Kernel("full", release, "linux", (), packages), made)
        for deb in debs.values():
            deb.unlink()
    return kernel


def _mark(source: Package) -> str:
    """The name of a file that says: unpacked and configured, of this version, so much of it and with this fragment."""
    made_of = (build.sources() / "full.config").read_bytes() + _UNUSED.pattern.encode()
    return f"configured-{source.version}-{hashlib.sha256(made_of).hexdigest()[:16]}"


def _refuse_without_tools() -> None:
    missing = [name for tool, name in _TOOLS.items() if shutil.which(tool) is None]
    missing += [name for header, name in _HEADERS.items() if not os.path.exists(header)]
    if missing:
        root = "" if os.geteuid() == 0 else "sudo "
        raise Unsupported(
            f"building a kernel needs {', '.join(missing)}",
            f"{root}apt-get install {' '.join(missing)}",
        )


def _refuse_without_room(folder: Path) -> None:
    if shutil.disk_usage(folder).free < _DISK:
        raise Unsupported(
            f"building a kernel needs 2 GB of disk in {folder}",
            "make room, or set XDG_CACHE_HOME to a folder on another disk",
        )


def _busybox(path: str) -> str | None:
    return "busybox" if path in ("bin/busybox", "usr/bin/busybox") else None


def _unpack_source(deb: Path, tree: Path) -> None:
    """The package holds an archive of the source: both are read in one go, and only the tree is written."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as tool:
        assert tool.stdout is not None
        with tarfile.open(fileobj=tool.stdout, mode="r|") as outer:
            for member in outer:
                inner = outer.extractfile(member) if member.name.endswith(".tar.xz") else None
                if inner is not None:
                    with tarfile.open(fileobj=inner, mode="r|xz") as archive:
                        extract(archive, tree, _needed)
                    break
        tool.kill()
    if not (tree / "Makefile").is_file():
        raise MemlabError(f"there is no kernel source in {deb.name}", "memlab kernel full --again")


def _needed(path: str) -> str | None:
    """A file's place without the archive's top folder; None for sources that this kernel does not use."""
    inside = path.partition("/")[2]
    if not inside or (_UNUSED.match(inside) and not _BUILD_FILE.search(inside)):
        return None
    return inside


def _configure(tree: Path, say: Say) -> None:
    """Our fragment, and no to all else (allnoconfig); each of its lines must be in what comes out.

    A tinyconfig to which it is appended would give what only now can be asked for its default: keyboards, batteries.
    """
    fragment = build.sources() / "full.config"
    _make(tree, [f"KCONFIG_ALLCONFIG={fragment.resolve()}", "allnoconfig"], lambda line: None)
    asked = {line for line in fragment.read_text().splitlines() if line.startswith("CONFIG_")}
    lost = sorted(asked - set((tree / ".config").read_text().splitlines()))
    if lost:
        raise MemlabError(f"this kernel's configuration refused {', '.join(lost)}", "report it")
    say(f"configured: {len(asked)} options, and what they need")


def _compile(tree: Path, say: Say) -> None:
    jobs = len(os.sched_getaffinity(0))
    counted, last = 0, time.monotonic()

    def count(line: str) -> None:
        nonlocal counted, last
        counted += line.startswith(("  CC ", "  AS ", "  HOSTCC "))
        if time.monotonic() - last >= _SAY_EVERY:
            last = time.monotonic()
            say(f"compiling: {counted} files")

    say(f"compiling with {jobs} jobs")
    _make(tree, [f"-j{jobs}", "bzImage", "modules"], count)
    say(f"compiled {counted} files")


def _make(tree: Path, targets: list[str], hear: Callable[[str], None]) -> None:
    """Run make; each line that it prints is heard. Its last error becomes ours."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    said: list[str] = []
    with subprocess.Popen(
        ["make", "ARCH=x86", *targets], cwd=tree, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**environment, "LC_ALL": "C", "KBUILD_BUILD_USER": "memlab", "KBUILD_BUILD_HOST": "guest"},
    ) as tool:  # fmt: skip
        assert tool.stdout is not None
        try:
            for line in tool.stdout:
                hear(line)
                said = [*said[-40:], line.rstrip()]
        except BaseException:
            tool.terminate()
            raise
    if tool.returncode:
        wrong = [line for line in said if _WRONG.search(line)]
        shown = (wrong or said or ["it said nothing"])[0]
        raise MemlabError(
            f"make {targets[-1]} failed: {shown}", "memlab doctor says what is missing"
        )


def _prune(tree: Path) -> None:
    """Remove all but what modules are built with."""
    for folder, folders, files in os.walk(tree, topdown=False):
        for name in files:
            path = Path(folder, name)
            if not _KEPT.match(str(path.relative_to(tree))):
                path.unlink()
        for name in folders:
            path = Path(folder, name)
            if not path.is_symlink() and not any(path.iterdir()):
                path.rmdir()
    for big in ("vmlinux", "vmlinux.o", "vmlinux.a", "System.map", ".tmp_vmlinux.kallsyms1"):
        (tree / big).unlink(missing_ok=True)
