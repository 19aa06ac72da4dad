"""The tree of packages: what each may import, and how long its files may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ebmark

ROOT = Path(ebmark.__file__).parent
REPOSITORY = ROOT.parent

MATHEMATICS = {"energies", "datasets", "samplers", "partition_function", "metrics", "methods"}
RECORDS = {"statistics", "store", "report", "engines"}
MAY_IMPORT = {
    "system": {"errors"},
    "energies": {"errors"},
    "datasets": {"errors", "energies", "system"},
    "samplers": {"errors", "energies", "system"},
    "partition_function": {"errors", "energies", "datasets", "samplers", "system"},
    "metrics": {"errors", "energies", "datasets", "samplers", "partition_function", "system"},
    "methods": {"errors", "energies", "datasets", "samplers", "partition_function", "system"},
    "training": {"errors", "system"} | MATHEMATICS,
    "estimator": {"errors", "system", "training"} | MATHEMATICS,
    "statistics": {"errors"},
    "store": {"errors", "system"},
    "report": {"errors", "store", "statistics", "system"},
    "engines": {"errors", "store", "system"},
    "studies": {"errors", "training", "system"} | MATHEMATICS | RECORDS,
    "cli": {"errors", "estimator", "training", "system", "studies"} | MATHEMATICS | RECORDS,
}
LOOSE = {"__init__.py", "__main__.py", "errors.py", "py.typed"}
MAX_PACKAGES = 15
MAX_LINES = {"ebmark": 300, "benchmarks": 300, "tests": 500}
MAX_FUNCTION_LINES = 80
NO_JAX = ("ebmark.store.table", "ebmark.statistics", "ebmark.report.page", "ebmark.engines")


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def test_top_level_has_only_known_packages():
    assert packages() == sorted(MAY_IMPORT)
    assert len(packages()) <= MAX_PACKAGES
    assert {path.name for path in ROOT.iterdir() if path.is_file()} == LOOSE


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_down(package):
    for path in sorted((ROOT / package).rglob("*.py")):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("ebmark.")}
        assert used - {package, "__version__"} <= MAY_IMPORT[package], path


def test_packages_form_layers():
    """The rule itself has no circle: packages can be sorted so that each imports earlier ones."""
    left = {package: set(allowed) - {"errors"} for package, allowed in MAY_IMPORT.items()}
    while left:
        lowest = {package for package, allowed in left.items() if not allowed}
        assert lowest, f"a circle among {sorted(left)}"
        left = {p: allowed - lowest for p, allowed in left.items() if p not in lowest}


def module_graph() -> dict[str, set[str]]:
    """Which module imports which at its top level, among those of ebmark."""
    names = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in names.items():
        used = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(names)
                used |= inner or ({node.module} & set(names))
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names} & set(names)
        graph[name] = used - {name, "ebmark"}
    return graph


def test_no_import_circle_between_modules():
    graph = module_graph()
    while graph:
        leaves = {name for name, used in graph.items() if not used & set(graph)}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: used for name, used in graph.items() if name not in leaves}


@pytest.mark.slow
@pytest.mark.parametrize("module", NO_JAX)
def test_records_start_no_jax(module):
    code = f"import sys, {module}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


@pytest.mark.parametrize("folder", MAX_LINES)
def test_files_are_short(folder):
    for path in (REPOSITORY / folder).rglob("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines <= MAX_LINES[folder], f"{path}: {lines} lines"


@pytest.mark.parametrize("folder", ["ebmark", "benchmarks"])
def test_functions_are_short(folder):
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                lines = node.end_lineno - node.lineno + 1
                assert lines <= MAX_FUNCTION_LINES, f"{path}: {node.name} has {lines} lines"
