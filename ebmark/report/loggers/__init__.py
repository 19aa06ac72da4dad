"""Export completed runs to experiment trackers: TensorBoard, Weights & Biases, MLflow.

Loggers read the study's folder, so that runs of any engine can be logged, now or later. May import
`store`. One more logger is a file `_name.py` with a class `Writer`, an entry of `_PACKAGES` and an
extra in pyproject.toml.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Protocol, runtime_checkable

from ebmark.errors import UserError, unknown
from ebmark.report.loggers._run import Run as Run
from ebmark.report.loggers._study import log_study as log_study
from ebmark.store.schema import load_study

_PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb", "mlflow": "mlflow"}

LOGGERS = tuple(_PACKAGES)


@runtime_checkable
class Logger(Protocol):
    """Where runs are written: made with a folder and the study's name."""

    def has(self, run_id: str) -> bool:
        """Return whether this run was logged completely."""
        ...

    def log(self, run: Run) -> None:
        """Write a run: settings, metrics at each snapshot, losses, final metrics."""
        ...


def logger(name: str, folder: Path, study: str) -> Logger:
    """Return the logger of that name.

    Args:
        name: one of `LOGGERS`.
        folder: where it writes.
        study: the study's name.

    Raises:
        UserError: if there is no such logger, or its package is not installed.
    """
    if name not in _PACKAGES:
        raise unknown("logger", name, LOGGERS)
    package = _PACKAGES[name]
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"'{name}' needs the package {package}, which is not installed. "
            f"Install it by pip install '.[{name}]'."
        )
    return importlib.import_module(f"ebmark.report.loggers._{name}").Writer(folder, study)


def log_to(name: str, folder: Path, out: Path, *, follow: bool) -> int:
    """Log the completed runs of a study; the command `ebmark log`.

    Args:
        name: one of `LOGGERS`.
        folder: the study's folder.
        out: where the logger writes.
        follow: wait for the runs that are not completed.
    """
    writer = logger(name, out, load_study(folder)["name"])
    num_new = log_study(folder, writer, follow=follow)
    print(f"{num_new} new runs logged to {name}: {out}")
    return 0
