"""Who runs the cells: this process, processes of this machine, or the nodes of a cluster.

An engine has one verb, `submit(name, spec) -> Future`. What travels is a cell's name and spec, as
JSON, one way, and a small dictionary the other way; the cell itself is in the study's folder.
"""

from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from ebmark.engines._inline import Inline
from ebmark.engines._processes import Processes
from ebmark.engines._task import WorkerLost

__all__ = ["CELLS", "ENGINES", "Engine", "Inline", "Processes", "WorkerLost"]

CELLS = (
    "ebmark.engines._cells:run"  # what a task runs: a function of folder, name, spec and progress
)


class Engine(Protocol):
    """Where cells are run. It starts nothing before the first cell is submitted."""

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        """Run the cell; the future's result says how it went and where it lies.

        {"status": "done" | "held" | "failed", "path", "reason", "host", "pid", "seconds"}

        `held`: another run's worker is at it. The future raises `WorkerLost` where the workers that
        ran the cell died, each time.
        """
        ...

    def close(self) -> None:
        """End the workers, at once; what they had not finished is cancelled."""
        ...


def inline(folder: Path, jobs: int) -> Engine:
    """Cells one after another in this process: for a debugger, and to see what an engine adds."""
    del jobs
    return Inline(folder, CELLS)


def processes(folder: Path, jobs: int) -> Engine:
    """`jobs` processes of one thread each, on this machine."""
    return Processes(folder, CELLS, jobs)


ENGINES = {"processes": processes, "inline": inline}
