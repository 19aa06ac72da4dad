"""Help, version, unknown options and tables on terminals of any width."""

import sys

import pytest
from helpers.results_folder import build

from ebmark.cli import main, terminal_tables
from ebmark.cli.help_text import describe_command
from ebmark.report.page import answer
from ebmark.store.schema import load_study
from ebmark.store.table import read


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ebmark", *arguments])
        status = main.main()
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_is_short_and_plain(name):
    """At most 80 columns, no metavar of Python types, every option with its meaning."""
    lines = describe_command(name, main.COMMANDS[name]).splitlines()
    assert lines[0].startswith(f"usage: ebmark {name}") and max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "None" not in text and "{" not in text and "[STR" not in text
    heads = [i for i, line in enumerate(lines) if line.startswith("  --")]
    assert all(
        len(line.split()) > 1 or lines[i + 1][:10].isspace()
        for i, line in enumerate(lines)
        if i in heads
    )


def test_version_is_printed(run):
    import ebmark

    assert run("--version") == (0, f"ebmark {ebmark.__version__}\n", "")


def test_help_lists_all_commands(run):
    status, out, _ = run("--help")
    assert status == 0 and all(f"\n  {name} " in out for name in main.COMMANDS)
    assert run() == (0, out, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--sedes", "3"), "Unknown option '--sedes'. Did you mean '--seeds'?"),
        (("fit", "x.csv", "--methd=nce"), "Unknown option '--methd'. Did you mean '--method'?"),
        (("rnu",), "Unknown command 'rnu'. Did you mean 'run'?"),
    ],
)
def test_unknown_name_is_one_line_with_the_nearest(run, arguments, message):
    status, out, err = run(*arguments)
    assert status == 2 and not out and err.count("\n") == 1
    assert err.startswith(f"ebmark: {message}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"), seeds=6, points=20, grid=20, diverged=())


@pytest.mark.parametrize("width", [60, 80, 200])
def test_summary_fits_the_terminal(folder, capsys, monkeypatch, width):
    """Columns that are left out are named; no number is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    terminal_tables.print_summary(folder)
    out = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= width
    assert "…" not in out and ("Left out on this narrow terminal" in out) == (width < 200)


def test_pipe_is_wide(folder, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    terminal_tables.print_summary(folder)
    assert "Left out" not in capsys.readouterr().out


def test_answer_is_printed(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    terminal_tables.print_answer(folder)
    found = answer(read(folder), load_study(folder))
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= 80
    assert " ".join(printed) == f"{found.question} {found.sentence} {found.test}"


def test_report_opens_in_the_browser(run, folder, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("ebmark.report.page.write_report", lambda *_: folder / "report.html")
    (folder / "report.html").touch()
    status, out, _ = run("report", str(folder), "--open")
    assert status == 0 and opened == [(folder / "report.html").resolve().as_uri()]
    assert out.splitlines()[0] == f"Report: {folder / 'report.html'}"
