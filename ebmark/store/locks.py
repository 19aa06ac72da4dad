"""Locks on runs, so that no run is executed twice; if one is, the second changes nothing.

A lock is the file `runs/RUN_ID.lock`. Its holder locks it with `flock`, which the system releases
when the holder dies for any reason. On some Lustre and NFS mounts, `flock` does not reach other
machines or is missing. The file therefore also states the machine of its holder, who touches it
every few seconds: the heartbeat. The lock of another machine is free if it was not touched for a
minute, by the clock of the disk.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ebmark.errors import UserError
from ebmark.store.folder import is_done, making
from ebmark.system.temporary_files import disk_clock, machine, sweep

_HEARTBEAT_PERIOD = 10.0  # seconds
_MAX_SILENCE = 60.0  # seconds without heartbeat after which the lock of another machine is free
_MAX_PROBE = 2.0  # seconds that the creator of a lock waits for processes that probe it
_CONTENT_BYTES = 400
_BESIDE_RUN = {"lock", "ckpt", "trials.json"}  # suffixes of the files beside an unfinished run
# a pipe in an untrusted folder must not block, a link must not be followed
_SAFE_FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW
_NO_FLOCK = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


class RunLock:
    """A lock that this process holds, with its heartbeat; its content shows the progress."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._released = threading.Event()
        self._holder = {
            "machine": machine(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": round(time.time()),
        }
        self.update("starting", 0.0)
        threading.Thread(target=self._beat, daemon=True).start()

    def update(self, activity: str, fraction: float) -> None:
        """Write the progress of the run into the lock.

        Args:
            activity: what the run does now, as in "training".
            fraction: the fraction of this activity that is done, in [0, 1].
        """
        progress = {"what": activity, "fraction": round(float(fraction), 3)}
        line = json.dumps({**self._holder, **progress})
        # a full disk is no reason to stop the run here
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, line.ljust(_CONTENT_BYTES).encode(), 0)

    def stop_heartbeat(self) -> None:
        """End the heartbeat."""
        self._released.set()

    def _beat(self) -> None:
        while not self._released.wait(_HEARTBEAT_PERIOD):
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)


@contextlib.contextmanager
def acquire_lock(folder: Path, name: str) -> Iterator[RunLock | None]:
    """Hold the lock of a run for the block.

    Yield None if another process holds it or the run is complete. Temporary files of a dead holder
    are removed.

    Args:
        folder: the folder of the study.
        name: the id of the run.

    Raises:
        UserError: the lock cannot be created, for example because the disk is full.
    """
    path = folder / "runs" / f"{name}.lock"
    descriptor, is_new = _open_locked(path)
    if descriptor is None:
        yield None
        return
    try:
        # another process may have completed the run before the lock was acquired
        if is_done(folder, name):
            _unlink(path)
            yield None
            return
        lock = RunLock(descriptor)
        try:
            if not is_new:
                _remove_unfinished(folder, name)
            yield lock
        finally:
            lock.stop_heartbeat()
            # while it is locked: a process that waits for this file sees that it is removed
            _unlink(path)
    finally:
        os.close(descriptor)


