"""`ebmark log`: export runs to experiment trackers."""

from pathlib import Path

from ebmark.cli._common import Positional


def log(
    folder: Positional[Path],
    /,
    logger: str = "tensorboard",
    out: Path | None = None,
    follow: bool = False,
) -> int:
    """Log a study's finished cells to TensorBoard, Weights & Biases (offline) or MLflow, once each.

    Args:
        folder: the folder that `ebmark run` wrote, or is writing.
        logger: tensorboard, wandb or mlflow.
        out: where the logger writes; FOLDER/log-LOGGER if not given.
        follow: go on until all cells of the study are done and logged.
    """
    from ebmark.report.loggers import log_to
    from ebmark.system.writing import inside

    return log_to(logger, folder, out or inside(folder, f"log-{logger}"), follow=follow)
