"""Stored files are read and written in `ebmark/system` alone, which verifies their checksums."""

import ast
from pathlib import Path

import ebmark

ROOT = Path(ebmark.__file__).parent
ACCESS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "load", "loads", "dump"}
ACCESS |= {"read_csv", "read_table", "read_parquet", "fromfile", "genfromtxt", "loadtxt", "memmap"}
ACCESS |= {"save", "savez", "savez_compressed", "to_csv", "to_parquet", "copyfile"}
# Not stored results: user data, code, the pages' assets, and what processes exchange.
OTHERS = {
    "cli/catalogue.py": {"read_text"},
    "cli/list.py": {"read_text", "loads"},
    "cli/main.py": {"open"},
    "cli/_common.py": {"open"},  # of a browser
    "datasets/tables/": {"open", "read_csv", "save", "savez", "memmap"},
    "engines/": {"loads", "read_text"},
    "report/page/": {"read_text", "read_bytes"},
    "report/figures/_style.py": {"open"},
    "report/publish.py": {"read_bytes", "copyfile"},
    "store/locks.py": {"open", "loads"},
    "store/provenance.py": {"read_bytes", "read_text"},
    "studies/comparison.py": {"read_bytes"},  # a page just written
    "studies/own_objects.py": {"dump"},  # of a syntax tree
    "studies/plugins.py": {"read_bytes"},
    "training/tree_file.py": {"loads"},
    # in memory; `write_listed` or `write_whole` writes the bytes
    "datasets/fitted/remake.py": {"savez"},
    # samples and tables for the user, written whole
    "datasets/tables/_write.py": {"to_csv", "to_parquet"},
    "store/table.py": {"read_csv", "to_csv", "to_parquet"},
    "studies/prepare.py": {"save"},
    "studies/run_folder.py": {"savez_compressed"},
}
METHODS_OF_NUMPY = {"load", "save"}  # and names of many other methods


def accesses(path: Path) -> set[str]:
    """The functions that a file calls to read or write files, except those of ebmark.system."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in ACCESS:
                is_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
                if is_numpy or node.func.attr not in METHODS_OF_NUMPY:
                    found.add(node.func.attr)
            elif isinstance(node.func, ast.Name) and node.func.id == "open":
                found.add("open")
    return found


def test_stored_files_are_accessed_in_system():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        allowed = set().union(*(calls for place, calls in OTHERS.items() if name.startswith(place)))
        assert name.startswith("system/") or accesses(path) <= allowed, path
