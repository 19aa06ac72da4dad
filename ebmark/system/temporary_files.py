"""Names of temporary files, and the removal of those whose process has ended.

The name contains the process that makes the file: `.tmp-MACHINE-PID-...`. Files of a killed process
are removed by the next run, or by the run that started it.
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

_PREFIXES = (".tmp-", ".making-", ".clock-", ".stop-")
_TAG = re.compile(r"-([0-9a-f]{8})-(\d{1,10})(?![0-9a-f])")
_MAX_AGE = 3600.0  # seconds since the last touch after which a process elsewhere counts as ended


def machine() -> str:
    """Return the kernel's id of this boot of the machine, or the host's name if there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def tag() -> str:
    """Return MACHINE-PID of this process, as it appears in the names of its temporary files."""
    return f"{_machine_hash()}-{os.getpid()}"


def disk_clock(folder: Path) -> float:
    """Return the time on the disk of the folder, in seconds since 1970.

    Clocks of machines differ and jump; ages of files are therefore measured by the disk's clock.
    """
    probe = folder / f".clock-{tag()}-{secrets.token_hex(8)}"
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
    # the folder may be read-only
    except OSError:
        return time.time()
    return now


def sweep(folder: Path) -> None:
    """Remove the temporary files of ended processes from the folder, where this is permitted.

    A process of another machine counts as ended if its file was not touched for an hour.
    """
    # the clock costs three operations on the disk: read it once, and only if it is needed
    clock = functools.cache(disk_clock)
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name.startswith(_PREFIXES):
                with contextlib.suppress(OSError):
                    if _is_abandoned(path, clock):
                        _remove(path)


def _is_abandoned(path: Path, clock: Callable[[Path], float]) -> bool:
    match = _TAG.search(path.name)
    if match and match[1] == _machine_hash():
        return not _is_alive(int(match[2]))
    return abs(clock(path.parent) - path.stat().st_mtime) > _MAX_AGE


@functools.cache
def _machine_hash() -> str:
    """Return a hash of this machine and container: process ids are unique within it."""
    try:
        pid_namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        pid_namespace = ""
    return hashlib.sha256(f"{machine()} {pid_namespace}".encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a process of another user
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
