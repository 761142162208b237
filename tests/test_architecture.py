"""The design holds: who may import whom, how large a module may be, what may be loaded when."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "memlab"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]

# docs/design.md, "One way through the house"; a folder or top-level module that is not here fails
LAYERS = {
    "__init__": 0,
    "errors": 0,
    "units": 0,
    "procfs": 1,
    "model": 2,
    "observe": 3,
    "diagnose": 3,
    "trace": 3,
    "session": 4,
    "rounds": 4,
    "present": 4,
    "lab": 5,
    "widgets": 6,
    "cli": 6,
    "pytest_plugin": 6,
    "exporter": 6,
    "__main__": 7,
}
MOST_LINES = 400
HEAVY = (
    "numpy",
    "pandas",
    "plotly",
    "ipywidgets",
    "anywidget",
    "scipy",
    "matplotlib",
    "jupyterlab",
)
DOING_IO = {
    *("io", "os", "pathlib", "subprocess", "socket", "tempfile", "shutil", "urllib", "http"),
    *("asyncio", "multiprocessing", "ctypes", "mmap", "psutil", "requests", "sqlite3", "fcntl"),
}


def part(path: Path) -> str:
    """The folder of a module, or its own name where it stands at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import, wherever in the module it stands."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, node.module)) if node.module else ".".join(above)
            yield node.lineno, module
            # `from memlab import session` names a module of ours in its list
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def ours(name: str) -> str | None:
    """The part of memlab that an import reaches, or None for somebody else's module."""
    first, _, rest = name.partition(".")
    if first != "memlab":
        return None
    reached = rest.partition(".")[0]
    # `from memlab import __version__` reaches the package itself
    return reached if reached and not reached.startswith("__") else "__init__"


def wrong_imports(path: Path) -> list[str]:
    """Imports that go up, or across to a part of the same layer."""
    mine = part(path)
    wrong = []
    for line, name in imports(path):
        other = ours(name)
        if other is None or other in ("__init__", mine):
            continue
        if other not in LAYERS or LAYERS[other] >= LAYERS[mine]:
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return wrong


def test_every_part_has_its_layer() -> None:
    assert {part(path) for path in MODULES} <= set(LAYERS), "add it to docs/design.md and LAYERS"


def test_layers_are_those_of_the_design() -> None:
    """Every part in the table of docs/design.md stands in its layer here."""
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in (ROOT / "docs/design.md").read_text().splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    told = {
        name.strip("`").removesuffix("/").removesuffix(".py"): int(row[1])
        for row in rows
        for name in row[2].replace(",", " ").split()
        if name.strip("`").endswith(("/", ".py"))
    }
    assert len(told) >= 11
    assert {name: LAYERS.get(name) for name in told} == told


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_imports_only_lower_layers_or_its_own_folder(path: Path) -> None:
    assert wrong_imports(path) == []


def test_an_import_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "memlab"
    (package / "model").mkdir(parents=True)
    module = package / "model" / "high.py"
    module.write_text("def f():\n    from ..observe import live\n    from memlab import cli\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", package)
    assert {wrong.split(" imports ")[1] for wrong in wrong_imports(module)} == {
        "memlab.observe",
        "memlab.observe.live",
        "memlab.cli",
    }


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_stays_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part(path) in ("diagnose", "model")],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_model_and_the_judge_do_no_io(path: Path) -> None:
    reached = {name.partition(".")[0] for _, name in imports(path)}
    assert reached & DOING_IO == set()
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & {"open", "print", "input", "exec", "eval", "__import__"} == set()


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part(path) == "diagnose"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_judge_is_blind_to_the_truth(path: Path) -> None:
    """What a leaker says of itself lies in a sample's events and in the manifest."""
    tree = ast.parse(path.read_text())
    touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "events" not in touched
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not any("manifest" in word or word in ("events", "ledger") for word in words)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_only_the_widgets_import_widget_libraries(path: Path) -> None:
    reached = {name.partition(".")[0] for _, name in imports(path)}
    assert part(path) == "widgets" or not reached & {"ipywidgets", "anywidget"}


def public_definitions(tree: ast.Module) -> Iterator[ast.AST]:
    """Public functions and classes, and the public methods of public classes."""
    bodies: list[ast.Module | ast.ClassDef] = [tree]
    while bodies:
        for node in bodies.pop().body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_"):
                continue
            yield node
            # a Protocol says in its own docstring what its members are
            if isinstance(node, ast.ClassDef) and not any(
                isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
            ):
                bodies.append(node)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_what_is_public_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for node in public_definitions(tree)
        if not ast.get_docstring(node)
    ]
    assert ast.get_docstring(tree), "the module itself"
    assert silent == []


@pytest.mark.parametrize(
    "start",
    [
        ["-c", "import memlab"],
        ["-m", "memlab.cli.main", "--help"],
        ["-m", "memlab.cli.main", "--version"],
        ["-m", "memlab.cli.main", "diagnose", "--help"],
    ],
    ids=" ".join,
)
def test_a_start_loads_nothing_heavy(start: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *start], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-500:]
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "memlab" in loaded
    assert {name for name in loaded if name.partition(".")[0] in HEAVY} == set()


def tracked() -> list[Path]:
    """What git holds; all of the folder where this is no checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_package_index_is_named() -> None:
    """Where packages come from is the machine's business."""
    options = (
        "--index" + "-url",
        "--extra-index" + "-url",
        "--find" + "-links",
        "--trusted" + "-host",
    )
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "/simple" + "/", "registry.npmjs" + ".org")
    named = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        if path.suffix not in {".gz", ".png", ".svg"}
        for word in (*options, *hosts)
        if word in path.read_text(errors="replace")
    ]
    assert named == []
