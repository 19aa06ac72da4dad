"""Files that appear whole, under their own name, or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ebmark.errors import UserError, shown
from ebmark.system.temporary_files import tag

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REASONS = {
    errno.ENOSPC: "the disk is full; free some space, or write elsewhere",
    errno.EDQUOT: "your disk quota is used up; free some space, or write elsewhere",
    errno.EFBIG: "the file is larger than is allowed here; write elsewhere",
    errno.ENOENT: "the folder does not exist; make it first",
    errno.ENOTDIR: "its folder is not a folder; write elsewhere",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EACCES: "you may not write there; choose another folder, or change its permissions",
    errno.EPERM: "you may not write there; choose another folder, or change its permissions",
    errno.EROFS: "the disk is read-only; write elsewhere",
}


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write the file whole or not at all. Raises `UserError` where it cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def check_writable(path: str | Path) -> None:
    """Raise, before the work is done, the `UserError` that writing the file would raise."""
    _, temporary = _claim(path)
    temporary.unlink()


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path`, same suffix, that takes its place when the block ends well.

    Raises `UserError` where it cannot be written, at the start if that is known by then;
    whatever goes wrong, `path` is as it was before and the temporary file is gone.
    """
    (target, temporary), whole = _claim(path), False
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        whole = True
        with contextlib.suppress(OSError):  # the file is whole; some disks cannot sync a folder
            _sync(target.parent)
    except OSError as error:
        if _is_about(error, temporary):
            raise _unwritable(path, error) from error
        raise
    finally:
        if not whole:
            with contextlib.suppress(OSError):
                temporary.unlink()


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder. Raises `UserError` where a link leads out of it."""
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{shown(path, 100)}: is a link that leads out of its folder; remove it")
    return path


def make_folder(path: Path) -> None:
    """Make the folder, if it is not there. Raises `UserError` where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _claim(path: str | Path) -> tuple[Path, Path]:
    """The file to write, links followed, and a new empty file beside it. Raises `UserError`."""
    if "\0" in str(path):
        raise UserError(f"{shown(path, 100)}: no file can have this name; choose another")
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".tmp-{tag()}-{secrets.token_hex(8)}{target.suffix}"
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _unwritable(path, error) from error
    return target, temporary


def _is_about(error: OSError, temporary: Path) -> bool:
    """Whether this file cannot be written; else the block did something else that failed."""
    from_numpy = type(error) is OSError and error.errno is None  # "9 requested and 3 written"
    return str(error.filename) == str(temporary) or error.errno in _FULL or from_numpy


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: str | Path, error: OSError) -> UserError:
    reason = _REASONS.get(error.errno or 0, error.strerror or f"{error}; is the disk full?")
    return UserError(f"{shown(path, 300)}: cannot be written: {shown(reason, 100)}")
