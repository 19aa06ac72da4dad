"""What tests of commands share: a function that runs one."""

import sys

import pytest

from ebmark.cli import main


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """A function that runs a command in an empty folder: (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["ebmark", *map(str, arguments)])
        try:
            status = main.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return command
