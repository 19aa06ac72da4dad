"""Event files for TensorBoard, a folder a cell."""

import os
import shutil
from pathlib import Path

import tensorboardX
from tensorboardX.summary import hparams

from ebmark.report.loggers._run import Run


class Writer:
    def __init__(self, folder: Path, study: str):
        del study
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, cell: str) -> bool:
        return (self._folder / cell).exists()

    def log(self, run: Run) -> None:
        making = self._folder / f".making-{run.cell}-{os.getpid()}"
        with tensorboardX.SummaryWriter(str(making)) as writer:
            last = {f"last/{metric}": value for metric, value in run.last.items()}
            for summary in hparams(run.settings, last):
                writer.file_writer.add_summary(summary)
            for name, value in last.items():
                writer.add_scalar(name, value, 0)
            writer.add_text("outcome", run.outcome)
            for step, values in sorted(run.metrics.items()):
                for metric, value in values.items():
                    writer.add_scalar(metric, value, step)
            for step, loss in run.losses.items():
                writer.add_scalar("loss", loss, step)
        if self.has(run.cell):
            shutil.rmtree(making)
        else:
            os.replace(making, self._folder / run.cell)
