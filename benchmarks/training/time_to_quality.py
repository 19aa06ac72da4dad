"""Time to quality: what a study says of KL by updates, times the seconds of an update."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.statistics import worst_if_diverged
from ebmark.store import table

RESULTS = Path(__file__).parents[1] / "results"
STUDIES = tuple(RESULTS / name for name in ("external", "rivals_cd", "rivals_chains"))
GOOD = 0.05  # nats


def curves(milliseconds: dict[str, list[float]]) -> pd.DataFrame:
    """dataset, method, seed, step, seconds, kl: a row a snapshot of the studies' runs.

    Seconds are updates times the median time of an update, all measured side by side; those of
    the studies were measured hours apart, while other work went on.
    """
    folders = [folder for folder in STUDIES if folder.exists()]
    if not folders:
        return pd.DataFrame(columns=["dataset", "method", "seed", "step", "seconds", "kl"])
    found = pd.concat([table.read(folder) for folder in folders])
    kl = found[(found["metric"] == "kl") & found["method"].isin(milliseconds)]
    each = {name: float(np.median(values)) / 1e3 for name, values in milliseconds.items()}
    kl = kl.assign(seconds=kl["step"] * kl["method"].map(each), kl=worst_if_diverged(kl["value"]))
    return kl[["dataset", "method", "seed", "step", "seconds", "kl"]]


def seconds_to(rows: pd.DataFrame, goal: float) -> float:
    """The median over seeds of the first snapshot's seconds with a KL of `goal` or less."""
    first = [
        run.loc[run["kl"] <= goal, "seconds"].min() if (run["kl"] <= goal).any() else math.inf
        for _, run in rows.groupby("seed")
    ]
    return float(np.median(first))


def summary(rows: pd.DataFrame, reference: str = "nce") -> list[dict[str, Any]]:
    """For each method: where its recipe ends and when, and when `reference` is as good."""
    found = []
    for (dataset, method), runs in rows.groupby(["dataset", "method"], sort=False):
        last = runs[runs["step"] == runs["step"].max()]
        goal, seconds = float(last["kl"].median()), float(last["seconds"].median())
        other = rows[(rows["dataset"] == dataset) & (rows["method"] == reference)]
        ours, first = seconds_to(other, goal), float(other["seconds"].min())
        found.append(
            {
                "dataset": dataset,
                "method": method,
                "seeds": runs["seed"].nunique(),
                "kl": goal,
                "seconds": seconds,
                "to_good": seconds_to(runs, GOOD),
                "ours_to_kl": ours,
                "ratio": seconds / ours,
                "at_first": ours == first,  # ebmark is as good at its first look: a lower bound
            }
        )
    return found
