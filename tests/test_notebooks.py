"""The notebooks in git are clean, and a cell that fails makes their run fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from memlab.lab.registry import Leaker, leakers

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(
    path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
)


def committed(path: Path) -> nbformat.NotebookNode:
    """The notebook as git would take it now: a reader may have run the one on disk."""
    name = path.relative_to(ROOT)
    done = subprocess.run(["git", "show", f":{name}"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"git does not hold {name}")
    return nbformat.reads(done.stdout, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_committed_without_what_running_it_left(path: Path) -> None:
    notebook = committed(path)
    assert "widgets" not in notebook.metadata
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            assert cell.outputs == [], f"cell {number} has outputs: run make format"
            assert cell.execution_count is None, f"cell {number} was run: run make format"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_asks_for_the_kernel_of_its_environment(path: Path) -> None:
    assert committed(path).metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("leaker", leakers().values(), ids=lambda leaker: leaker.name)
def test_a_leaker_is_met_in_the_chapter_that_the_manifest_names(leaker: Leaker) -> None:
    """By its whole name: `fd-pipes` does not meet `fd`, nor `shm-posix-closed` `shm-posix`."""
    chapter = committed(ROOT / "notebooks" / leaker.chapter)
    text = "\n".join(cell.source for cell in chapter.cells)
    assert re.search(rf"(?<![\w-]){re.escape(leaker.name)}(?![\w-])", text)


def run_notebooks(folder: Path) -> subprocess.CompletedProcess[str]:
    """`make notebooks` over a folder, with this Python and without installing anything."""
    environment = {
        name: value
        for name, value in os.environ.items()
        # what an outer make and an outer pytest left would change the inner ones
        if not name.startswith(("MAKE", "MFLAGS", "PYTEST_"))
    }
    return subprocess.run(
        [
            *("make", "--no-print-directory", "notebooks"),
            *("--old-file=.venv/.installed-tests", f"PY={sys.executable}"),
            *("WORKERS=-p no:cacheprovider", f"NOTEBOOKS={folder}"),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def write(folder: Path, *cells: str) -> None:
    """A notebook of these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / "lesson.ipynb")


@pytest.mark.needs("make")
@pytest.mark.notebook
def test_a_failing_cell_fails_the_run(tmp_path: Path) -> None:
    write(tmp_path, "share = 1", "share / 0")
    done = run_notebooks(tmp_path)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stdout


@pytest.mark.needs("make")
@pytest.mark.notebook
def test_a_cell_whose_marked_output_differs_fails_the_run(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("stream", name="stdout", text="43\n")
    source = "# NBVAL_CHECK_OUTPUT\nprint(42)"
    notebook.cells = [nbformat.v4.new_code_cell(source, execution_count=1, outputs=[output])]
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    done = run_notebooks(tmp_path)
    assert done.returncode != 0
    assert "42" in done.stdout
    assert "43" in done.stdout


@pytest.mark.needs("make")
@pytest.mark.notebook
def test_cells_that_work_pass(tmp_path: Path) -> None:
    write(tmp_path, "import sys, memlab", "print(sys.prefix)", "memlab.__version__")
    done = run_notebooks(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
