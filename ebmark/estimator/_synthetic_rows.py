"""How faithful sampled rows are, and whether they copy training rows."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.spatial import KDTree

from ebmark.datasets import UserDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.metrics.columns import compare_columns

Rows = Float[np.ndarray, "_ d"]


class Fidelity(NamedTuple):
    """Sampled rows beside held-out rows.

    Attributes:
        columns: per column: `w1`, the 1-Wasserstein distance to the held-out rows in robust
            standard deviations; `low` and `high`, its null range; `findings`, what differs.
        sampled_distance: median distance of sampled rows to the nearest training row, in standard
            deviations of the columns.
        held_out_distance: the same of held-out rows.
        p_value: of the one-sided rank-sum test that sampled rows are as far from the training rows
            as held-out rows are. A small one says that training rows are copied.
        num_copies: sampled rows that equal a training row.
    """

    columns: pd.DataFrame
    sampled_distance: float
    held_out_distance: float
    p_value: float
    num_copies: int


def compare_rows(sampled: Rows, train: Rows, held_out: Rows, names: list[Any]) -> Fidelity:
    """Compare sampled with held-out rows, column by column and by distance to training rows.

    Args:
        sampled: sampled rows, in data units.
        train: training rows.
        held_out: rows that were not used in training.
        names: names of the columns.

    References: Mann & Whitney (1947), On a test of whether one of two random variables is
    stochastically larger than the other.
    """
    source = UserDataset("held-out rows", held_out)
    comparison = compare_columns(sampled, held_out, source, [str(name) for name in names])
    columns = pd.DataFrame(
        [
            {
                "column": name,
                "w1": score.w1,
                "low": score.null_range["low"],
                "high": score.null_range["high"],
                "findings": ", ".join(score.findings),
            }
            for name, score in zip(names, comparison.columns, strict=True)
        ]
    )
    from scipy.stats import mannwhitneyu

    units = Standardizer.fit(train)
    tree = KDTree(units.transform(train))
    of_sampled, _ = tree.query(units.transform(sampled))
    of_held_out, _ = tree.query(units.transform(held_out))
    return Fidelity(
        columns,
        float(np.median(of_sampled)),
        float(np.median(of_held_out)),
        float(mannwhitneyu(of_sampled, of_held_out, alternative="less").pvalue),
        int(np.sum(of_sampled == 0)),
    )
