"""The wheel as a stranger gets it: built, installed into an empty environment, and used there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from contextlib import suppress
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from memlab import __version__
from tests.lab_process import LabProcess

ROOT = Path(__file__).resolve().parent.parent

# pip has the whole of JupyterLab to fetch and unpack
pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]


def run(*argv: str | Path, cwd: Path, **environment: str) -> str:
    """The output of a command that must succeed, seeing nothing of this checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob(f"memlab-{__version__}-py3-none-any.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and nothing else of ours."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(
        *(python, "-m", "pip", "install", "--no-input", "--quiet", "--constraint"),
        *(ROOT / "constraints.txt", wheel),
        cwd=folder,
    )
    return python.parent


def test_the_pinned_versions_install_on_the_python_of_debian_12() -> None:
    """A resolve by a later Python picks versions that ask for a later Python."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    asked = {}
    for name, version in pins.items():
        with suppress(PackageNotFoundError):  # extras that the tests do not need
            found = metadata.metadata(name)
            if found["Version"] == version:
                asked[name] = SpecifierSet(found["Requires-Python"] or "")
    assert len(asked) > 100, "this environment was not installed with constraints.txt"
    assert {name: str(spec) for name, spec in asked.items() if "3.11.2" not in spec} == {}


def test_the_wheel_holds_the_leakers_and_the_course(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = subprocess.run(
        ["git", "ls-files", "-z", "memlab", "leakers", "notebooks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")[:-1]
    wanted = {
        name if name.startswith("memlab/") else f"memlab/_data/{name}"
        for name in shipped
        if (ROOT / name).is_file()
    }
    scripts = {name for name in names if ".data/scripts/" in name}
    assert {Path(name).name for name in scripts} == {"memlab-capture"}
    assert {name for name in names - scripts if ".dist-info/" not in name} == wanted
    assert {"memlab/_data/leakers/manifest.toml", "memlab/py.typed"} <= names


def test_nothing_that_was_built_or_run_is_in_it(built: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive_of_sources:
        names += archive_of_sources.getnames()
    unwanted = ("__pycache__", ".ipynb_checkpoints", ".venv", ".pytest_cache", ".so", ".o")
    assert [name for name in names if name.endswith(unwanted) or "/.venv/" in name] == []


def test_the_commands_work_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    memlab = installed / "memlab"
    home = {"HOME": str(tmp_path)}
    assert f"memlab {__version__}" in run(memlab, "--version", cwd=tmp_path, **home)
    assert "heap" in run(memlab, "leakers", cwd=tmp_path, **home)
    assert "own /proc" in run(memlab, "doctor", cwd=tmp_path, **home)
    assert "read-only" in run(installed / "memlab-capture", "--help", cwd=tmp_path, **home)


def test_a_leaker_is_found_built_and_run(installed: Path, tmp_path: Path) -> None:
    argv = (installed / "memlab", "leak", "heap", "--lang", "python", "--count", "3")
    said = run(*argv, "--duration", "1", cwd=tmp_path, HOME=str(tmp_path))
    assert '"event":"ready"' in said.replace('": "', '":"')
    assert '"event":"end"' in said.replace('": "', '":"')


def test_the_course_opens_from_a_copy_in_the_home(installed: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with LabProcess([str(installed / "memlab")], tmp_path, "--port", "0", cwd=tmp_path) as lab:
            assert lab.ask(f"/api/contents/{lab.notebook}")[0] == 200
            assert lab.start_kernel().cmdline()[0] == str(installed / "python")
    assert (tmp_path / "memlab-notebooks" / "00_start_here.ipynb").is_file()
