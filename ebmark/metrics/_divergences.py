"""Divergences of a model density from the target on a grid, and the decomposition of KL."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ebmark.datasets import Grid

# Mass of the highest-density region that counts as the support of the target.
_SUPPORT_MASS = 0.999
# Mass of the target where the model density may be 0 and still has a Fisher divergence.
_MAX_MISSED_MASS = 1e-6
# Nats by which log p between two points may differ from its mean; more is an edge of the support.
_MAX_BEND = 0.25


class TargetGrid(NamedTuple):
    """The target on a grid.

    Attributes:
        log_density: Logarithm of the target density.
        regions: 0 off the support, else 1..K for the mode.
        modes: 0..K-1, the most likely component, also off the support.
        num_modes: The number K of modes.
        has_score: Whether the density is differentiable.
    """

    log_density: Float[np.ndarray, "*axes"]
    regions: Int[np.ndarray, "*axes"]
    modes: Int[np.ndarray, "*axes"]
    num_modes: int
    has_score: bool = True


def target_on_grid(
    component_log_probs: Float[np.ndarray, "points modes"], grid: Grid, *, has_score: bool = True
) -> TargetGrid:
    """Return the target on a grid, with the 99.9% highest-density region divided into modes.

    Args:
        component_log_probs: Log-density of each component, with its weight, at `grid.points()`.
        grid: The grid.
        has_score: Whether the density is differentiable.
    """
    log_density = np.logaddexp.reduce(component_log_probs, axis=1)
    modes = component_log_probs.argmax(axis=1)
    mass = np.exp(log_density) * grid.cell
    order = np.argsort(-mass, kind="stable")
    is_inside = np.zeros(mass.shape, bool)
    is_inside[order[np.cumsum(mass[order]) <= _SUPPORT_MASS]] = True
    regions = np.where(is_inside, modes + 1, 0)
    shape = tuple(len(axis) for axis in grid.axes)
    return TargetGrid(
        log_density=log_density.reshape(shape),
        regions=regions.reshape(shape),
        modes=modes.reshape(shape),
        num_modes=component_log_probs.shape[1],
        has_score=has_score,
    )


def density_metrics(
    target: TargetGrid, log_density: Float[np.ndarray, "*axes"], grid: Grid
) -> dict[str, float]:
    r"""Return the divergences of a normalized model density q from the target p, by quadrature.

    $$ KL = \sum_g \Delta\, p \log(p / q), \quad TV = \tfrac12 \sum_g \Delta |p - q|, \quad
       NLL = -\sum_g \Delta\, p \log q, \quad
       FD = \sum_g \Delta\, p\, \| \nabla \log p - \nabla \log q \|^2 $$

    FD is the Fisher divergence, twice the objective of score matching. It is insensitive to the
    weights of well-separated modes. It is NaN for a target without a score, such as one whose
    density jumps. Gradients are differences of neighboring grid points.

    With the probabilities $P_r, Q_r$ of the regions, the chain rule splits KL exactly into

    $$ KL_{\mathrm{off\,support}} = P_0 \log \frac{P_0}{Q_0}
       + (1 - P_0) \log \frac{1 - P_0}{1 - Q_0}, \quad
       KL_{\mathrm{mode\,weights}}
       = \sum_{k \ge 1} P_k \log \frac{P_k / (1 - P_0)}{Q_k / (1 - Q_0)}, \quad
       KL_{\mathrm{within\,mode}} = \sum_{r \ge 0} P_r KL(p_{|r} \| q_{|r}) $$

    Args:
        target: The target on the grid.
        log_density: Log-density of the model on the grid.
        grid: The grid.

    Returns:
        `kl`, `nll` and the parts of KL in nats; `tv`, `mode_weight_tv`, `fisher_divergence`.

    Raises:
        ValueError: If the two densities have different shapes.

    References: Cover & Thomas (2006), Elements of Information Theory, theorem 2.5.3.
    """
    if np.shape(log_density) != target.log_density.shape:
        raise ValueError(
            f"'log_density' must have the shape of the target, {target.log_density.shape}, got "
            f"{np.shape(log_density)}."
        )
    p = np.exp(target.log_density) * grid.cell
    q = np.exp(log_density) * grid.cell
    p = p / p.sum()
    q = q / q.sum()
    log_ratio = target.log_density - log_density
    log_ratio = log_ratio - np.log(np.exp(target.log_density).sum() * grid.cell)
    log_ratio = log_ratio + np.log(np.exp(log_density).sum() * grid.cell)
    # Where p is 0, the product with an infinite logarithm is NaN and is replaced by its limit.
    with np.errstate(invalid="ignore"):
        kl_density = np.where(p > 0, p * log_ratio, 0.0)
        nll = -np.sum(np.where(p > 0, p * log_density, 0.0))
    return {
        "kl": float(kl_density.sum()),
        "tv": float(0.5 * np.abs(p - q).sum()),
        "nll": float(nll),
        **_kl_parts(target, p, log_density, kl_density),
        "mode_weight_tv": _mode_weight_tv(target, p, q),
        "fisher_divergence": _fisher_divergence(target, p, log_density, grid),
    }


def _kl_parts(
    target: TargetGrid, p: np.ndarray, log_density: np.ndarray, kl_density: np.ndarray
) -> dict[str, float]:
    """The decomposition of KL over the regions of the target."""
    regions = target.regions.ravel()
    num_regions = target.num_modes + 1
    p_regions = np.bincount(regions, p.ravel(), minlength=num_regions)
    log_q_regions = _log_probabilities(log_density.ravel(), regions, num_regions)
    # A region without mass of the model makes its part of KL infinite and the last one NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratios = np.log(p_regions) - log_q_regions
        log_ratio_on_support = np.log1p(-p_regions[0]) - np.logaddexp.reduce(log_q_regions[1:])
        off_support = p_regions[0] * log_ratios[0] + (1 - p_regions[0]) * log_ratio_on_support
        mode_weights = np.sum(p_regions[1:] * (log_ratios[1:] - log_ratio_on_support))
        kl_regions = np.bincount(regions, kl_density.ravel(), minlength=num_regions)
        within_mode = np.sum(kl_regions - p_regions * log_ratios)
    return {
        "kl_off_support": float(off_support),
        "kl_mode_weights": float(mode_weights),
        "kl_within_mode": float(within_mode),
    }


def _log_probabilities(
    log_density: np.ndarray, regions: np.ndarray, num_regions: int
) -> np.ndarray:
    """The log-probability of each region, also where the probability underflows."""
    largest = np.full(num_regions, -np.inf)
    np.maximum.at(largest, regions, log_density)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.exp(log_density - largest[regions])
        sums = np.bincount(regions, relative, minlength=num_regions)
        log_sums = np.where(np.isfinite(largest), largest + np.log(sums), -np.inf)
    return log_sums - np.logaddexp.reduce(log_sums)


def _mode_weight_tv(target: TargetGrid, p: np.ndarray, q: np.ndarray) -> float:
    """The distance of the mode probabilities, given points at which the target has a density."""
    is_inside = np.isfinite(target.log_density)
    weights = [
        np.bincount(target.modes[is_inside], mass[is_inside], minlength=target.num_modes)
        for mass in (p, q)
    ]
    with np.errstate(invalid="ignore"):
        p_modes, q_modes = (one / one.sum() for one in weights)
    return float(0.5 * np.abs(p_modes - q_modes).sum())


def _fisher_divergence(
    target: TargetGrid, p: np.ndarray, log_density: np.ndarray, grid: Grid
) -> float:
    """The mean under p of the squared gradient of log p / q; NaN if p has no score, or q none.

    Differences of neighbors are weighted with p between them, to the fourth order: across an edge
    that weight vanishes.
    """
    is_inside = np.isfinite(target.log_density) & np.isfinite(log_density)
    if not target.has_score or p[~is_inside].sum() > _MAX_MISSED_MASS:
        return math.nan
    log_p = np.full(p.shape, -math.inf)
    np.log(p, out=log_p, where=p > 0)
    log_ratio = np.full(p.shape, math.nan)
    np.subtract(target.log_density, log_density, out=log_ratio, where=is_inside)
    total = 0.0
    for axis, spacing in enumerate(grid.spacing):
        a = np.moveaxis(log_p, axis, 0)
        between = (a[1:] + a[:-1]) / 2
        with np.errstate(invalid="ignore"):
            bend = (2 * between[1:-1] - a[:-3] - a[3:]) / 16
        between[1:-1] += np.clip(np.nan_to_num(bend), -_MAX_BEND, _MAX_BEND)
        slopes = np.diff(np.moveaxis(log_ratio, axis, 0), axis=0) / spacing
        total += float(np.nansum(np.exp(between) * slopes**2))
    return total
