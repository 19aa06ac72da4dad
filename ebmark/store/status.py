"""What has become of a study: cells done, running, failed, diverged; how fast, and how long still.

It reads the study's folder alone, so any machine that sees the folder can tell.
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


@dataclasses.dataclass(frozen=True)
class Status:
    """How a study stands; cells by name."""

    study: dict[str, Any]
    done: dict[str, dict[str, Any]]  # their results
    running: list[dict[str, Any]]  # what their claims say
    failed: dict[str, str]  # the last lines of their errors

    @property
    def diverged(self) -> dict[str, str]:
        """The done cells that diverged, and why."""
        return {n: one["reason"] for n, one in self.done.items() if one["status"] == "diverged"}

    @property
    def left(self) -> list[str]:
        """The cells that are still to be done, those that are running among them."""
        return [n for n in self.study["runs"] if n not in self.done and n not in self.failed]

    def seconds_left(self) -> float | None:
        """The work that is left, in seconds of one worker; None where nothing was done yet.

        A cell takes what its method took on its dataset, else what its method took, else the mean.
        """
        took: dict[tuple, list[float]] = {}
        for name, result in self.done.items():
            for kind in self._kinds(name):
                took.setdefault(kind, []).append(result.get("seconds") or 0.0)
        if not any(seconds > 0 for one in took.values() for seconds in one):
            return None
        shares = {one["name"]: one["fraction"] for one in self.running}
        total = 0.0
        for name in self.left:
            kind = next(kind for kind in self._kinds(name) if kind in took)
            total += statistics.fmean(took[kind]) * (1 - shares.get(name, 0.0) / 2)
        return total

    def _kinds(self, name: str) -> list[tuple]:
        cell = self.study["runs"][name]
        return [(cell["method"], cell["dataset"]), (cell["method"],), ()]


def look(folder: Path, known: dict[str, dict[str, Any]]) -> Status:
    """How the study stands; results in `known` are not read again, and new ones enter it.

    Raises UserError if the folder is not that of a study, or what is in it is damaged.
    """
    study = load_study(folder)
    try:
        there = {entry.name for entry in os.scandir(folder / "runs")}
    except OSError as error:
        raise UserError(f"{folder / 'runs'}: cannot be read ({error.strerror})") from None
    for name in study["runs"]:
        if name in there and name not in known:
            result = read_result(folder, name)
            if result is not None:
                known[name] = result
    done = {name: known[name] for name in study["runs"] if name in known}
    undone = [name for name in study["runs"] if name not in done]
    at_work = running(folder, [name for name in undone if f"{name}.lock" in there])
    busy = {one["name"] for one in at_work}
    wrong = [name for name in undone if f"{name}.error" in there and name not in busy]
    return Status(study, done, at_work, {name: _last_line(folder, name) for name in wrong})


def _last_line(folder: Path, name: str) -> str:
    try:
        written = read_bytes(folder / "runs" / f"{name}.error", 1 << 20)
        return written.decode(errors="replace").strip().splitlines()[-1]
    except (FileNotFoundError, IndexError, UserError):
        return "nothing is known"
