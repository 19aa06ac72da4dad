"""Commands in odd places: no home, narrow terminals, other encodings, a damaged cache."""

import io
import os
import pwd
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.costs import full_unless
from helpers.tiny_study import TINY
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from ebmark.cli import main, terminal
from ebmark.system import streams, threads

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:e[-+]?\d+)?(?![\w.…])")


def output_of(monkeypatch, arguments: list[str], encoding: str = "utf-8") -> tuple[int, str]:
    """Run a command in this process; return its exit status and what it printed."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    monkeypatch.setattr(sys, "argv", ["ebmark", *arguments])
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    try:
        status = main.main()
    except SystemExit as stop:
        status = stop.code
    texts = []
    for stream in streams.values():
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    assert "Traceback" not in "".join(texts)
    return status or 0, texts[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two samples, a model and a finished study."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    for name, num in (("données.csv", 60), ("y.csv", 120)):
        rows = [f"{a!r},{b!r}" for a, b in rng.normal(size=(num, 2)).tolist()]
        (folder / name).write_text("\n".join(["größe,b", *rows]), encoding="utf-8")
    (folder / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        for command in (RUN, FIT):
            assert output_of(monkeypatch, command.split())[0] == 0
    return folder


RUN = "run tiny.toml --methods gaussian --seeds 1 --engine inline --out study"
FIT = "fit données.csv --method gaussian --out m.ebm"
COMMANDS = {
    "run": RUN,
    "fit": FIT,
    "sample": "sample m.ebm -n 20 --out s.csv",
    "evaluate": "evaluate données.csv --target-samples y.csv",
    "table": "table study",
    "status": "status study",
    "list": "list",
    "report": "report study",
    "help": "--help",
    "fit_help": "fit --help",
}
SLOW = ("run", "fit", "report", "sample", "evaluate")
SLOW_PLACES = ("columns_0", "columns_1", "columns_40", "columns_63", "columns_300")


def no_home(monkeypatch, tmp_path):
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "EBMARK_CACHE", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)

    def missing(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", missing)


def unusable_home(monkeypatch, tmp_path):
    """A home that is a file can be neither read nor written, by root as well."""
    (tmp_path / "home").write_text("")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("EBMARK_CACHE", raising=False)


def decimal_commas(monkeypatch, tmp_path):
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.setenv(name, "de_DE.UTF-8")


def columns(number):
    return lambda monkeypatch, tmp_path: monkeypatch.setenv("COLUMNS", str(number))


PLACES = {
    "no_home": no_home,
    "unusable_home": unusable_home,
    "decimal_commas": decimal_commas,
    **{f"columns_{number}": columns(number) for number in (0, 1, 20, 40, 63, 300)},
    "ascii": "ascii",
    "latin-1": "latin-1",
}


@pytest.fixture(scope="module")
def printed(folder):
    """What each command prints on a wide terminal."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "120")
        quick = {name: text for name, text in COMMANDS.items() if name not in SLOW}
        return {name: output_of(monkeypatch, text.split())[1] for name, text in quick.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    full_unless(lambda place: place not in SLOW_PLACES, PLACES),
)
@pytest.mark.parametrize("name", full_unless(lambda name: name not in SLOW, COMMANDS))
def test_command_in_odd_place(folder, printed, tmp_path, monkeypatch, name, place):
    """Status 0, no traceback, and the numbers that are printed elsewhere."""
    monkeypatch.chdir(folder)
    encoding = "utf-8"
    if isinstance(PLACES[place], str):
        encoding = PLACES[place]
    else:
        PLACES[place](monkeypatch, tmp_path)
    status, text = output_of(monkeypatch, COMMANDS[name].split(), encoding)
    assert status == 0
    if name in printed and "help" not in name:
        lost = set(NUMBER.findall(printed[name])) - set(NUMBER.findall(text))
        assert not lost, text


@given(
    cells=st.lists(
        st.tuples(st.text(st.characters(categories=["L", "Nd"]), max_size=30), st.floats()),
        max_size=4,
    ),
    width=st.integers(1, 120),
)
def test_show_cuts_no_number(cells, width):
    table = Table(title="numbers")
    table.add_column("name")
    table.add_column("value", justify="right")
    table.add_column("null range (95%)", justify="right")
    for name, value in cells:
        table.add_row(name, f"{value:.4g}", f"{value:.3g} to {value:.5g}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("COLUMNS", str(width))
        terminal.show(table)
    for name, value in cells:
        assert name in stream.getvalue()
        assert f"{value:.4g}" in stream.getvalue()
        assert f"{value:.3g} to {value:.5g}" in stream.getvalue()


@pytest.mark.parametrize("home", ["", "relative", None])
def test_cache_is_never_in_current_folder(monkeypatch, home):
    monkeypatch.delenv("EBMARK_CACHE", raising=False)
    for name in ("HOME", "XDG_CACHE_HOME"):
        if home is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, home)
    assert threads.cache_folder().is_absolute()


@pytest.mark.full
def test_half_written_cache(tmp_path):
    """Each entry of the cache ends early, as after a kill: it is compiled again."""
    code = (
        "from ebmark.system import streams, threads; threads.keep_compiled_programs(); import jax;"
    )
    code += "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0);"
    code += "print(jax.jit(lambda x: x * 3)(2.0))"
    environment = os.environ | {"EBMARK_CACHE": str(tmp_path)}
    for _ in range(2):
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "6.0\n", "")
        entries = [path for path in tmp_path.rglob("*-cache") if path.stat().st_size]
        assert entries
        for path in entries:
            os.truncate(path, path.stat().st_size // 2)


def test_warning_of_library_is_one_line(monkeypatch, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        streams.prepare()
        warnings.warn("first\n  second", stacklevel=1)
    assert capsys.readouterr().err == "note: first second\n"
