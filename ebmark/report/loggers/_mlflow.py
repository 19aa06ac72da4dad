"""MLflow: a folder of files, or the server that MLFLOW_TRACKING_URI names."""

import os
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from ebmark.report.loggers._run import Run

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

_AT_ONCE, _LONGEST = 100, 500  # settings in a batch, letters of one: MLflow's limits


class Writer:
    def __init__(self, folder: Path, study: str):
        place = os.environ.get("MLFLOW_TRACKING_URI") or folder.resolve().as_uri()
        self._client = MlflowClient(tracking_uri=place)
        known = self._client.get_experiment_by_name(study)
        self._id = known.experiment_id if known else self._client.create_experiment(study)

    def has(self, cell: str) -> bool:
        wanted = f"tags.`ebmark.cell` = '{cell}' and attributes.status = 'FINISHED'"
        return bool(self._client.search_runs([self._id], wanted, max_results=1))

    def log(self, run: Run) -> None:
        tags = {"ebmark.cell": run.cell, "ebmark.outcome": run.outcome}
        made = self._client.create_run(self._id, run_name=run.title, tags=tags).info.run_id
        now = int(time.time() * 1_000)
        metrics = [
            Metric(metric, value, now, step)
            for step, values in sorted(run.metrics.items())
            for metric, value in values.items()
        ] + [Metric("loss", loss, now, step) for step, loss in run.losses.items()]
        params = [Param(key, str(value)[:_LONGEST]) for key, value in run.settings.items()]
        for start in range(0, max(len(metrics), len(params)), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            self._client.log_batch(made, metrics=metrics[part], params=params[part])
        self._client.set_terminated(made)
