"""What a sample says of the modes of a law whose components are known."""

import math

import numpy as np
from jaxtyping import Float

_LOW = 0.01  # of the truth's own points: those where its density is lowest


def mode_shares(x: Float[np.ndarray, "n modes"], y: Float[np.ndarray, "m modes"]) -> float:
    r"""How many points are in the wrong mode: TV of the modes' shares of two samples, 0 to 1.

    $$ \tfrac12 \sum_k \left| \hat P_x(k) - \hat P_y(k) \right|, \quad
       k(x) = \arg\max_k \log p_k(x) $$

    The arguments are the components' log-densities at the points. Of any dimension.

    Che et al. (2017), Mode regularized generative adversarial networks, use the KL of the shares.
    """
    if np.isnan(x).any() or np.isnan(y).any():
        return math.nan
    shares = [np.bincount(z.argmax(axis=1), minlength=z.shape[1]) / len(z) for z in (x, y)]
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def quality(x: Float[np.ndarray, "n modes"], y: Float[np.ndarray, "m modes"]) -> float:
    r"""The share of high-quality points: where the truth is denser than at its own lowest 1 %.

    $$ \hat P_x(p(x) \ge c), \quad c = \text{the 1 \% quantile of } p(y),\; y \sim p $$

    .99 for the truth; more for a law that is too narrow, so that it says nothing of lost modes.
    The arguments are the components' log-densities at the points.

    Srivastava et al. (2017), VEEGAN, with a quantile of the density for "three deviations".
    """
    if np.isnan(x).any() or np.isnan(y).any():
        return math.nan
    heights = [np.logaddexp.reduce(z, axis=1) for z in (x, y)]
    return float(np.mean(heights[0] >= np.quantile(heights[1], _LOW)))
