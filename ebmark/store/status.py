"""The status of a study: runs completed, running, failed and diverged, and the time left.

It is read from the folder of the study alone, on any machine that has access to it.
"""

import dataclasses
import os
import statistics
from pathlib import Path
from typing import Any

from ebmark.errors import UserError
from ebmark.store.locks import running
from ebmark.store.schema import load_study, read_result
from ebmark.system.reading import read_bytes

_MAX_ERROR_BYTES = 1 << 20
_UNKNOWN_ERROR = "the error is unknown"


@dataclasses.dataclass(frozen=True)
class Status:
    """The status of a study; runs are named by their ids.

    Attributes:
        study: the content of `study.json`.
        done: the result of each completed run.
        running: the locks that are held, as `running` returns them.
        failed: the last line of the error of each failed run.
    """

    study: dict[str, Any]
    done: dict[str, dict[str, Any]]
    running: list[dict[str, Any]]
    failed: dict[str, str]

    @property
    def diverged(self) -> dict[str, str]:
        """The reason of each completed run that diverged."""
        return {
            name: result["reason"]
            for name, result in self.done.items()
            if result["status"] == "diverged"
        }

    @property
    def left(self) -> list[str]:
        """The runs that are neither completed nor failed, including those that are running."""
        return [n for n in self.study["runs"] if n not in self.done and n not in self.failed]

    def seconds_left(self) -> float | None:
        """Return the remaining work in seconds of one worker, or None if no run was timed.

        A run is assumed to take the mean time of its method on its dataset, else of its method,
        else of all runs. Of a running one, half of the fraction done is subtracted.
        """
        seconds: dict[tuple[str, ...], list[float]] = {}
        for name, result in self.done.items():
            for group in self._groups(name):
                seconds.setdefault(group, []).append(result.get("seconds") or 0.0)
        if not any(second > 0 for second in seconds.get((), [])):
            return None
        fractions = {lock["name"]: lock["fraction"] for lock in self.running}
        total = 0.0
        for name in self.left:
            group = next(group for group in self._groups(name) if group in seconds)
            total += statistics.fmean(seconds[group]) * (1 - fractions.get(name, 0.0) / 2)
        return total

    def _groups(self, name: str) -> list[tuple[str, ...]]:
        """Return the groups of runs that a run belongs to, the smallest first."""
        run = self.study["runs"][name]
        return [(run["method"], run["dataset"]), (run["method"],), ()]


def read_status(folder: Path, known: dict[str, dict[str, Any]]) -> Status:
    """Return the status of a study.

    Args:
        folder: the folder of the study.
        known: results that were read before and are not read again; new ones are added to it.

    Raises:
        UserError: the folder is not that of a study, or a file in it is damaged.
    """
    study = load_study(folder)
    try:
        files = {entry.name for entry in os.scandir(folder / "runs")}
    except OSError as error:
        raise UserError(f"{folder / 'runs'}: cannot be read ({error.strerror}).") from None
    for name in study["runs"]:
        if name in files and name not in known:
            result = read_result(folder, name)
            if result is not None:
                known[name] = result
    done = {name: known[name] for name in study["runs"] if name in known}
    unfinished = [name for name in study["runs"] if name not in done]
    locks = running(folder, [name for name in unfinished if f"{name}.lock" in files])
    locked = {lock["name"] for lock in locks}
    failed = {
        name: _read_error(folder, name)
        for name in unfinished
        if f"{name}.error" in files and name not in locked
    }
    return Status(study, done, locks, failed)


def _read_error(folder: Path, name: str) -> str:
    """Return the last line of the error of a run."""
    try:
        content = read_bytes(folder / "runs" / f"{name}.error", _MAX_ERROR_BYTES)
    except (FileNotFoundError, UserError):
        return _UNKNOWN_ERROR
    lines = content.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else _UNKNOWN_ERROR
