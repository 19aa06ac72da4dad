"""Time to quality: KL after a number of updates, times the seconds per update."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.statistics import worst_if_diverged
from ebmark.store import table

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = tuple(RESULTS / name for name in ("external", "external_cd", "external_chains"))
TARGET_KL = 0.05  # nats
_COLUMNS = ["dataset", "method", "seed", "step", "seconds", "kl"]


def time_curves(milliseconds: dict[str, list[float]]) -> pd.DataFrame:
    """Return KL against training time, one row per snapshot of the studies' runs.

    Seconds are the number of updates times the median time per update. The times of the studies
    themselves are not used: they were measured hours apart, under other load.

    Args:
        milliseconds: measured milliseconds per update of each method.

    Returns:
        A table with the columns dataset, method, seed, step, seconds and kl.
    """
    folders = [folder for folder in STUDIES if folder.exists()]
    if not folders:
        return pd.DataFrame(columns=_COLUMNS)
    results = pd.concat([table.read(folder) for folder in folders])
    rows = results[(results["metric"] == "kl") & results["method"].isin(milliseconds)]
    seconds = {name: float(np.median(values)) / 1e3 for name, values in milliseconds.items()}
    rows = rows.assign(
        seconds=rows["step"] * rows["method"].map(seconds),
        kl=worst_if_diverged(rows["value"]),
    )
    return rows[_COLUMNS]


def seconds_to_kl(rows: pd.DataFrame, kl: float) -> float:
    """Return the median over seeds of the seconds at the first snapshot with at most this KL."""
    first = []
    for _, run in rows.groupby("seed"):
        has_reached = run["kl"] <= kl
        first.append(run.loc[has_reached, "seconds"].min() if has_reached.any() else math.inf)
    return float(np.median(first))


def summarize(rows: pd.DataFrame, reference: str = "nce") -> list[dict[str, Any]]:
    """Return final KL and training time of each method, and when the reference reaches that KL.

    Args:
        rows: the table of `time_curves`.
        reference: the method whose time is compared.

    Returns:
        The rows of quality.csv. `is_lower_bound` marks ratios of which only a lower bound is
        known, because the first snapshot of the reference had reached the KL.
    """
    summary = []
    for (dataset, method), runs in rows.groupby(["dataset", "method"], sort=False):
        last = runs[runs["step"] == runs["step"].max()]
        kl = float(last["kl"].median())
        seconds = float(last["seconds"].median())
        reference_rows = rows[(rows["dataset"] == dataset) & (rows["method"] == reference)]
        reference_seconds = seconds_to_kl(reference_rows, kl)
        summary.append(
            {
                "dataset": dataset,
                "method": method,
                "seeds": runs["seed"].nunique(),
                "kl": kl,
                "seconds": seconds,
                "seconds_to_target": seconds_to_kl(runs, TARGET_KL),
                "reference_seconds": reference_seconds,
                "ratio": seconds / reference_seconds,
                "is_lower_bound": reference_seconds == float(reference_rows["seconds"].min()),
            }
        )
    return summary
