"""Cells in this process, one after another, as they are submitted."""

from concurrent.futures import Future
from pathlib import Path

from ebmark.engines._task import as_task, run_task


class Inline:
    """Run each cell where it is submitted: `submit` returns when it is done."""

    def __init__(self, folder: Path, runner: str):
        self._folder, self._runner = folder.resolve(), runner

    def submit(self, name: str, spec: dict) -> Future:
        future, task = Future(), as_task(self._folder, name, spec)
        future.set_result(run_task(str(self._folder), self._runner, task))
        return future

    def close(self) -> None:
        pass
