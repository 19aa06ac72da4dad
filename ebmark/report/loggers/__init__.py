"""A study's finished cells in the viewers that people already have.

A logger is told of one finished cell at a time, by name once, from the study's folder: what runs
cells knows nothing of it, so that any engine's cells on any machine can be logged, now or later.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Protocol

from ebmark.errors import UserError, unknown
from ebmark.report.loggers._run import Run as Run
from ebmark.report.loggers._study import log_study as log_study
from ebmark.store.schema import load_study

_PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb", "mlflow": "mlflow"}


class Logger(Protocol):
    """Where runs are written: made with a folder and the study's name."""

    def has(self, cell: str) -> bool:
        """Whether this cell's run is there, whole."""
        ...

    def log(self, run: Run) -> None:
        """Write a run: its settings, its metrics at each snapshot, its losses, its last metrics."""
        ...


LOGGERS = tuple(_PACKAGES)


def logger(name: str, folder: Path, study: str) -> Logger:
    """The logger called so. Raises UserError where there is none, or its package is missing."""
    if name not in _PACKAGES:
        raise unknown("logger", name, LOGGERS)
    if importlib.util.find_spec(_PACKAGES[name]) is None:
        raise UserError(f'{name} needs the package {_PACKAGES[name]}: pip install "ebmark[{name}]"')
    return importlib.import_module(f"ebmark.report.loggers._{name}").Writer(folder, study)


def log_to(name: str, folder: Path, out: Path, *, follow: bool) -> int:
    """`ebmark log`."""
    writer = logger(name, out, load_study(folder)["name"])
    new = log_study(folder, writer, follow=follow)
    print(f"{new} new cells logged to {name}: {out}")
    return 0
