"""Imports point one way."""

import ast
from pathlib import Path

import ebmark

ROOT = Path(ebmark.__file__).parent

LOW = {"_activation", "_types", "_trigonometry", "devices", "errors", "files", "owners"}
MAY_IMPORT = {  # a module, or a folder as a whole, and what of ebmark it may import
    "_types": set(),
    "_activation": set(),
    "_trigonometry": set(),
    "errors": set(),
    "threads": set(),
    "provenance": set(),
    "owners": set(),
    "claims": {"errors", "owners"},
    "files": {"errors", "owners"},
    "reading": {"errors"},
    "arrays": {"errors", "reading"},
    "stored": {"errors", "reading"},
    "points": {"errors", "files"},
    "serial": {"errors", "files", "reading"},
    "energies": {"_activation", "_types", "_trigonometry"},
    "local_scale": {"_types"},
    "quadrature": {"_types", "devices"},
    "devices": set(),
    "distributed": {"errors"},
    "samplers": {"_types", "devices"},
    "datasets": {"_types"},
    "walkers": {"devices", "energies", "samplers"},
    "noises": {"_types", "energies", "samplers", "local_scale"},
    "methods": {"_types", "devices", "energies", "samplers", "local_scale", "noises", "walkers"},
    "metrics": {"_types", "devices", "quadrature"},
    "sources": {"_types", "arrays", "datasets", "devices", "errors"}
    | {"local_scale", "metrics", "quadrature"},
    "train": {"_types", "devices", "errors", "methods", "serial"},
    "rivals": {"energies", "methods"},
    "recipes": {"errors", "methods", "rivals"},
    "model": LOW | {"energies", "quadrature", "recipes", "serial"},
    "tempered": {"_types", "ais", "diagnostics", "samplers"},
    "early_stopping": {"_types", "ais", "methods", "quadrature", "train"},
    "cell_files": {"claims", "devices", "files", "model", "provenance"},
    "cell": LOW
    | {"tempered", "methods", "metrics", "model", "quadrature", "recipes", "samplers"}
    | {"cell_files", "early_stopping", "sources", "train"},
    "plugins": {"datasets", "errors", "files", "methods"},
    "spaces": set(),
    "search": {"cell", "claims", "errors", "files", "reading", "recipes", "spaces", "variants"},
    "engines": {"cell", "claims", "errors", "files", "owners", "plugins", "reading"}
    | {"search", "threads"},
    "ais": {"_types", "devices", "samplers"},
    "checks": {
        "energies",
        "methods",
        "metrics",
        "model",
        "quadrature",
        "sources",
        "study",
        "train",
    },
    "step_bias": {
        "_types",
        "devices",
        "arrays",
        "errors",
        "model",
        "quadrature",
        "samplers",
        "statistics",
    },
    "power": {"datasets", "metrics", "sources"},
    "floors": {"datasets", "errors", "files", "metrics", "sources"},
    "tuned": {"errors", "files", "reading"},
    "variants": {"errors", "recipes", "statistics", "tuned"},
    "study": {"datasets", "errors", "methods", "plugins", "provenance", "reading", "recipes"}
    | {"sources", "statistics", "variants"},
    "studies": {"datasets", "errors", "methods", "spaces", "study"},
    "listing": set(),
    "catalogue": {"files", "listing", "datasets", "methods", "rivals", "samplers", "studies"},
    "progress": {"claims"},
    "stopping": {"engines"},
    "status": {"claims", "errors", "reading", "stored"},
    # what reads the results folder knows nothing of models
    "diagnostics": set(),
    "markdown": set(),
    "meanings": set(),
    "statistics": set(),
    "table": {"arrays", "errors", "files", "reading", "stored"},
    "sweeps": {"statistics"},
    "figures": {"statistics", "sweeps"},
    "report": {"diagnostics", "errors", "figures", "files", "meanings"}
    | {"statistics", "sweeps", "table"},
    "loggers": {"errors", "stored", "table"},
    "publish": {"errors", "files", "report", "stored", "table"},
    "paper": {"errors", "markdown", "meanings", "statistics", "table"},
    "summary": {"statistics", "table"},
}
ANYTHING = {
    "__init__",
    "__main__",
    "cli",
    "cli_search",
    "commands",
    "driver",
    "foreign",
    "leaderboard",
    "single",
    "tune",
}
NUMBERS_ONLY = {
    "loggers",
    "markdown",
    "meanings",
    "paper",
    "publish",
    "statistics",
    "sweeps",
    "table",
    "figures",
    "report",
    "summary",
}
NUMBERS_ONLY |= {"arrays", "reading", "status", "stored"}


def imports(path: Path) -> set[str]:
    """The modules that a file imports, dotted, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).parts[0].removesuffix(".py"), path


def test_imports_point_one_way():
    for module, path in modules():
        if module in ANYTHING:
            continue
        used = {name.split(".")[1] for name in imports(path) if name.startswith("ebmark.")}
        used -= {module, "__version__"}
        assert used <= MAY_IMPORT[module], f"{path.name} imports {used - MAY_IMPORT[module]}"


def test_the_report_needs_no_jax():
    for module, path in modules():
        if module in NUMBERS_ONLY:
            packages = {name.split(".")[0] for name in imports(path)}
            assert not packages & {"jax", "equinox", "optax"}, path


def test_files_hold_one_idea():
    for module, path in modules():
        lines = len([line for line in path.read_text().splitlines() if line.strip()])
        short = module == "methods" and path.name not in (
            "__init__.py",
            "_base.py",
            "_noise_levels.py",
        )
        assert lines <= (60 if short else 320), f"{path}: {lines} lines"
