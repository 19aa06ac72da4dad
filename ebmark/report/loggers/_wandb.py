"""Offline runs of Weights & Biases; `wandb sync` sends them, if you want them sent."""

from pathlib import Path

import wandb

from ebmark.report.loggers._run import Run


class Writer:
    def __init__(self, folder: Path, study: str):
        self._folder, self._study = folder, study
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, cell: str) -> bool:
        return any(self._folder.glob(f"wandb/offline-run-*-{cell}/finished"))

    def log(self, run: Run) -> None:
        quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        writer = wandb.init(
            project=self._study,
            id=run.cell,
            name=run.title,
            config=run.settings,
            mode="offline",
            dir=self._folder,
            settings=quiet,
        )
        for step in sorted({*run.metrics, *run.losses}):
            loss = {"loss": run.losses[step]} if step in run.losses else {}
            writer.log(run.metrics.get(step, {}) | loss, step=step)
        writer.summary.update(run.last | {"outcome": run.outcome})
        place = Path(writer.dir).parent
        writer.finish()
        (place / "finished").touch()
