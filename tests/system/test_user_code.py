"""Users' files: they import their own folder, from source; nothing else ever imports from it."""

import importlib
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.tiny_study import TINY
from hypothesis import given
from hypothesis import strategies as st

from ebmark.cli.main import main
from ebmark.errors import UserError
from ebmark.studies import plugins
from ebmark.system import user_code

# of the standard library, required and optional packages, and what JAX looks for
SHADOWS = ["json", "csv", "secrets", "platform", "hashlib", "tomllib", "numpy", "numpy/__init__"]
SHADOWS += ["jax", "scipy", "pandas", "tyro", "parsl", "torch", "tensorflow", "cupy", "mlflow"]
SHADOWS += ["jax_plugins/evil/__init__"]
PLUGIN = """
import json, numpy, importlib
from ebmark.methods import METHODS as BUILT_IN
import helper
METHODS = {"mine": BUILT_IN["gaussian"]}
"""


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """A function that executes a text as a file which is named on the command line."""
    monkeypatch.setattr(user_code, "_FOLDERS", {})
    monkeypatch.setenv(user_code.VARIABLE, "")
    before = set(sys.modules)

    def execute(text):
        path = tmp_path / "mine.py"
        user_code.name_files((path,))
        return user_code.execute(text.encode(), path)

    yield execute
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def plant_bytecode(source: Path, text: str) -> None:
    """Write bytecode beside a source that is not its own, and is never compared with it."""
    other = source.with_name("other.txt")
    other.write_text(text)
    cache = importlib.util.cache_from_source(str(source))
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), cfile=cache, doraise=True, invalidation_mode=mode)


IMPORTS = {
    "import helper": "helper.x",
    "from helper import x": "x",
    "import importlib\nm = importlib.import_module('helper')": "m.x",
    "def f():\n    import helper\n    return helper.x": "f()",
    "import package.module as m": "m.x",
    "from package import module": "module.x",
    "from package.module import x": "x",
    "import space.module as m": "m.x",
}


@pytest.mark.parametrize("text", IMPORTS)
def test_user_file_imports_source_of_its_folder(tmp_path, execute, text):
    files = [tmp_path / name for name in ("helper.py", "package/module.py", "space/module.py")]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 'source'")
        plant_bytecode(path, "x = 'bytecode'")
    (tmp_path / "package" / "__init__.py").write_text("from . import module")
    module = execute(text)
    assert eval(IMPORTS[text], vars(module)) == "source"


def test_folder_of_user_file_is_not_searched_for_other_imports(tmp_path, execute):
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "sqlite3.py").write_text("raise ImportError('executed')")
    sys.modules.pop("sqlite3", None)
    before = list(sys.path)
    execute("import sqlite3, sys")
    assert sys.path == before
    with pytest.raises(ImportError):
        importlib.import_module("helper")


def test_copy_in_study_folder_imports_nothing_of_it(tmp_path, execute):
    """A study's folder may come from an untrusted source."""
    execute("")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "helper.py").write_text("")
    with pytest.raises(ImportError):
        user_code.execute(b"import helper", tmp_path / "study" / "mine.py")


@pytest.mark.parametrize("text", ["x = 1 / 0", "(", "import absent_module", "raise ValueError"])
def test_error_names_line_of_imported_file(tmp_path, execute, text):
    (tmp_path / "helper.py").write_text("\n\n" + text)
    with pytest.raises(UserError, match=r"helper.py: line 3: \w+Error"):
        (tmp_path / "mine.py").write_text("import helper")
        user_code.name_files((tmp_path / "mine.py",))
        plugins.load(tmp_path / "mine.py")


@given(st.text(), st.lists(st.text(), max_size=2))
def test_explain_returns_one_line_without_notes(message, notes):
    error = ValueError(message)
    for note in notes:
        error.add_note(note)
    line = user_code.explain(error)
    assert line.isprintable() and len(line) < 400 and line.startswith("ValueError")
    assert line == user_code.explain(ValueError(message))


def test_command_reports_error_of_user_file_in_one_line(tmp_path, monkeypatch, capsys, execute):
    """As of a method's loss, which JAX traces: its note on its own frames is not printed."""
    text = "import jax, numpy as np\ndef fail(*_, **__):\n    jax.numpy.ones(5) + jax.numpy.ones(7)"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tyro.extras.subcommand_cli_from_dict", execute(text).fail)
    monkeypatch.setattr("sys.argv", ["ebmark", "list"])
    assert main() == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("ebmark: mine.py: line 3: TypeError: ") and "(7,)" in error
    assert "\n" not in error and "internal frames" not in error


def study_among_shadows(folder: Path, command: list, engine: str) -> subprocess.CompletedProcess:
    """Run a study with a plugin in a folder with files that leave a mark when executed."""
    for name in SHADOWS:
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(folder / 'executed')!r}, 'a').write('{name} ')")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "mine.py").write_text(PLUGIN)
    (folder / "helper.py").write_text("")
    options = ["--plugin", "mine.py", "--methods", "mine", "--seeds", "1", "--out", "out"]
    return subprocess.run(
        [*command, "run", "tiny.toml", *options, "--engine", engine, "--no-progress-bar"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{os.pathsep}{folder / 'absent'}"},
        capture_output=True,
        text=True,
    )


CONSOLE = [sys.executable, str(Path(sys.executable).with_name("ebmark"))]
MODULE = [sys.executable, "-m", "ebmark"]


@pytest.mark.full
@pytest.mark.parametrize(
    ("command", "engine"),
    [
        (MODULE, "processes"),
        (CONSOLE, "processes"),
        (MODULE, "inline"),
        (MODULE, "parsl"),
    ],
)
def test_no_file_of_current_folder_is_executed(tmp_path, command, engine):
    process = study_among_shadows(tmp_path, command, engine)
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()
    assert process.returncode == 0, process.stderr
