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
    """Export runs to TensorBoard, W&B or MLflow.

    Each finished run is exported once; W&B works offline.

    Args:
        folder: the folder of a study, finished or in progress.
        logger: tensorboard, wandb or mlflow.
        out: output folder; FOLDER/log-LOGGER if omitted.
        follow: wait for further runs until all runs of the study are exported.
    """
    from ebmark.report.loggers import log_to
    from ebmark.system.writing import inside

    return log_to(logger, folder, out or inside(folder, f"log-{logger}"), follow=follow)
