"""Collect completed runs into the results table, with what is measured of the study as a whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ebmark.datasets import DataSource, UserDataset, load_source
from ebmark.metrics import sample_metrics
from ebmark.metrics.null_ranges import null_ranges
from ebmark.store import table
from ebmark.store.schema import load_study
from ebmark.studies.column_scores import compare_study
from ebmark.studies.step_bias import measure_study
from ebmark.system.writing import write_json


def finish(folder: Path, plan: dict[str, dict[str, Any]]) -> None:
    """Write the table of completed runs, and complete the description of the study."""
    study = load_study(folder)
    compared = list(_compared_samples(folder, plan))
    study["null_ranges"] = {
        source.name: null_ranges(source, num, list(sample_metrics(source)))
        for source, num in compared
    }
    rows = table.collect(folder, plan)
    labeled_study, labeled_rows = table.with_entries(study, rows)
    study["step_bias"] = measure_study(folder, labeled_study, labeled_rows)
    sources = [source for source, _ in compared]
    study["columns"] = compare_study(folder, labeled_study, labeled_rows, sources)
    write_json(folder / "study.json", study)
    table.write(folder, rows)


def _compared_samples(
    folder: Path, plan: dict[str, dict[str, Any]]
) -> Iterator[tuple[DataSource, int]]:
    """Yield the source of each dataset, and how many samples its metrics compare."""
    specs = {spec["dataset"]: spec for spec in plan.values()}
    for spec in specs.values():
        source = load_source(spec, folder)
        num = spec["num_metric_samples"]
        if isinstance(source, UserDataset):
            num = min(num, source.num_held_out)
        yield source, num