def running(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the locks that are held.

    Args:
        folder: the folder of the study.
        names: the ids of the runs whose locks are read.

    Returns:
        For each held lock the `name` of the run, the `machine`, `host` and `pid` of the holder,
        `since` (seconds since 1970), `what` (the activity) and its `fraction` that is done.
    """
    locks = []
    for name in names:
        # there is no lock, or it cannot be read
        with contextlib.suppress(OSError):
            content = _read_held(folder / "runs" / f"{name}.lock")
            if content:
                locks.append({"name": name, **content})
    return locks


def _read_held(path: Path) -> dict[str, Any]:
    """Return the content of a lock, or an empty dict if it is free or its content is not valid."""
    descriptor = os.open(path, os.O_RDONLY | _SAFE_FLAGS)
    try:
        content = _read_content(descriptor)
        if content and _try_lock(descriptor, content, fcntl.LOCK_SH, path):
            return {}
        return content
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> tuple[int | None, bool]:
    """Return the locked file, or None if another process holds it, and whether it is new."""
    descriptor, is_new = _open(path)
    content = None if is_new else _read_content(descriptor)
    deadline = time.monotonic() + _MAX_PROBE
    is_free = _try_lock(descriptor, content, fcntl.LOCK_EX, path)
    # a process that probes a new lock releases it at once
    while is_new and not is_free and time.monotonic() <= deadline:
        time.sleep(0.01)
        is_free = _try_lock(descriptor, content, fcntl.LOCK_EX, path)
    if is_free and _is_same_file(descriptor, path):
        return descriptor, is_new
    os.close(descriptor)
    return None, is_new


def _open(path: Path) -> tuple[int, bool]:
    """Return a descriptor of the file, and whether it was created."""
    flags = os.O_RDWR | os.O_CREAT | _SAFE_FLAGS
    is_new = True
    try:
        try:
            # atomic on any disk
            descriptor = os.open(path, flags | os.O_EXCL, 0o644)
        except FileExistsError:
            is_new = False
            descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"{path}: cannot be written because it is not a file. Remove it.")
    return descriptor, is_new


def _try_lock(descriptor: int, content: dict[str, Any] | None, operation: int, path: Path) -> bool:
    """Lock the file if no process holds it, and return whether it was free.

    Args:
        descriptor: the file.
        content: its content, None if this process created it, empty if it is not valid.
        operation: `fcntl.LOCK_EX` or `fcntl.LOCK_SH`.
        path: the path of the file.
    """
    has_flock = True
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            return False
        has_flock = False
    # on one machine flock alone decides
    if content is None or (has_flock and content.get("machine") == machine()):
        return True
    return not _has_heartbeat(descriptor, path)


def _has_heartbeat(descriptor: int, path: Path) -> bool:
    """Return whether a file was touched within the last minute, by the clock of its disk."""
    age = disk_clock(path.parent) - os.fstat(descriptor).st_mtime
    return abs(age) < _MAX_SILENCE


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the one at the path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _read_content(descriptor: int) -> dict[str, Any]:
    """Return the content of a lock, or an empty dict if its types are not those of a holder."""
    try:
        content = json.loads(os.pread(descriptor, _CONTENT_BYTES, 0))
        texts_are_valid = all(_is_text(content[key]) for key in ("machine", "host", "what"))
        counts_are_valid = all(_is_count(content[key]) for key in ("pid", "since"))
        fraction = content["fraction"]
        fraction_is_valid = type(fraction) is float and 0 <= fraction <= 1
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return content if texts_are_valid and counts_are_valid and fraction_is_valid else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def tidy(folder: Path, names: Iterable[str]) -> None:
    """Remove files that killed workers left beside completed runs, and old temporary files.

    Unfinished runs keep their checkpoints, and the locks of dead holders, which are free.

    Args:
        folder: the folder of the study.
        names: the ids of its runs.
    """
    runs = folder / "runs"
    names = set(names)
    with contextlib.suppress(OSError):
        for path in list(runs.iterdir()):
            name, _, kind = path.name.partition(".")
            if name not in names or kind not in _BESIDE_RUN or not is_done(folder, name):
                continue
            if kind == "lock":
                # acquiring the lock of a completed run removes it, unless it is held
                with contextlib.suppress(UserError), acquire_lock(folder, name):
                    pass
            else:
                _unlink(path)
    sweep(folder)
    sweep(runs)


def _remove_unfinished(folder: Path, name: str) -> None:
    """Remove what dead holders left of a run: from elsewhere only without a heartbeat."""
    this_machine = making(folder, name).name.rpartition("-")[0]
    for path in (folder / "runs").glob(f".making-{name}-*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            is_from_here = path.name.startswith(this_machine)
            is_alive = not is_from_here and _has_heartbeat(descriptor, path)
            os.close(descriptor)
            if not is_alive:
                shutil.rmtree(path, ignore_errors=True)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
