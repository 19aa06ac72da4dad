"""Offline runs of Weights & Biases; `wandb sync` uploads them."""

from pathlib import Path

# The package is optional, so the type checker may not have it.
import wandb  # pyright: ignore[reportMissingImports]

from ebmark.report.loggers._run import Run
from ebmark.system.writing import make_folder


class Writer:
    """Writes each run offline; a file `finished` marks the complete ones."""

    def __init__(self, folder: Path, study: str):
        self._folder = folder
        self._study = study
        make_folder(folder)

    def has(self, run_id: str) -> bool:
        """Return whether this run was logged completely."""
        return any(self._folder.glob(f"wandb/offline-run-*-{run_id}/finished"))

    def log(self, run: Run) -> None:
        """Write a run."""
        writer = wandb.init(
            project=self._study,
            id=run.run_id,
            name=run.title,
            config=run.settings,
            mode="offline",
            dir=self._folder,
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        for step in sorted({*run.metrics, *run.losses}):
            values = dict(run.metrics.get(step, {}))
            if step in run.losses:
                values["loss"] = run.losses[step]
            writer.log(values, step=step)
        writer.summary.update(run.last | {"outcome": run.outcome})
        place = Path(writer.dir).parent
        writer.finish()
        (place / "finished").touch()
