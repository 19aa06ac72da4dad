"""From finished runs to the results table and its null ranges."""

import json
from pathlib import Path

from ebmark.datasets import UserDataset, load_source
from ebmark.metrics import sample_metrics
from ebmark.metrics.null_ranges import null_ranges
from ebmark.store import table
from ebmark.store.schema import load_study
from ebmark.system.writing import write_whole


def finish(folder: Path, plan: dict[str, dict]) -> None:
    """Write the table of what is done, and complete the description of the study."""
    from ebmark.studies.step_bias import of_study as step_biases

    described = load_study(folder)
    described["null_ranges"] = {
        source.name: null_ranges(source, number, metrics)
        for source, number, metrics in _floors_wanted(folder, plan)
    }
    rows = table.collect(folder, plan)
    described["step_bias"] = step_biases(folder, *table.with_entries(described, rows))
    write_whole(folder / "study.json", json.dumps(described, indent=1))
    table.write(folder, rows)


def _floors_wanted(folder: Path, plan: dict[str, dict]):
    """For each dataset of the plan: its source, the points compared, and the metrics."""
    seen: dict[str, dict] = {spec["dataset"]: spec for spec in plan.values()}
    for spec in seen.values():
        source, number = load_source(spec, folder), spec["num_metric_samples"]
        if isinstance(source, UserDataset):
            number = min(number, source.num_held_out)
        yield source, number, list(sample_metrics(source))
