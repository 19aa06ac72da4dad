"""What a worker does with a task: it claims the cell, runs it, and says how it went."""

import functools
import importlib
import json
import os
import select
import socket
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ebmark.errors import UserError
from ebmark.store.folder import is_done
from ebmark.store.locks import acquire_lock
from ebmark.system import threads
from ebmark.system.temporary_files import tag
from ebmark.system.writing import write_whole


class Stopped(Exception):
    """The run's time is up: what can be saved is saved, and the same command goes on from there."""


class WorkerLost(Exception):
    """The processes that ran a cell died, each in its turn, before it was done."""


class EngineLost(Exception):
    """The engine can run nothing any more; the reason is one line."""


def stop_file(folder: Path) -> Path:
    """The file that tells this process's tasks to stop, wherever they run."""
    return folder.resolve() / "runs" / f".stop-{tag()}"


def as_task(folder: Path, name: str, spec: dict) -> str:
    """A cell as it travels to its worker."""
    return json.dumps({"name": name, "spec": spec, "stop": str(stop_file(folder))})


def run_task(folder: str, runner: str, task: str) -> dict[str, Any]:
    """Run one cell under its claim. What goes wrong in it is told and written down, not raised.

    Once there is a file as the task's `stop` says, the cell is left at its next sign of life.
    """
    began, reason, ended = time.perf_counter(), "", "held"
    cell = json.loads(task)
    name, stop = cell["name"], cell["stop"]

    def listen() -> None:
        if os.path.exists(stop):
            raise Stopped

    try:
        listen()
        with acquire_lock(Path(folder), name) as claim:
            if claim is not None:

                def tell(what: str, share: float) -> None:
                    claim.tell(what, share)
                    listen()

                reason = _trouble(Path(folder), runner, name, cell["spec"], tell)
    except UserError as error:  # no claim could be made, as on a full disk
        reason = str(error)
    except Stopped:
        ended = "stopped"
    ended = "done" if is_done(Path(folder), name) else ended
    return {
        "status": "failed" if reason else ended,
        "path": f"runs/{name}",
        "reason": reason,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "seconds": round(time.perf_counter() - began, 3),
    }


def run_in_pool(folder: str, runner: str, task: str) -> dict[str, Any]:
    """`run_task` for a process of somebody else's pool, which was started for no study of ours."""
    _become_a_worker()
    return run_task(folder, runner, task)


@functools.cache
def _become_a_worker() -> None:
    os.environ.update(threads.single(dict(os.environ)))  # before jax and numpy come
    die_with(os.getppid())


def die_with(parent: int) -> None:
    """End this process when its parent is gone, so that a killed run leaves no orphans."""

    def watch():
        while os.getppid() == parent:
            select.select((), (), (), 0.5)  # no clock is asked: a sleep fails where one jumps
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _trouble(folder: Path, runner: str, name: str, spec: dict, tell: Callable) -> str:
    """Run the cell; the last line of its error, or "" if there was none."""
    error = folder / "runs" / f"{name}.error"
    try:
        _runner(runner)(folder, name, spec, tell)
        error.unlink(missing_ok=True)
    except Stopped:
        raise
    except Exception as caught:  # told, written down, and the others go on
        text = traceback.format_exc()
        try:
            write_whole(error, text)
        except Exception as unwritten:  # as on a full disk: then it is told only
            return f"{caught!r}; {unwritten}"
        return text.strip().splitlines()[-1]
    return ""


@functools.cache
def _runner(runner: str) -> Callable:
    module, function = runner.split(":")
    return getattr(importlib.import_module(module), function)
