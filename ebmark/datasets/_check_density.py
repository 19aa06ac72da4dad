"""Tests of a density against the samples that should follow it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from ebmark.datasets._grid import Grid
from ebmark.datasets.preprocessing import Units

# probability with which each test rejects a correct dataset
_LEVEL = 1e-5
# of an integral by quadrature, relative: edges and the box
_TOLERANCE = 0.01
_CELLS_PER_AXIS = 16
_MIN_EXPECTED = 10
_NUM_COMPONENTS = 5
_NUM_FITTED = 4_000


class DensityCheck(NamedTuple):
    """What a check of a dataset found.

    Attributes:
        integral: of the density; 1 if it is normalized.
        integral_error: standard error of the integral, or the change under a finer grid.
        entropy: in nats.
        p_value: of the test that samples follow the density.
        problem: what is wrong, in one line; empty if nothing is.
    """

    integral: float
    integral_error: float
    entropy: float
    p_value: float
    problem: str

    @property
    def passed(self) -> bool:
        """Whether density and samples agree."""
        return not self.problem


def check_density(
    log_prob: Callable,
    scores: Callable,
    x: Float[np.ndarray, "n dim"],
    units: Units,
    grid: Grid,
    entropy: float,
) -> DensityCheck:
    """Test that a density integrates to 1, and that samples follow it up to its integral.

    Args:
        log_prob: points (n, dim) -> log-densities (n,).
        scores: points (n, dim) -> gradients of the log-density (n, dim).
        x: samples, in data units.
        units: their standardized units.
        grid: a grid that holds almost all samples.
        entropy: of the density, in nats.
    """
    if x.shape[1] <= 2:
        integral, error, p_value = _by_quadrature(log_prob, x, grid)
        tolerance = _TOLERANCE + 2 * error
    else:
        integral, error = _by_bridge_sampling(log_prob, units.transform(x), units)
        p_value = _stein_p_value(x, scores(x))
        tolerance = -special.ndtri(_LEVEL / 2) * error
    problem = ""
    if p_value < _LEVEL:
        problem = (
            f"The sampler does not follow log_prob (p = {p_value:.1g}). "
            "Draw from the density, or return the log-density of what is drawn."
        )
    elif not abs(integral - 1) <= tolerance:
        problem = (
            f"log_prob integrates to {integral:.4g} ± {error:.1g}, not 1. "
            f"Subtract {math.log(integral):.4g} from it."
        )
    return DensityCheck(integral, error, entropy, p_value, problem)


def _by_quadrature(
    log_prob: Callable, x: Float[np.ndarray, "n dim"], grid: Grid
) -> tuple[float, float, float]:
    """Return the integral, its change under refinement, and the p-value of counts in boxes."""
    coarse, fine = (
        np.exp(log_prob(g.points())) * g.cell for g in (grid, grid.resized(width=1.5, points=2.0))
    )
    integral = float(fine.sum())
    shape = (_CELLS_PER_AXIS, grid.points_per_axis // _CELLS_PER_AXIS) * x.shape[1]
    expected = coarse.reshape(shape).sum(axis=tuple(range(1, 2 * x.shape[1], 2))).ravel()
    bins = [
        np.linspace(lo, hi, _CELLS_PER_AXIS + 1)
        for lo, hi in zip(grid.lower, grid.upper, strict=True)
    ]
    counts = np.histogramdd(x, bins)[0].ravel()
    expected *= len(x) / expected.sum()
    is_large = expected >= _MIN_EXPECTED
    observed = np.append(counts[is_large], len(x) - counts[is_large].sum())
    wanted = np.append(expected[is_large], max(len(x) - expected[is_large].sum(), 1.0))
    statistic = float(np.sum((observed - wanted) ** 2 / wanted))
    p_value = float(special.chdtrc(max(int(is_large.sum()), 1), statistic))
    return integral, abs(integral - float(coarse.sum())), p_value


def _by_bridge_sampling(
    log_prob: Callable, z: Float[np.ndarray, "n dim"], units: Units
) -> tuple[float, float]:
    r"""Return the integral of the density and its standard error, from samples of it and of q.

    $$ r = \mathbb{E}_q \sigma(l - \log r) / \mathbb{E}_p \sigma(\log r - l) \cdot r, \quad
       l = \log p - \log q $$

    q is a Gaussian mixture fitted to one half of the samples; the other half is used here.

    References: Meng & Wong (1996), Simulating ratios of normalizing constants.
    """
    from sklearn.mixture import GaussianMixture

    half = len(z) // 2
    fitted = z[: min(half, _NUM_FITTED)]
    mixture = GaussianMixture(_NUM_COMPONENTS, reg_covar=1e-4, random_state=0).fit(fitted)
    of_p, of_q = z[half:], mixture.sample(half)[0]

    def log_ratio(z: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        x = units.inverse_transform(z)
        return log_prob(x) + units.log_jacobian - mixture.score_samples(z)

    ratio_p, ratio_q = log_ratio(of_p), log_ratio(of_q)
    log_r = float(np.median(ratio_p))
    for _ in range(200):
        above, below = special.expit(ratio_q - log_r), special.expit(log_r - ratio_p)
        log_r += math.log(above.mean() / below.mean())
    above, below = special.expit(ratio_q - log_r), special.expit(log_r - ratio_p)
    variance = above.var() / above.mean() ** 2 + below.var() / below.mean() ** 2
    return math.exp(log_r), math.exp(log_r) * math.sqrt(variance / half)


def _stein_p_value(x: Float[np.ndarray, "n dim"], scores: Float[np.ndarray, "n dim"]) -> float:
    r"""Return the p-value of Stein's identity for linear functions, adjusted for their number.

    $$ \mathbb{E}_p[s_i] = 0, \quad \mathbb{E}_p[s_i x_j] = -\delta_{ij}, \quad s = \nabla \log p $$
    """
    scale = x.std(axis=0)
    z, s = (x - x.mean(axis=0)) / scale, scores * scale
    products = s[:, :, None] * z[:, None, :] + np.eye(x.shape[1])
    values = np.concatenate([s, products.reshape(len(x), -1)], axis=1)
    t = values.mean(axis=0) / (values.std(axis=0) / math.sqrt(len(x)))
    return float(min(1.0, 2 * special.ndtr(-np.abs(t).max()) * values.shape[1]))
