"""How far a learned density is from the true one, both on a grid: divergences and their anatomy."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ebmark.datasets import Grid

_SUPPORT = 0.999  # the mass of the highest-density region that counts as the data's support


class TargetGrid(NamedTuple):
    """The data's law on a grid: its log-density, and the mode that each node belongs to."""

    log_density: Float[np.ndarray, "*axes"]
    regions: Int[np.ndarray, "*axes"]  # 0: off the support; 1..K: the modes
    modes: Int[np.ndarray, "*axes"]  # 0..K-1: the likeliest component, everywhere
    num_modes: int


def target_on_grid(
    component_log_probs: Float[np.ndarray, "points modes"], grid: Grid
) -> TargetGrid:
    r"""Regions: {0: outside the 99.9 % highest-density region, 1..K: the likelier component}."""
    log_density = np.logaddexp.reduce(component_log_probs, axis=1)
    modes = component_log_probs.argmax(axis=1)
    mass = np.exp(log_density) * grid.cell
    order = np.argsort(-mass, kind="stable")
    inside = np.zeros(mass.shape, bool)
    inside[order[np.cumsum(mass[order]) <= _SUPPORT]] = True
    shape = (grid.points_per_axis,) * len(grid.lower)
    regions = np.where(inside, modes + 1, 0)
    arrays = (array.reshape(shape) for array in (log_density, regions, modes))
    return TargetGrid(*arrays, component_log_probs.shape[1])


def density_metrics(
    truth: TargetGrid, log_density: Float[np.ndarray, "*axes"], grid: Grid
) -> dict[str, float]:
    r"""Divergences of a normalised model $q$ from the truth $p$, in nats, by quadrature.

    $$ KL = \sum_g \Delta\, p \log(p / q), \quad TV = \tfrac12 \sum_g \Delta |p - q|, \quad
       NLL = -\sum_g \Delta\, p \log q, \quad
       FD = \sum_g \Delta\, p\, \| \nabla \log p - \nabla \log q \|^2 $$

    FD, the Fisher divergence, is what score matching minimises (halved): it is blind to the
    weights of far modes. Gradients are central differences of the grid.

    With $P_r, Q_r$ the masses of the regions, the chain rule splits KL exactly:

    $$ leak = P_0 \log \frac{P_0}{Q_0} + (1 - P_0) \log \frac{1 - P_0}{1 - Q_0}, \quad
       masses = \sum_{k \ge 1} P_k \log \frac{P_k / (1 - P_0)}{Q_k / (1 - Q_0)}, \quad
       shapes = \sum_{r \ge 0} P_r KL(p_{|r} \| q_{|r}) $$

    Cover & Thomas (2006), Elements of Information Theory, theorem 2.5.3.
    """
    p = np.exp(truth.log_density) * grid.cell
    q = np.exp(log_density) * grid.cell
    p, q = p / p.sum(), q / q.sum()
    log_ratio = truth.log_density - log_density
    log_ratio = log_ratio - np.log(np.exp(truth.log_density).sum() * grid.cell)
    log_ratio = log_ratio + np.log(np.exp(log_density).sum() * grid.cell)
    with np.errstate(invalid="ignore"):  # where p is 0 its logarithm does not matter
        pointwise = np.where(p > 0, p * log_ratio, 0.0)
        nll = -np.sum(np.where(p > 0, p * log_density, 0.0))
    regions, count = truth.regions.ravel(), truth.num_modes + 1
    big_p = np.bincount(regions, p.ravel(), minlength=count)
    log_q = _log_masses(log_density.ravel(), regions, count)
    kl = float(pointwise.sum())
    # a region that the model gives no mass: infinite, rightly, and its shape is not a number
    with np.errstate(divide="ignore", invalid="ignore"):
        log_masses = np.log(big_p) - log_q
        leak_in = np.log1p(-big_p[0]) - np.logaddexp.reduce(log_q[1:])
        leak = big_p[0] * log_masses[0] + (1 - big_p[0]) * leak_in
        masses = float(np.sum(big_p[1:] * (log_masses[1:] - leak_in)))
        of_regions = np.bincount(regions, pointwise.ravel(), minlength=count)
        shapes = float(np.sum(of_regions - big_p * log_masses))
    p_modes = np.bincount(truth.modes.ravel(), p.ravel(), minlength=truth.num_modes)
    q_modes = np.bincount(truth.modes.ravel(), q.ravel(), minlength=truth.num_modes)
    return {
        "kl": kl,
        "tv": float(0.5 * np.abs(p - q).sum()),
        "nll": float(nll),
        "kl_off_support": float(leak),
        "kl_mode_weights": masses,
        "kl_within_mode": shapes,
        "mode_weight_tv": float(0.5 * np.abs(p_modes - q_modes).sum()),
        "fisher_divergence": _fisher(p, truth.log_density - log_density, grid),
    }


def _log_masses(log_density: np.ndarray, regions: np.ndarray, count: int) -> np.ndarray:
    """The logarithm of each region's share of the mass, also where that is below all doubles."""
    top = np.full(count, -np.inf)
    np.maximum.at(top, regions, log_density)
    with np.errstate(divide="ignore", invalid="ignore"):  # a region without mass
        heights = np.bincount(regions, np.exp(log_density - top[regions]), minlength=count)
        masses = np.where(np.isfinite(top), top + np.log(heights), -np.inf)
    return masses - np.logaddexp.reduce(masses)


def _fisher(p: np.ndarray, log_ratio: np.ndarray, grid: Grid) -> float:
    """The mean under p of the squared slope of log p / q; where p is 0 it does not matter."""
    known = np.where(np.isfinite(log_ratio), log_ratio, 0.0)
    slopes = np.gradient(known, *grid.spacing)
    slopes = [slopes] if log_ratio.ndim == 1 else slopes
    return float(np.sum(p * sum(slope**2 for slope in slopes)))
