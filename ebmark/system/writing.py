"""Write files atomically: a file appears complete under its name, or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ebmark.errors import UserError, shown
from ebmark.system.checksums import sealed
from ebmark.system.temporary_files import tag

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_PERMITTED = "you may not write there. Choose another folder, or change its permissions"
_REASONS = {
    errno.ENOSPC: "the disk is full. Free some space, or write elsewhere",
    errno.EDQUOT: "your disk quota is used up. Free some space, or write elsewhere",
    errno.EFBIG: "the file is larger than is allowed here. Write elsewhere",
    errno.ENOENT: "the folder does not exist. Create it first",
    errno.ENOTDIR: "its folder is not a folder. Write elsewhere",
    errno.EISDIR: "there is a folder of that name. Choose another name",
    errno.EEXIST: "there is a file of that name. Choose another name",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one",
    errno.EACCES: _NOT_PERMITTED,
    errno.EPERM: _NOT_PERMITTED,
    errno.EROFS: "the disk is read-only. Write elsewhere",
}


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write the file atomically.

    Raises:
        UserError: it cannot be written; a file that was there before is unchanged.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(
    path: str | Path,
    document: Mapping[str, Any],
    *,
    indent: int | None = 1,
    sort_keys: bool = False,
) -> None:
    """Write a JSON file atomically, with its schema and its checksum at the top.

    Raises:
        UserError: it cannot be written; a file that was there before is unchanged.
    """
    write_whole(path, sealed(document, indent=indent, sort_keys=sort_keys))


def check_writable(path: str | Path) -> None:
    """Raise, before the work begins, the `UserError` that writing the file would raise."""
    _, temporary = _create_temporary(path)
    temporary.unlink()


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` if the block ends without an exception.

    The file is in the folder of `path` and has the same suffix. After an exception `path` is as
    before and the temporary file is removed.

    Raises:
        UserError: the file cannot be written; as early as this is known.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_path(f"{folder}/a.txt") as temporary:
        ...         _ = temporary.write_text("complete")
        ...     print(Path(folder, "a.txt").read_text())
        complete
    """
    target, temporary = _create_temporary(path)
    is_complete = False
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
        is_complete = True
        # the file is complete; some disks cannot flush a folder
        with contextlib.suppress(OSError):
            _flush(target.parent)
    except OSError as error:
        if _is_write_error(error, temporary):
            raise _unwritable(path, error) from error
        raise
    finally:
        if not is_complete:
            with contextlib.suppress(OSError):
                temporary.unlink()


def inside(folder: Path, name: str) -> Path:
    """Return the path of the file `name` in the folder.

    Raises:
        UserError: the path is a link to a place outside the folder.
    """
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{shown(path, 100)}: is a link that leads out of its folder. Remove it.")
    return path


def make_folder(path: Path) -> None:
    """Create the folder and its parents, unless it exists.

    Raises:
        UserError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _create_temporary(path: str | Path) -> tuple[Path, Path]:
    """Return the file to write, with links resolved, and a new empty file in its folder."""
    if "\0" in str(path):
        raise UserError(f"{shown(path, 100)}: is not a valid file name. Choose another.")
    # of the path, not of the target: /dev/stdout leads to a pipe that has no path
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise UserError(f"{shown(path, 300)}: is a pipe or a device. Write to a file.")
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".tmp-{tag()}-{secrets.token_hex(8)}{target.suffix}"
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _unwritable(path, error) from error
    return target, temporary


def _is_write_error(error: OSError, temporary: Path) -> bool:
    """Return whether the file cannot be written; if not, another action of the block failed."""
    # "9 requested and 3 written"
    is_from_numpy = type(error) is OSError and error.errno is None
    return str(error.filename) == str(temporary) or error.errno in _DISK_FULL or is_from_numpy


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: str | Path, error: OSError) -> UserError:
    reason = _REASONS.get(error.errno or 0, error.strerror or f"{error} (is the disk full?)")
    return UserError(f"{shown(path, 300)}: cannot be written: {shown(reason, 100)}.")
