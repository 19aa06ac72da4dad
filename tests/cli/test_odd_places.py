"""Commands in odd places: no home, narrow terminals, other encodings, a damaged cache."""

import io
import pwd
import re
import sys

import numpy as np
import pytest

from ebmark.cli import main

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
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        for command in (RUN, FIT):
            assert output_of(monkeypatch, command.split())[0] == 0
    return folder


RUN = "run smoke --methods gaussian --seeds 1 --datasets half_moons --engine inline --out study"
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
SLOW = ("run", "fit", "report")


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
        return {name: output_of(monkeypatch, text.split())[1] for name, text in COMMANDS.items()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.full] if n in SLOW else []) for n in COMMANDS]
)
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
    if "help" not in name:
        lost = set(NUMBER.findall(printed[name])) - set(NUMBER.findall(text))
        assert not lost, text
