"""Files are written whole or not at all, and failures are one clear line."""

import os
import resource
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from helpers.table_files import SUFFIXES, is_clear, normal

from ebmark.datasets.tables import check_output, write_points
from ebmark.errors import UserError, shown
from ebmark.system.writing import atomic_path, write_whole


def test_write_whole_replaces_file(tmp_path):
    write_whole(tmp_path / "a.txt", "größe")
    write_whole(str(tmp_path / "b.bin"), b"\0\1")
    write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.bin"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask


def test_write_whole_keeps_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "x"


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt, FileNotFoundError])
def test_atomic_path_failure_changes_nothing(tmp_path, exception):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(exception), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise exception("of its own")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_write_rejects_paths(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    cases = {
        tmp_path / "none" / "a.csv": "folder does not exist",
        tmp_path / "file" / "a.csv": "is not a folder",
        tmp_path / "folder": "there is a folder of that name",
        tmp_path / ("x" * 300 + ".csv"): "name is too long",
        "a\0b": "is not a valid file name",
    }
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            write_whole(path, "x")
        assert is_clear(caught.value, shown(path, 300), max_length=420)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", ["pipe.csv", "link.csv", "socket.csv"])
def test_write_keeps_pipes_and_devices(tmp_path, name):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.csv"))
    modes = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    for write in (lambda path: write_whole(path, "x"), check_output):
        with pytest.raises(UserError, match="is a pipe or a device") as caught:
            write(tmp_path / name)
        assert is_clear(caught.value, name, max_length=420)
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == modes


def test_write_reports_full_disk(tmp_path):
    write_whole(tmp_path / "a.csv", "old")
    with pytest.raises(UserError, match="a.csv: cannot be written: the disk is full"):
        with atomic_path(tmp_path / "a.csv"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for suffix in SUFFIXES:
            with pytest.raises(UserError, match="cannot be written: .*(larger|disk full)"):
                write_points(tmp_path / f"a{suffix}", normal(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


@pytest.fixture
def locked_folder():
    """A folder in which this process may not write, also as root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        am_root = os.geteuid() == 0
        if am_root:
            os.seteuid(65534)
        yield Path(folder)
        if am_root:
            os.seteuid(0)
        os.chmod(folder, 0o755)


def test_write_reports_locked_folder(locked_folder):
    with pytest.raises(UserError, match="a.txt: cannot be written: you may not write there"):
        write_whole(locked_folder / "a.txt", "x")
    with pytest.raises(UserError, match="you may not write there"):
        check_output(locked_folder / "a.csv")
