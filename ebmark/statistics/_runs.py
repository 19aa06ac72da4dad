"""The runs of the table: a metric at the end of training, by entry and seed."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, paired

# shown apart, never ranked: an oracle sees what no method may see, an anchor trains no energy
ROLES = {"mle": "oracle", "gaussian": "anchor", "kde": "anchor", "flow": "anchor"}


def role(entry: str) -> str | None:
    """Oracle, anchor or, of a method, None; also under another recipe (`mle, tuned`)."""
    return ROLES.get(entry.partition(", ")[0])


class Best(NamedTuple):
    """The method with the lowest median, the next one, and their paired comparison.

    That the two were picked by the results wants no correction: the two-sided test of the lowest
    against the next keeps its level as a test of "no other is as low", however many others.

    Gutmann & Maymin (1987), Is the selected population the best?; Hung & Fithian (2019), Rank
    verification for exponential families.
    """

    method: str
    runner_up: str | None
    paired: Paired | None

    @property
    def significant(self) -> bool:
        """Whether the best is told apart from the next: p < .05, and lower."""
        return (
            self.paired is not None and self.paired.p < SIGNIFICANT and self.paired.difference < 0
        )


def final_values(table: pd.DataFrame, dataset: str, metric: str) -> dict[str, pd.Series]:
    """A metric at the end of training: method -> value by seed, NaN where the run diverged.

    Empty where it was never measured.
    """
    here = table[table["dataset"] == dataset]
    rows = here[here["metric"] == metric].sort_values("step", kind="stable")
    values = dict(
        zip(
            zip(rows["method"], rows["seed"], strict=True), rows["value"].astype(float), strict=True
        )
    )  # the last
    if not np.isfinite(list(values.values())).any():
        return {}
    lost = here[here["status"] == "diverged"]
    values |= dict.fromkeys(zip(lost["method"], lost["seed"], strict=True), math.nan)
    runs: dict[str, dict[int, float]] = {}
    for (method, seed), value in sorted(values.items()):
        runs.setdefault(method, {})[seed] = value
    return {method: pd.Series(one, dtype=float) for method, one in runs.items()}


def best(table: pd.DataFrame, dataset: str, metric: str) -> Best | None:
    """The lowest median, oracles and anchors aside, against the next; None if there is none.

    An entry of the very same runs, as where the tuned recipe is the default one, is no next.
    """
    runs = {
        method: one
        for method, one in final_values(table, dataset, metric).items()
        if role(method) is None
    }
    medians = {method: summary(one).median for method, one in runs.items()}
    order = sorted(
        medians, key=lambda method: (medians[method], summary(runs[method]).mean, method)
    )
    if not order or not np.isfinite(medians[order[0]]):
        return None
    others = [method for method in order if not runs[method].equals(runs[order[0]])]
    if not others:
        return Best(order[0], None, None)
    a, b = runs[order[0]].align(runs[others[0]], join="inner")
    return Best(order[0], others[0], paired(a, b))


def median_seed(runs: pd.Series | None) -> int | None:
    """The seed in the middle of those that did not diverge (the lower of two): the one to show."""
    values = pd.Series(dtype=float) if runs is None else runs.dropna()
    if values.empty:
        return None
    return int(values.sort_values(kind="stable").index[(len(values) - 1) // 2])
