"""Event files for TensorBoard, one folder per run."""

import os
import shutil
from pathlib import Path

import tensorboardX
from tensorboardX.summary import hparams

from ebmark.report.loggers._run import Run
from ebmark.system.writing import make_folder


class Writer:
    """Writes each run into a temporary folder, which is then renamed."""

    def __init__(self, folder: Path, study: str):
        del study
        self._folder = folder
        make_folder(folder)

    def has(self, run_id: str) -> bool:
        """Return whether this run was logged completely."""
        return (self._folder / run_id).exists()

    def log(self, run: Run) -> None:
        """Write a run."""
        temporary = self._folder / f".making-{run.run_id}-{os.getpid()}"
        with tensorboardX.SummaryWriter(str(temporary)) as writer:
            last = {f"last/{metric}": value for metric, value in run.last.items()}
            file_writer = writer.file_writer
            assert file_writer is not None  # it was created with the writer
            for summary in hparams(run.settings, last):
                file_writer.add_summary(summary)
            for name, value in last.items():
                writer.add_scalar(name, value, 0)
            writer.add_text("outcome", run.outcome)
            for step, values in sorted(run.metrics.items()):
                for metric, value in values.items():
                    writer.add_scalar(metric, value, step)
            for step, loss in run.losses.items():
                writer.add_scalar("loss", loss, step)
        if self.has(run.run_id):
            shutil.rmtree(temporary)
        else:
            os.replace(temporary, self._folder / run.run_id)
