"""How each column of Langevin samples differs from user data, for the runs of median score."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ebmark.datasets import DataSource, UserDataset
from ebmark.metrics.columns import ColumnScore, CorrelationScore, compare_columns
from ebmark.store.table import load_arrays
from ebmark.studies.median_runs import median_runs

# configurations of a study whose columns are compared; each takes a second or two
_MAX_CONFIGURATIONS = 30


def compare_study(
    folder: Path, study: Mapping[str, Any], table: pd.DataFrame, sources: Iterable[DataSource]
) -> dict[str, dict[str, Any]]:
    """Compare the columns of the median run of each configuration with the user's data.

    Sweeps and studies of very many configurations are left out.

    Args:
        folder: the study's folder.
        study: its description, with configurations for methods.
        table: its results, likewise.
        sources: where its data come from; built-in datasets are left out.

    Returns:
        Dataset -> configuration -> comparison, as plain data.
    """
    users = {source.name: source for source in sources if isinstance(source, UserDataset)}
    configurations = {run["method"] for run in study["runs"].values()}
    if not users or study["axes"] or len(configurations) > _MAX_CONFIGURATIONS:
        return {}
    compared: dict[str, dict[str, Any]] = {}
    for dataset, configuration, seed, name in median_runs(study, table):
        arrays = load_arrays(folder, name) if dataset in users else {}
        if "langevin" not in arrays:
            continue
        columns = study["dataset_info"][dataset]["columns"]
        found = compare_columns(arrays["langevin"], arrays["test"], users[dataset], columns)
        compared.setdefault(dataset, {})[configuration] = {
            "seed": seed,
            "columns": [_column(score) for score in found.columns],
            "correlations": [_correlation(score) for score in found.correlations],
        }
    return compared


def _column(score: ColumnScore) -> dict[str, Any]:
    return {
        "column": score.column,
        "w1": _round(score.w1),
        "low": _round(score.null_range["low"]),
        "high": _round(score.null_range["high"]),
        "findings": list(score.findings),
    }


def _correlation(score: CorrelationScore) -> dict[str, Any]:
    return {
        "columns": list(score.columns),
        "value": _round(score.value),
        "target": _round(score.target),
        "high": _round(score.null_range["high"]),
    }


def _round(number: float) -> float:
    """Return a number with six digits, more than its noise allows."""
    return float(f"{number:.6g}")
