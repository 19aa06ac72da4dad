"""Who works on which cell, so that none is run twice; should one be, the second changes nothing.

A claim is the file `runs/NAME.lock`. Its holder has locked it (`flock`): the system lets go of
the lock when the holder dies, however it dies. Locks may not reach from one machine to the next, or
be missing, as on some Lustre and NFS mounts; so the file also says on which machine its holder is,
and its holder touches it every few seconds. A claim that another machine holds is free when it was
not touched for a minute, by the clock of the disk.
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

_BEAT = 10.0  # seconds between two touches
_PATIENCE = 60.0  # seconds without one after which another machine's claim is free
_MOMENT = 2.0  # seconds that a new claim waits for those who look at it
_WIDTH = 400  # bytes of a claim
_BESIDE = {"lock", "ckpt", "trials.json"}  # what lies beside a cell that is being made
_PLAIN = os.O_NONBLOCK | os.O_NOFOLLOW  # a stranger's pipe or link neither holds nor leads us
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


class RunLock:
    """A held claim; what it is told shows in the progress of whoever watches."""

    def __init__(self, descriptor: int):
        self._descriptor, self._ended = descriptor, threading.Event()
        self._said = {"machine": machine(), "host": socket.gethostname(), "pid": os.getpid()}
        self._said["since"] = round(time.time())
        self.tell("starting", 0.0)
        threading.Thread(target=self._beat, daemon=True).start()

    def tell(self, what: str, share: float) -> None:
        """Write down what is being done, and how much of it is done."""
        line = json.dumps(self._said | {"what": what, "fraction": round(float(share), 3)})
        with contextlib.suppress(OSError):  # a full disk is no reason to stop here
            os.pwrite(self._descriptor, line.ljust(_WIDTH).encode(), 0)

    def end(self) -> None:
        """Beat no more."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)


@contextlib.contextmanager
def acquire_lock(folder: Path, name: str) -> Iterator[RunLock | None]:
    """The claim on a cell, or None if another process holds it or the cell is done.

    What a dead holder left half-made is swept away here. Raises UserError where no file can be
    made, as on a full disk.
    """
    path = folder / "runs" / f"{name}.lock"
    descriptor, new = _taken(path)
    if descriptor is None:
        yield None
        return
    try:
        if is_done(folder, name):  # since we looked
            _unlink(path)
            yield None
            return
        claim = RunLock(descriptor)
        try:
            if not new:
                _sweep(folder, name)
            yield claim
        finally:
            claim.end()
            _unlink(path)  # while it is locked: whoever waits for this file sees that it is gone
    finally:
        os.close(descriptor)


def running(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """What the held claims say: name, host, process, what is being done, the share of it done."""
    found = []
    for name in names:
        try:
            path = folder / "runs" / f"{name}.lock"
            with open(os.open(path, os.O_RDONLY | _PLAIN), "rb") as file:
                said = _said(file.fileno())
                if said and not _free(file.fileno(), said, fcntl.LOCK_SH, path):
                    found.append({"name": name} | said)
        except OSError:
            continue
    return found


def _taken(path: Path) -> tuple[int | None, bool]:
    """The claim's file, locked and ours, and whether it is new; None if it is somebody else's."""
    flags = os.O_RDWR | os.O_CREAT | _PLAIN
    try:
        try:
            descriptor, new = os.open(path, flags | os.O_EXCL, 0o644), True  # atomic on any disk
        except FileExistsError:
            descriptor, new = os.open(path, flags, 0o644), False
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"{path}: cannot be written (it is no file; remove it)")
    said = None if new else _said(descriptor)
    deadline = time.monotonic() + _MOMENT
    while not (free := _free(descriptor, said, fcntl.LOCK_EX, path)) and new:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)  # somebody looks whether it is free, and lets go at once
    if free and _is(descriptor, path):
        return descriptor, new
    os.close(descriptor)
    return None, new


def _free(descriptor: int, said: dict[str, Any] | None, lock: int, path) -> bool:
    """Whether nobody is at work under the claim; then it is locked.

    `said` is what its file says: None where it is new and ours, empty where nobody wrote it yet.
    """
    locked = True
    try:
        fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            return False
        locked = False
    if said is None or (locked and said.get("machine") == machine()):
        return True  # on one machine the lock alone tells
    return not _fresh(descriptor, Path(path))


def _fresh(descriptor: int, path: Path) -> bool:
    """Whether a claim was touched within the minute, by the clock of the disk that it is on."""
    return abs(disk_clock(path.parent) - os.fstat(descriptor).st_mtime) < _PATIENCE


def _is(descriptor: int, path: Path) -> bool:
    """Whether the file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _said(descriptor: int) -> dict[str, Any]:
    """What a claim says; its types are those that a holder writes, or it says nothing."""
    try:
        said = json.loads(os.pread(descriptor, _WIDTH, 0))
        words = all(_is_word(said[key]) for key in ("machine", "host", "what"))
        counts = all(type(said[key]) is int and 0 <= said[key] < 2**53 for key in ("pid", "since"))
        share = type(said["fraction"]) is float and 0 <= said["fraction"] <= 1
        return said if words and counts and share else {}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def tidy(folder: Path, names: Iterable[str]) -> None:
    """Remove what was left of cells that are done, by workers killed in the moment between.

    Cells that are not done keep their checkpoints, and dead holders' claims, which bind nobody.
    """
    cells, names = folder / "runs", set(names)
    with contextlib.suppress(OSError):
        for path in list(cells.iterdir()):
            name, _, kind = path.name.partition(".")
            if name in names and kind in _BESIDE and is_done(folder, name):
                if kind == "lock":
                    with contextlib.suppress(UserError), acquire_lock(folder, name):
                        pass  # it is gone, unless somebody holds it
                else:
                    _unlink(path)
    sweep(folder)
    sweep(cells)


def _sweep(folder: Path, name: str) -> None:
    """Remove what dead holders left half-made: ours at once, that of others after the minute."""
    ours = making(folder, name).name.rpartition("-")[0]
    for left in (folder / "runs").glob(f".making-{name}-*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY)
            fresh = not left.name.startswith(ours) and _fresh(descriptor, left)
            os.close(descriptor)
            if not fresh:
                shutil.rmtree(left, ignore_errors=True)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
