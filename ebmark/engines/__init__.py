"""Who runs the cells: this process, processes of this machine, or the nodes of a cluster.

An engine has one verb, `submit(name, spec) -> Future`. What travels is a cell's name and spec, as
JSON, one way, and a small dictionary the other way; the cell itself is in the study's folder.
"""

import os
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from ebmark.engines._task import EngineLost, WorkerLost, stop_file
from ebmark.errors import unknown

__all__ = ["ENGINES", "Engine", "EngineLost", "WorkerLost", "new_engine", "stop_file"]

ENGINES = ("processes", "inline", "parsl")
_CELLS = "ebmark.studies.task:run"  # a function of folder, name, spec and progress


class Engine(Protocol):
    """Where cells are run. It starts nothing before the first cell is submitted."""

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        """Run the cell; the future's result says how it went and where it lies.

        {"status", "path", "reason", "host", "pid", "seconds"}

        The status is `done`, `failed`, `held` (another run's worker is at it) or `stopped` (there
        was a `stop_file`). The future raises `WorkerLost` where the workers that ran the cell died,
        each time, and `EngineLost` where no cell can be run any more.
        """
        ...

    def close(self) -> None:
        """End the workers, at once; what they had not finished is cancelled."""
        ...


def new_engine(
    kind: str, folder: Path, *, jobs: int | None = None, site: str = "laptop", runner: str = _CELLS
) -> Engine:
    """An engine for the study in `folder`.

    `processes`: `jobs` of them, on this machine; if not given, one a core, or with
    `JAX_PLATFORMS=cuda` one a GPU. `inline`: one cell after another in this process, for a
    debugger. `parsl`: workers on the nodes of a `site`, by name or by file.
    """
    if kind == "processes":
        from ebmark.engines._gpus import gpus, left_alone
        from ebmark.engines._processes import Processes

        if note := left_alone(os.environ):
            print(note, file=sys.stderr)
        return Processes(folder, runner, jobs or len(gpus(os.environ)) or os.cpu_count() or 1)
    if kind == "inline":
        from ebmark.engines._inline import Inline

        return Inline(folder, runner)
    if kind == "parsl":
        from ebmark.engines._parsl import Parsl
        from ebmark.engines._sites import load_site

        return Parsl(folder, runner, load_site(site))
    raise unknown("engine", kind, ENGINES)
