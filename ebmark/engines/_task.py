"""Execution of a task by a worker: it acquires the lock of a run, executes it and reports."""

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
from ebmark.system import flags, threads, user_code
from ebmark.system.temporary_files import tag
from ebmark.system.writing import write_whole

# receives the activity of a run and the fraction of it that is done
ReportProgress = Callable[[str, float], None]
# receives the folder, the run id, the spec and the callback
Runner = Callable[[Path, str, dict, ReportProgress], None]


class Stopped(Exception):
    """The run was asked to stop: its checkpoint is kept, and the same command resumes it."""


class WorkerLost(Exception):
    """All processes that executed a run died before it was complete."""


class EngineLost(Exception):
    """The engine cannot execute runs any more, for the reason in one line."""


def stop_file(folder: Path) -> Path:
    """Return the file whose existence stops the runs that this process submitted.

    Args:
        folder: the folder of the study.
    """
    return folder.resolve() / "runs" / f".stop-{tag()}"


def as_task(folder: Path, name: str, spec: dict) -> str:
    """Return a run as it is sent to its worker, in one line of JSON."""
    return json.dumps({"name": name, "spec": spec, "stop": str(stop_file(folder))})


def run_task(folder: str, runner: str, task: str) -> dict[str, Any]:
    """Execute one run under its lock; errors are written to a file and returned, not raised.

    If the stop file of the task exists, the run ends the next time it reports its progress.

    Args:
        folder: the folder of the study.
        runner: MODULE:FUNCTION, which executes the run.
        task: the run, as returned by `as_task`.

    Returns:
        The dictionary that `Engine.submit` describes.
    """
    start = time.perf_counter()
    run = json.loads(task)
    name = run["name"]
    reason = ""
    status = "held"

    def check_stop() -> None:
        if os.path.exists(run["stop"]):
            raise Stopped

    try:
        check_stop()
        with acquire_lock(Path(folder), name) as lock:
            if lock is not None:

                def report_progress(activity: str, fraction: float) -> None:
                    lock.update(activity, fraction)
                    check_stop()

                reason = _execute(Path(folder), runner, name, run["spec"], report_progress)
    # the lock cannot be created, for example because the disk is full
    except UserError as error:
        reason = str(error)
    except Stopped:
        status = "stopped"
    if is_done(Path(folder), name):
        status = "done"
    if reason:
        status = "failed"
    return {
        "status": status,
        "path": f"runs/{name}",
        "reason": reason,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "seconds": round(time.perf_counter() - start, 3),
    }


def run_in_pool(folder: str, runner: str, task: str) -> dict[str, Any]:
    """Call `run_task` in a process of another library's pool, which is first made a worker."""
    _become_worker()
    return run_task(folder, runner, task)


@functools.cache
def _become_worker() -> None:
    # before jax and numpy are imported
    os.environ.update(threads.single(dict(os.environ)))
    flags.pin_flags()
    die_with(os.getppid())


def die_with(parent: int) -> None:
    """End this process when its parent process ends, so that a killed run leaves no orphans.

    Args:
        parent: the process id of the parent.
    """

    def watch() -> None:
        while os.getppid() == parent:
            # unlike sleep, this does not depend on a clock, which may jump
            select.select((), (), (), 0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _execute(
    folder: Path, runner: str, name: str, spec: dict, report_progress: ReportProgress
) -> str:
    """Execute the run and return its error in one line, or "" if it succeeded."""
    error_file = folder / "runs" / f"{name}.error"
    try:
        _load_runner(runner)(folder, name, spec, report_progress)
        error_file.unlink(missing_ok=True)
    except Stopped:
        raise
    # of any type: the other runs continue
    except Exception as error:
        text = traceback.format_exc()
        try:
            write_whole(error_file, text)
        # for example because the disk is full: the error is then only returned
        except Exception as write_error:
            return f"{error!r}; {write_error}"
        return user_code.explain(error)
    return ""


@functools.cache
def _load_runner(runner: str) -> Runner:
    module, function = runner.split(":")
    return getattr(importlib.import_module(module), function)
