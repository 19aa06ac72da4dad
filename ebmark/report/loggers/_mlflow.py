"""MLflow: a folder of files, or the server that MLFLOW_TRACKING_URI names."""

import os
import time
from pathlib import Path

# The package is optional, so the type checker may not have it.
from mlflow import MlflowClient, entities  # pyright: ignore[reportMissingImports]

from ebmark.report.loggers._run import Run
from ebmark.system.writing import make_folder

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

_MAX_BATCH = 100  # settings in a batch: MLflow's limit
_MAX_LENGTH = 500  # characters of a setting: MLflow's limit


class Writer:
    """Writes each run into the experiment of its study."""

    def __init__(self, folder: Path, study: str):
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            make_folder(folder)
            uri = folder.resolve().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._client.get_experiment_by_name(study)
        if experiment is None:
            self._experiment_id = self._client.create_experiment(study)
        else:
            self._experiment_id = experiment.experiment_id

    def has(self, run_id: str) -> bool:
        """Return whether this run was logged completely."""
        query = f"tags.`ebmark.run_id` = '{run_id}' and attributes.status = 'FINISHED'"
        return bool(self._client.search_runs([self._experiment_id], query, max_results=1))

    def log(self, run: Run) -> None:
        """Write a run."""
        tags = {"ebmark.run_id": run.run_id, "ebmark.outcome": run.outcome}
        created = self._client.create_run(self._experiment_id, run_name=run.title, tags=tags)
        mlflow_id = created.info.run_id
        now = int(time.time() * 1_000)
        metrics = [
            entities.Metric(metric, value, now, step)
            for step, values in sorted(run.metrics.items())
            for metric, value in values.items()
        ]
        metrics += [entities.Metric("loss", loss, now, step) for step, loss in run.losses.items()]
        params = [
            entities.Param(key, str(value)[:_MAX_LENGTH]) for key, value in run.settings.items()
        ]
        for start in range(0, max(len(metrics), len(params)), _MAX_BATCH):
            batch = slice(start, start + _MAX_BATCH)
            self._client.log_batch(mlflow_id, metrics=metrics[batch], params=params[batch])
        self._client.set_terminated(mlflow_id)
