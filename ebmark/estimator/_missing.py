"""Training on rows with missing values: Monte Carlo expectation maximization."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ebmark.datasets.preprocessing import Whitener
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.estimator._conditional import draw_conditional, fill_by_gaussian
from ebmark.estimator._fitted import draw_seed
from ebmark.training.model import Model

# of training, the last of which is that of the model itself
_NUM_ROUNDS = 3
_NUM_GAUSSIAN_ROUNDS = 20


def complete_rows(
    train: Callable[[Float[np.ndarray, "n d"], int], Model],
    encoder: TableEncoder,
    rows: Float[np.ndarray, "n d"],
    seed: int,
) -> Float[np.ndarray, "n d"]:
    r"""Draw missing values from a model of the rows themselves.

    $$ x_f^{(t)} \sim p_{\theta_t}(\cdot \mid x_g), \quad
       \theta_{t+1} = \arg\max_\theta \sum_i \log p_\theta(x_f^{(t)}, x_g) $$

    The first draws are those of a Gaussian that is fitted by 20 such rounds. Then the model is
    trained and draws again, twice; the caller trains it a third time. One draw per value adds noise
    to the fit, and no bias. Values must be missing at random: whether a value is missing may depend
    on given values of its row, not on itself.

    Args:
        train: trains a model on rows of the matrix, with a seed.
        encoder: the encoder of the table.
        rows: rows of the matrix, NaN where values are missing.
        seed: seed of the draws.

    References: Wei & Tanner (1990), A Monte Carlo implementation of the EM algorithm; Little &
    Rubin (2019), Statistical analysis with missing data.
    """
    is_missing = np.isnan(rows)
    if not is_missing.any():
        return rows
    noise = encoder.dequantize(np.zeros_like(rows), seed)

    def restore(drawn: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return np.where(is_missing, encoder.snap(drawn), rows)

    means = np.nanmean(rows, axis=0)
    filled = np.where(is_missing, means, rows)
    for i in range(_NUM_GAUSSIAN_ROUNDS):
        filled = fill_by_gaussian(Whitener.fit(filled), rows, seed + i)
    filled = restore(filled)
    has_missing = is_missing.any(axis=1)
    train_seed = draw_seed(seed)
    for i in range(_NUM_ROUNDS - 1):
        model = train(filled + noise, train_seed)
        drawn = filled.copy()
        holes = rows[has_missing]
        drawn[has_missing] = draw_conditional(model, holes, 1, seed + i).x[0]
        filled = restore(drawn)
    return filled
