"""Running a study: the plan, the engine that runs it, and what is made of its cells."""

import contextlib
import dataclasses
import math
import queue
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from ebmark.engines import Engine, EngineLost
from ebmark.errors import UserError
from ebmark.store.folder import is_done
from ebmark.store.locks import tidy
from ebmark.studies.progress import Progress
from ebmark.studies.stopping import Stop, stopping
from ebmark.system.writing import write_whole

_MOMENT = 0.2  # seconds between two looks at what has ended
_GRACE = 120.0  # seconds that a cell has to save itself and stop
_AGAIN = 2.0  # seconds until a cell that another run holds is asked for again


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: the cells that were wanted, and what became of them."""

    planned: int
    done: int
    failed: dict[str, str]  # cell -> the last line of its error
    stopped: bool = False  # whether its time was up before all were done


def run_plan(
    folder: Path,
    plan: dict[str, dict],
    engine: Engine,
    *,
    minutes: float | None = None,
    plain: bool = False,
) -> Outcome:
    """Run the cells that are not done on the engine, and close it.

    A cell that another run's worker holds is asked for again, until one of the two has done it.
    After so many minutes, or on SIGTERM, the cells that are running are saved and left.
    """
    tidy(folder, plan)
    for name in plan:
        with contextlib.suppress(OSError):  # none is there, or the disk is read-only
            (folder / "runs" / f"{name}.error").unlink()
    done = {name for name in plan if is_done(folder, name)}
    with stopping(folder, minutes) as stop:
        ended = _run(folder, plan, engine, done, stop, plain)
    tidy(folder, plan)
    return ended


def _run(
    folder: Path, plan: dict[str, dict], engine: Engine, done: set[str], stop: Stop, plain: bool
) -> Outcome:
    failed: dict[str, str] = {}
    left: set[str] = set()
    told = math.inf
    todo, held, asked = [name for name in plan if name not in done], [], 0.0
    ended: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
    progress = Progress(folder, plan, done, plain=plain)
    try:
        while len(done) + len(failed) + len(left) < len(plan):
            for name in todo:
                future = engine.submit(name, plan[name])
                future.add_done_callback(lambda future, name=name: ended.put((name, future)))
                progress.show(done)
            todo = []
            for name, future in _those_of(ended):
                status, reason = _how(folder, name, future)
                if status == "done":
                    done.add(name)
                elif status == "held":
                    held.append(name)
                elif status == "stopped":
                    left.add(name)
                else:
                    failed[name] = reason
            progress.show(done)
            if held and time.monotonic() - asked > _AGAIN:
                todo, held, asked = held, [], time.monotonic()
            told = min(told, time.monotonic()) if stop.asked else math.inf
            if time.monotonic() - told > (_GRACE if stop.heard else 0):  # a cell's long breath
                break  # it is cut off
    finally:
        progress.close()
        engine.close()
    stopped = stop.asked and len(done) + len(failed) < len(plan)
    return Outcome(len(plan), len(done), failed, stopped)


def _those_of(ended: queue.SimpleQueue) -> Iterator[tuple[str, Future]]:
    """The cells that have ended; waits a moment for the first."""
    try:
        yield ended.get(timeout=_MOMENT)
        while True:
            yield ended.get_nowait()
    except queue.Empty:
        return


def _how(folder: Path, name: str, future: Future) -> tuple[str, str]:
    """How a cell ended, and why it failed; a death that its worker could not tell is written."""
    error = future.exception()
    if isinstance(error, EngineLost):
        raise UserError(f"{error}; what was done is kept, the same command goes on from there")
    if error is None:
        result = future.result()
        return result["status"], result["reason"]
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(UserError):  # as on a full disk: then it is told only
        write_whole(folder / "runs" / f"{name}.error", reason + "\n")
    return "failed", reason
