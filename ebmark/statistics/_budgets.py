"""Quality along one training, at equal updates, network evaluations and CPU seconds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import Summary, summary
from ebmark.statistics._runs import final_values, role

_SLACK = 0.01  # of a budget: trainings are of whole updates, which cost more or less
BUDGETS = ("num_updates", "network_evaluations", "train_cpu_seconds")


class Curve(NamedTuple):
    """The snapshots of an entry's trainings: steps, the costs by then, and a metric by seed.

    Or, where the budget itself was swept, the ends of trainings of each length: all `finished`.
    """

    steps: np.ndarray
    costs: dict[str, np.ndarray]  # medians over seeds
    values: np.ndarray  # (snapshots, seeds); +inf where the run diverged
    seconds: np.ndarray  # CPU seconds, of each run
    finished: bool = False


class AtBudget(NamedTuple):
    """What an entry reached at a budget: by the last snapshot that it pays for."""

    step: int
    spent: float  # of the budget, a share
    whole: bool  # whether the training had ended by then
    over_seeds: Summary


def curves(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], finished: bool = False
) -> dict[str, tuple[str, dict[str, Curve]]]:
    """For each dataset its metric, KL or NLL, and the curves of its entries.

    They are `finished` where each row is the end of a training of its own.
    """
    found = {}
    for dataset in datasets:
        here = table[table["dataset"] == dataset]
        metric = metric_of(here, [dataset])
        if metric is None:
            continue
        here = here[
            here["metric"].isin([metric, "network_evaluations", "train_cpu_seconds", "kl", "nll"])
        ]
        made = {entry: curve(here, dataset, entry, metric) for entry in entries}
        known = {e: c._replace(finished=finished) for e, c in made.items() if c is not None}
        if any(role(entry) is None for entry in known):
            found[dataset] = (metric, known)
    return found


def curve(table: pd.DataFrame, dataset: str, entry: str, metric: str) -> Curve | None:
    """The curve of a metric over training; a run that diverged counts as the worst throughout."""
    rows = table[(table["dataset"] == dataset) & (table["method"] == entry)]
    done, lost = rows[rows["status"] != "diverged"], rows[rows["status"] == "diverged"]
    wide = {}
    for name in (metric, "network_evaluations", "train_cpu_seconds"):
        one = done.loc[done["metric"] == name, ["step", "seed", "value"]]
        wide[name] = one.drop_duplicates(["step", "seed"]).pivot(
            index="step", columns="seed", values="value"
        )
    if any(one.empty for one in wide.values()):
        return None
    steps = [step for step in wide[metric].index if all(step in one.index for one in wide.values())]
    if not steps:
        return None
    seconds = wide["train_cpu_seconds"].loc[steps].reindex(columns=wide[metric].columns)
    values = wide[metric].loc[steps].to_numpy(float)
    worst = np.full((len(steps), lost["seed"].nunique()), np.inf)
    costs = {
        "num_updates": np.array(steps, float),
        "network_evaluations": wide["network_evaluations"]
        .loc[steps]
        .median(axis=1)
        .to_numpy(float),
        "train_cpu_seconds": seconds.median(axis=1).to_numpy(float),
    }
    values = np.concatenate([np.where(np.isnan(values), np.inf, values), worst], axis=1)
    return Curve(np.array(steps), costs, values, seconds.to_numpy(float))


def at_equal_budget(curves: dict[str, Curve], cost: str, share: float = 1.0) -> tuple[float, dict]:
    """A budget that all methods can spend, and what each entry had reached for it.

    The budget is `share` of the cheapest method's whole training. An entry whose first snapshot
    costs more has nothing to show: it is left out. Snapshots of a training whose learning rate was
    to fall further are no finished trainings of that budget, which would be better.
    """
    whole = {e: c.costs[cost][-1] for e, c in curves.items() if role(e) is None}
    if not whole:
        return math.nan, {}
    budget = share * min(whole.values())
    found = {}
    for entry, one in curves.items():
        paid = np.flatnonzero(one.costs[cost] <= budget * (1 + _SLACK))
        if len(paid):
            i = paid[-1]
            spent = float(one.costs[cost][i] / budget) if budget else 1.0
            ended = one.finished or bool(i == len(one.steps) - 1)
            found[entry] = AtBudget(int(one.steps[i]), spent, ended, summary(one.values[i]))
    return float(budget), found


def time_to_target(one: Curve, target: float) -> tuple[float, int, int]:
    """CPU seconds until a metric is at most `target`: the median run's; runs that got there; all.

    By the first snapshot there: an upper bound. A run that never got there is censored; where half
    of them are, so is the median: +inf.
    """
    reached, n = one.values <= target, one.values.shape[1]
    times = np.full(n, np.inf)
    for run in range(one.seconds.shape[1]):
        when = np.flatnonzero(reached[:, run])
        if len(when):
            times[run] = one.seconds[when[0], run]
    return summary(times).median, int(np.isfinite(times).sum()), n


def metric_of(table: pd.DataFrame, datasets: Sequence[str]) -> str | None:
    """KL where the truth is known, else the likelihood: what curves and verdicts are about."""
    for metric in ("kl", "nll"):
        if any(final_values(table, dataset, metric) for dataset in datasets):
            return metric
    return None
