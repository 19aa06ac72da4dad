"""Who works on which cell: a lock that dies with its process, so that none is run twice."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def is_done(folder: Path, name: str) -> bool:
    """A cell's folder appears by rename, with its result in it: it is there whole, or not."""
    return (folder / "cells" / name / "result.json").exists()


class Claim:
    """A held claim; what it is told shows in the progress of whoever watches."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def tell(self, what: str, share: float) -> None:
        """Write down what is being done, and how much of it is done."""
        line = json.dumps({"pid": os.getpid(), "what": what, "share": round(share, 3)})
        os.pwrite(self._descriptor, line.ljust(120).encode(), 0)


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[Claim | None]:
    """The claim on a cell, or None if another process holds it or the cell is done.

    It is a lock on `cells/NAME.claim`: the system lets go of it when its holder dies, however it
    dies, and what that one left half-made is swept away here.
    """
    cells = folder / "cells"
    path = cells / f"{name}.claim"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        if is_done(folder, name):  # done, and unlinked, between our look and our lock
            path.unlink(missing_ok=True)
            yield None
            return
        for left in cells.glob(f".making-{name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield Claim(descriptor)
        if is_done(folder, name):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def running(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """What the held claims say: name, process, what is being done, and the share of it done."""
    found = []
    for name in names:
        try:
            with open(folder / "cells" / f"{name}.claim", "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:  # held: someone is at work
                    found.append({"name": name} | json.loads(file.read() or b"{}"))
        except (OSError, ValueError):
            continue
    return found
