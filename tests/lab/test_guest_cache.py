"""The cache of kernels is whole or absent, and says so; the archive of the guest is one that others read."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from memlab.errors import Unsupported
from memlab.lab.guest import cache, initrd
from memlab.lab.guest.labs import page


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cache.Kernel:
    """A kernel of a few bytes, finished as the real ones are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with cache.workshop("quick") as folder:
        for name in ("bzImage", "busybox", "config"):
            (folder / name).write_text(f"CONFIG_{name}=y\n")
        return cache.finish(cache.Kernel("quick", "6.1.0", "headers", (), {"linux": "1"}), folder)


def test_a_finished_kernel_is_ready_and_knows_its_options(made: cache.Kernel) -> None:
    kernel = cache.ready("quick")
    assert kernel == made
    assert kernel.has("config")
    assert not kernel.has("DEBUG_KMEMLEAK")


def test_a_damaged_file_is_noticed(made: cache.Kernel) -> None:
    made.image.write_bytes(b"CONFIG_bzImagE=y\n")
    with pytest.raises(Unsupported, match="bzImage is damaged: memlab kernel quick --again"):
        cache.ready("quick")


def test_what_was_cut_off_is_no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with suppress(KeyboardInterrupt), cache.workshop("quick") as folder:
        (folder / "bzImage").write_text("half")
        raise KeyboardInterrupt
    assert cache.found("quick") is None
    assert not list(cache.root().glob("quick*/*"))


def memlab(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "memlab", *argv],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.needs("qemu-system-x86_64")
def test_without_a_kernel_one_line_says_what_makes_one(tmp_path: Path) -> None:
    done = memlab("kernel", "lab", "kmalloc", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        "memlab kernel: there is no quick kernel yet: memlab kernel quick makes one\n"
    )
    assert not (tmp_path / "memlab").exists()


@pytest.mark.parametrize("argv", [["lab", "kmalloc"], ["quick"], ["full"], ["run", "true"]])
def test_without_qemu_one_line_says_what_to_install(argv: list[str], tmp_path: Path) -> None:
    done = memlab("kernel", *argv, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "apt-get install --no-install-recommends qemu-system-x86" in done.stderr


@pytest.mark.needs("busybox")
def test_the_archive_is_read_by_another_cpio(tmp_path: Path) -> None:
    archive = initrd.Cpio()
    archive.add("bin", b"", 0o040755)
    archive.file("bin/one", b"odd", 0o755)
    archive.file("two", b"")
    unpack = ["busybox", "cpio", "-idm"]
    subprocess.run(unpack, input=archive.bytes(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "bin/one").read_bytes() == b"odd"
    assert (tmp_path / "bin/one").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "two").read_bytes() == b""


def test_a_lab_replaces_its_own_section_only(tmp_path: Path) -> None:
    path = tmp_path / "labs.md"
    for name, text in (("one", "first"), ("two", "second"), ("one", r"third \1")):
        page.put(path, name, f"memlab kernel lab {name}", text)
    whole = path.read_text()
    assert "first" not in whole
    assert whole.index("third \\1") < whole.index("second")
    assert whole.count("## one") == 1
