"""Runs in this process, one after another, as they are submitted."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ebmark.engines._task import as_task, run_task


class Inline:
    """Execute each run when it is submitted: `submit` returns after the run is complete."""

    def __init__(self, folder: Path, runner: str):
        self._folder = folder.resolve()
        self._runner = runner

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        task = as_task(self._folder, name, spec)
        future.set_result(run_task(str(self._folder), self._runner, task))
        return future

    def close(self) -> None:
        pass
