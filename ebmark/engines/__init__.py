"""Engines, which execute runs: this process, processes of this machine, or nodes of a cluster.

May import `store` and `system`, and never JAX. A new engine is a class with `submit` and `close`
in a file of its own, a name in `ENGINES` and a branch in `new_engine`.
"""

import os
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ebmark.engines._cores import num_cores as num_cores
from ebmark.engines._task import EngineLost, WorkerLost, stop_file
from ebmark.errors import unknown

__all__ = ["ENGINES", "Engine", "EngineLost", "WorkerLost", "new_engine", "stop_file"]

ENGINES = ("processes", "inline", "parsl")
# a function of the folder, the run id, the spec and a callback for the progress
_RUNNER = "ebmark.studies.task:run"


@runtime_checkable
class Engine(Protocol):
    """An engine executes runs; it starts nothing before the first run is submitted.

    A run is sent to a worker as its id and spec, in JSON; the worker returns a small dictionary.
    The results of the run are in the folder of the study.
    """

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        """Submit a run for execution.

        Args:
            name: the id of the run.
            spec: its spec, which can be written as JSON.

        Returns:
            A future of a dictionary with the keys `status`, `path`, `reason`, `host`, `pid` and
            `seconds`. The status is `done`, `failed`, `held` (a worker of another command holds its
            lock) or `stopped` (there is a `stop_file`). The future raises `WorkerLost` if all
            workers that executed the run died, and `EngineLost` if the engine cannot execute runs
            any more.
        """
        ...

    def close(self) -> None:
        """End the workers immediately and cancel unfinished runs."""
        ...


def new_engine(
    kind: str, folder: Path, *, jobs: int | None = None, site: str = "laptop", runner: str = _RUNNER
) -> Engine:
    """Return an engine for the study in `folder`.

    Args:
        kind: `processes` (workers on this machine), `inline` (one run after another in this
            process, for a debugger) or `parsl` (workers on the nodes of a site).
        folder: the folder of the study.
        jobs: the number of processes; by default one per core, or with `JAX_PLATFORMS=cuda` one per
            GPU.
        site: for `parsl`, the name of a site or a TOML file.
        runner: MODULE:FUNCTION, which executes a run.

    Raises:
        UserError: the engine or the site is not known, or not available here.
    """
    if kind == "processes":
        from ebmark.engines._gpus import list_gpus, unused_gpus_note
        from ebmark.engines._processes import Processes

        if note := unused_gpus_note(os.environ):
            print(note, file=sys.stderr)
        num_gpus = len(list_gpus(os.environ))
        return Processes(folder, runner, jobs or num_gpus or num_cores())
    if kind == "inline":
        from ebmark.engines._inline import Inline

        return Inline(folder, runner)
    if kind == "parsl":
        from ebmark.engines._parsl import Parsl
        from ebmark.engines._sites import load_site

        return Parsl(folder, runner, load_site(site))
    raise unknown("engine", kind, ENGINES)
