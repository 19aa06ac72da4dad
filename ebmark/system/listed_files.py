"""Files whose checksums are in the list `SHA256SUMS` of their folder, as `sha256sum -c` reads it.

While a file is replaced, the list has two lines for it: a killed writer leaves either the old
content or the new one, and both are accepted. Writers hold the lock of the folder.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ebmark.errors import DamagedError, shown
from ebmark.system.checksums import sha256
from ebmark.system.reading import REPAIR, read_bytes
from ebmark.system.writing import inside, write_whole

SUMS = "SHA256SUMS"
_MAX_BYTES = 1 << 30
_LINE = re.compile(r"([0-9a-f]{64})  ([ -~]+)\n")
_LISTED = re.compile(r"results\.(csv(\.zst)?|parquet)|points-[0-9a-f]{16}\.npy")


def write_listed(path: Path, content: bytes) -> None:
    """Write a file atomically and list its checksum.

    Raises:
        UserError: it cannot be written, or the list is damaged.
    """
    with locked_folder(path.parent, fcntl.LOCK_EX):
        lines = _read_sums(path.parent)
        line = (sha256(content), path.name)
        _write_sums(path.parent, [*lines, line])
        write_whole(inside(path.parent, path.name), content)
        _write_sums(path.parent, [*(one for one in lines if one[1] != path.name), line])


def read_listed(path: Path, max_bytes: int = _MAX_BYTES) -> bytes:
    """Return the content of a file whose checksum is in the list.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: its checksum differs, or is not listed.
        UserError: it cannot be read.
    """
    content = read_bytes(path, max_bytes)
    if _is_listed(path, content):
        return content
    # a writer may have replaced the file between both readings
    with locked_folder(path.parent, fcntl.LOCK_SH):
        content = read_bytes(path, max_bytes)
        if _is_listed(path, content):
            return content
    raise DamagedError(
        f"{shown(path, 200)}: damaged (its checksum is not listed in {SUMS}). {REPAIR}"
    )


def check_listed(folder: Path) -> None:
    """Check the table and the points in a folder, where they are.

    Raises:
        DamagedError: a file, or the list, is damaged.
    """
    _read_sums(folder)
    for name in _find(folder):
        with contextlib.suppress(FileNotFoundError):
            read_listed(folder / name)


def remove_damaged(folder: Path) -> list[str]:
    """Remove the files that `check_listed` refuses, and return their names.

    Raises:
        UserError: the list cannot be written.
    """
    with locked_folder(folder, fcntl.LOCK_EX):
        lines = _LINE.findall(_sums_text(folder))
        intact = []
        removed = []
        for name in _find(folder):
            line = (sha256(read_bytes(folder / name, _MAX_BYTES)), name)
            if line in lines:
                intact.append(line)
            else:
                (folder / name).unlink()
                removed.append(name)
        try:
            _read_sums(folder)
        except DamagedError:
            _write_sums(folder, intact)
            removed.append(SUMS)
    return removed


@contextlib.contextmanager
def locked_folder(folder: Path, operation: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold the lock of a folder for the block, on disks that have such locks.

    Args:
        folder: the folder.
        operation: `fcntl.LOCK_EX`, or `fcntl.LOCK_SH` to exclude writers only.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, operation)
        yield


def _find(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if _LISTED.fullmatch(name))
    except OSError:
        return []


def _is_listed(path: Path, content: bytes) -> bool:
    return (sha256(content), path.name) in _read_sums(path.parent)


def _read_sums(folder: Path) -> list[tuple[str, str]]:
    """Return the pairs of checksum and name in the list of a folder."""
    text = _sums_text(folder)
    lines = _LINE.findall(text)
    if "".join(f"{digest}  {name}\n" for digest, name in lines) != text:
        raise DamagedError(f"{shown(folder / SUMS, 200)}: damaged (not a list). {REPAIR}")
    return lines


def _sums_text(folder: Path) -> str:
    try:
        return read_bytes(folder / SUMS).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _write_sums(folder: Path, lines: Iterable[tuple[str, str]]) -> None:
    text = "".join(f"{digest}  {name}\n" for digest, name in lines)
    write_whole(inside(folder, SUMS), text)
