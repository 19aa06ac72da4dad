"""Whose half-made files lie in a study's folder, and the removal of those whose maker is gone.

A file in the making is called after its process: `.tmp-MACHINE-PID-...`. What a killed process left
is removed by the next run, or by the one whose worker it was.
"""

import contextlib
import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

_KINDS = (".tmp-", ".making-", ".clock-", ".stop-")
_TAG = re.compile(r"-([0-9a-f]{8})-(\d{1,10})(?![0-9a-f])")
_LONG = 3600.0  # seconds untouched after which another machine's process is taken for gone


def machine() -> str:
    """This machine, from its start on: a number of the kernel's, or its name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def tag() -> str:
    """This process, as it stands in the names of its files: machine and number."""
    return f"{_here()}-{os.getpid()}"


def disk_clock(folder: Path) -> float:
    """What time it is on the disk of the folder: clocks of machines differ, and jump."""
    probe = folder / f".clock-{tag()}-{secrets.token_hex(8)}"
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError:  # as where we may only look
        return time.time()
    return now


def sweep(folder: Path) -> None:
    """Remove what processes that are gone left half-made in the folder; where we may not, leave it.

    A process of another machine is gone when its file was not touched for an hour.
    """
    now = functools.cache(disk_clock)  # three operations on the disk: once, and only if needed
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name.startswith(_KINDS):
                with contextlib.suppress(OSError):
                    if _is_gone(path, now):
                        _remove(path)


def _is_gone(path: Path, now: Callable[[Path], float]) -> bool:
    found = _TAG.search(path.name)
    if found and found[1] == _here():
        return not _lives(int(found[2]))
    return abs(now(path.parent) - path.stat().st_mtime) > _LONG


@functools.cache
def _here() -> str:
    """This machine, or this container of it: where a process has the number that we see."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{machine()} {numbers}".encode()).hexdigest()[:8]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
