"""Execute the runs of a plan on an engine, until all are completed or the time is up."""

import contextlib
import dataclasses
import math
import queue
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ebmark.engines import Engine, EngineLost
from ebmark.errors import UserError
from ebmark.store.folder import is_done
from ebmark.store.locks import tidy
from ebmark.studies.progress import Progress
from ebmark.studies.stopping import StopRequest, stopping
from ebmark.system.writing import write_whole

_POLL_SECONDS = 0.2  # between two checks for completed runs
_GRACE_SECONDS = 120.0  # that a run has to save a checkpoint and stop
_RETRY_SECONDS = 2.0  # until a run that another process holds is submitted again


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the runs of a plan."""

    planned: int
    done: int
    failed: dict[str, str]  # run id -> the last line of its error
    stopped: bool = False  # whether the time was up before all were done


def run_plan(
    folder: Path,
    plan: dict[str, dict],
    engine: Engine,
    *,
    minutes: float | None = None,
    plain: bool = False,
) -> Outcome:
    """Execute the runs that are not done on the engine, and close it.

    A run that a worker of another process holds is submitted again until one of the two has
    completed it. After `minutes`, or on SIGTERM, active runs are saved and stopped.

    Args:
        folder: the study's folder.
        plan: run id -> spec.
        engine: where runs are executed.
        minutes: stop after so long; None for no limit.
        plain: print lines instead of a progress bar.

    Raises:
        UserError: if the engine cannot execute any more runs.
    """
    tidy(folder, plan)
    for name in plan:
        # The file is usually absent, and the disk may be read-only.
        with contextlib.suppress(OSError):
            _error_path(folder, name).unlink()
    done = {name for name in plan if is_done(folder, name)}
    progress = Progress(folder, plan, done, plain=plain)
    runs = _ActiveRuns(folder, plan, engine, done, progress)
    with stopping(folder, minutes) as stop:
        try:
            runs.submit([name for name in plan if name not in done])
            _wait(runs, stop)
        finally:
            progress.close()
            engine.close()
        outcome = runs.outcome(stop_requested=stop.is_requested)
    tidy(folder, plan)
    return outcome


def _wait(runs: "_ActiveRuns", stop: StopRequest) -> None:
    """Wait until every run is completed, or has had its time to stop."""
    noticed_at = math.inf
    while not runs.are_finished:
        runs.collect()
        runs.retry_held()
        if stop.is_requested:
            noticed_at = min(noticed_at, time.monotonic())
        grace = _GRACE_SECONDS if stop.reaches_workers else 0.0
        if time.monotonic() - noticed_at > grace:
            return


class _ActiveRuns:
    """The runs of a plan while an engine executes them: done, failed, stopped or held."""

    def __init__(
        self,
        folder: Path,
        plan: dict[str, dict],
        engine: Engine,
        done: set[str],
        progress: Progress,
    ):
        self._folder = folder
        self._plan = plan
        self._engine = engine
        self._progress = progress
        self._done = done
        self._failed: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._held: list[str] = []
        self._retried_at = 0.0
        self._returned: queue.SimpleQueue[tuple[str, Future[dict[str, Any]]]] = queue.SimpleQueue()

    @property
    def are_finished(self) -> bool:
        """Whether every run is done, failed or stopped."""
        return len(self._done) + len(self._failed) + len(self._stopped) >= len(self._plan)

    def submit(self, names: Iterable[str]) -> None:
        """Give runs to the engine."""
        for name in names:
            future = self._engine.submit(name, self._plan[name])
            future.add_done_callback(lambda future, name=name: self._returned.put((name, future)))
            self._progress.show(self._done)

    def collect(self) -> None:
        """Sort the runs that the engine has returned by their status."""
        for name, future in self._wait_for_returned():
            status, reason = _read_status(self._folder, name, future)
            if status == "done":
                self._done.add(name)
            elif status == "held":
                self._held.append(name)
            elif status == "stopped":
                self._stopped.add(name)
            else:
                self._failed[name] = reason
        self._progress.show(self._done)

    def retry_held(self) -> None:
        """Submit again the runs that another process held, every few seconds."""
        if not self._held or time.monotonic() - self._retried_at <= _RETRY_SECONDS:
            return
        self._retried_at = time.monotonic()
        names = self._held
        self._held = []
        self.submit(names)

    def outcome(self, *, stop_requested: bool) -> Outcome:
        """Count the runs."""
        is_complete = len(self._done) + len(self._failed) >= len(self._plan)
        stopped = stop_requested and not is_complete
        return Outcome(len(self._plan), len(self._done), self._failed, stopped)

    def _wait_for_returned(self) -> Iterator[tuple[str, Future[dict[str, Any]]]]:
        """Yield the runs that the engine has returned; wait a moment for the first."""
        try:
            yield self._returned.get(timeout=_POLL_SECONDS)
            while True:
                yield self._returned.get_nowait()
        except queue.Empty:
            return


def _error_path(folder: Path, name: str) -> Path:
    return folder / "runs" / f"{name}.error"


def _read_status(folder: Path, name: str, future: Future[dict[str, Any]]) -> tuple[str, str]:
    """Return the status of a run and why it failed; the error of a dead worker is written."""
    error = future.exception()
    if isinstance(error, EngineLost):
        raise UserError(f"{error}. Completed runs are kept; repeat the command to continue.")
    if error is None:
        result = future.result()
        return result["status"], result["reason"]
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    # If the disk is full the reason is only reported.
    with contextlib.suppress(UserError):
        write_whole(_error_path(folder, name), reason + "\n")
    return "failed", reason
