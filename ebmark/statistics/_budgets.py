"""A metric during training, compared at equal updates, network evaluations and CPU seconds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import Summary, summary
from ebmark.statistics._runs import final_values, role

# Fraction of the budget: a run consists of complete updates, whose costs differ.
_SLACK = 0.01
BUDGETS = ("num_updates", "network_evaluations", "train_cpu_seconds")


class Curve(NamedTuple):
    """A metric at the snapshots of a configuration, with the costs up to each of them.

    If the budget itself was swept, the points are the ends of separate runs (`finished`).

    Attributes:
        steps: Updates, (snapshots,).
        costs: Budget -> median over seeds, (snapshots,).
        values: The metric, (snapshots, seeds); +inf for runs that diverged.
        seconds: CPU seconds of each run that did not diverge, (snapshots, seeds).
        finished: Whether each snapshot is the end of a run of its own.
    """

    steps: np.ndarray
    costs: dict[str, np.ndarray]
    values: np.ndarray
    seconds: np.ndarray
    finished: bool = False


class AtBudget(NamedTuple):
    """The last snapshot of a configuration within a budget.

    Attributes:
        step: Its number of updates.
        spent: Fraction of the budget that it used.
        whole: Whether it is the end of the run.
        over_seeds: The metric over seeds.
    """

    step: int
    spent: float
    whole: bool
    over_seeds: Summary


def curves(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], finished: bool = False
) -> dict[str, tuple[str, dict[str, Curve]]]:
    """Return for each dataset its metric (KL, else NLL) and the curves of its configurations.

    Args:
        table: Results, with configurations in the column `method`.
        datasets: Names of datasets.
        entries: Configurations.
        finished: Whether each row is the end of a run of its own.
    """
    curves_by_dataset = {}
    for dataset in datasets:
        rows = table.loc[table["dataset"] == dataset]
        metric = metric_of(rows, [dataset])
        if metric is None:
            continue
        # KL and NLL stay, as a run that diverged may have rows of these alone.
        rows = rows.loc[
            rows["metric"].isin(["kl", "nll", "network_evaluations", "train_cpu_seconds"])
        ]
        known = {}
        for entry in entries:
            entry_curve = curve(rows, dataset, entry, metric)
            if entry_curve is not None:
                known[entry] = entry_curve._replace(finished=finished)
        if any(role(entry) is None for entry in known):
            curves_by_dataset[dataset] = (metric, known)
    return curves_by_dataset


def curve(table: pd.DataFrame, dataset: str, entry: str, metric: str) -> Curve | None:
    """Return a metric during training; a run that diverged counts as the worst throughout.

    So does a completed run without a value of the metric: its log Z is unresolved.

    Returns:
        None if no snapshot has the metric and both of its costs.
    """
    rows = table.loc[(table["dataset"] == dataset) & (table["method"] == entry)]
    completed = rows.loc[rows["status"] != "diverged"]
    values_by_step = _by_step_and_seed(completed, metric)
    num_lost = rows["seed"].nunique() - values_by_step.shape[1]
    evaluations = _by_step_and_seed(completed, "network_evaluations")
    seconds = _by_step_and_seed(completed, "train_cpu_seconds")
    steps = values_by_step.index.intersection(evaluations.index).intersection(seconds.index)
    if steps.empty:
        return None
    seconds = seconds.loc[steps].reindex(columns=values_by_step.columns)
    costs = {
        "num_updates": steps.to_numpy(float),
        "network_evaluations": evaluations.loc[steps].median(axis=1).to_numpy(float),
        "train_cpu_seconds": seconds.median(axis=1).to_numpy(float),
    }
    values = values_by_step.loc[steps].to_numpy(float)
    values = np.where(np.isfinite(values), values, np.inf)
    worst = np.full((len(steps), num_lost), np.inf)
    values = np.concatenate([values, worst], axis=1)
    return Curve(steps.to_numpy(), costs, values, seconds.to_numpy(float))


def _by_step_and_seed(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A metric with a row per step and a column per seed."""
    selected = rows.loc[rows["metric"] == metric, ["step", "seed", "value"]]
    unique = selected.drop_duplicates(["step", "seed"])
    return unique.pivot(index="step", columns="seed", values="value")


def at_equal_budget(
    curves: dict[str, Curve], cost: str, fraction: float = 1.0
) -> tuple[float, dict[str, AtBudget]]:
    """Compare configurations at a budget that every method can spend.

    A snapshot of a longer run, whose learning rate would still have decayed, is not a finished
    run of that budget, which would be better.

    Args:
        curves: Curves by configuration.
        cost: One of `BUDGETS`.
        fraction: Fraction of the cost of the cheapest method's complete run.

    Returns:
        The budget, NaN without a method; and the last snapshot within it by configuration. A
        configuration whose first snapshot costs more is left out.
    """
    totals = [c.costs[cost][-1] for entry, c in curves.items() if role(entry) is None]
    if not totals:
        return math.nan, {}
    budget = float(fraction * min(totals))
    reached = {}
    for entry, entry_curve in curves.items():
        costs = entry_curve.costs[cost]
        affordable = np.flatnonzero(costs <= budget * (1 + _SLACK))
        if not len(affordable):
            continue
        last = int(affordable[-1])
        reached[entry] = AtBudget(
            step=int(entry_curve.steps[last]),
            spent=float(costs[last] / budget) if budget else 1.0,
            whole=entry_curve.finished or last == len(entry_curve.steps) - 1,
            over_seeds=summary(entry_curve.values[last]),
        )
    return budget, reached


def time_to_target(curve: Curve, threshold: float) -> tuple[float, int, int]:
    """Return the CPU seconds until the metric is at most `threshold`.

    The time is that of the first snapshot there, an upper bound. A run that never reaches the
    threshold is censored; the median is +inf if half of the runs are.

    Returns:
        Median over runs; number of runs that reached the threshold; number of runs.
    """
    reached = curve.values <= threshold
    num_runs = curve.values.shape[1]
    times = np.full(num_runs, np.inf)
    for run in range(curve.seconds.shape[1]):
        snapshots = np.flatnonzero(reached[:, run])
        if len(snapshots):
            times[run] = curve.seconds[snapshots[0], run]
    return summary(times).median, int(np.isfinite(times).sum()), num_runs


def metric_of(table: pd.DataFrame, datasets: Sequence[str]) -> str | None:
    """Return the metric to compare by: `kl` if the target is known, else `nll`, else None."""
    for metric in ("kl", "nll"):
        if any(final_values(table, dataset, metric) for dataset in datasets):
            return metric
    return None
