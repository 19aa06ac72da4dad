"""How each column of Langevin samples differs from user data, for the runs of median score."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ebmark.datasets import DataSource, UserDataset
from ebmark.metrics.columns import ColumnScore, CorrelationScore, compare_columns
from ebmark.statistics import final_values, median_seed, metric_of
from ebmark.store.table import load_arrays

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
    runs = study["runs"]
    names = {(run["dataset"], run["method"], run["seed"]): name for name, run in runs.items()}
    configurations = sorted({run["method"] for run in runs.values()})
    if study["axes"] or len(configurations) > _MAX_CONFIGURATIONS:
        return {}
    compared: dict[str, dict[str, Any]] = {}
    for source in sources:
        metric = metric_of(table, [source.name])
        if not isinstance(source, UserDataset) or not metric:
            continue
        columns = study["dataset_info"][source.name]["columns"]
        values = final_values(table, source.name, metric)
        for configuration in configurations:
            seed = median_seed(values.get(configuration))
            if seed is None:
                continue
            arrays = load_arrays(folder, names[source.name, configuration, seed])
            if "langevin" not in arrays:
                continue
            found = compare_columns(arrays["langevin"], arrays["test"], source, columns)
            compared.setdefault(source.name, {})[configuration] = {
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
