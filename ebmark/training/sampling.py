"""Samples of a trained model: by Markov chains, with diagnostics, and its density on a grid."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets import Grid
from ebmark.energies import Key
from ebmark.errors import UserError
from ebmark.partition_function import GridDensity, normalize_on_grid
from ebmark.samplers import (
    SAMPLERS,
    Langevin,
    PreconditionedLangevin,
    adapt,
    best_acceptance,
    ess,
    run_chains,
    split_rhat,
    trace_chains,
)
from ebmark.system.devices import gather_local
from ebmark.training.model import Model

# steps that adapt the step size or the preconditioner
_NUM_ADAPT = 200
# maximum number of states per chain from which the diagnostics are computed
_NUM_KEPT = 100
# states per chain that R-hat and ESS need: three in each half
MIN_KEPT = 6
# grid points per axis
_NUM_GRID_POINTS = 256
# split R-hat from which on chains count as not converged
_MAX_RHAT = 1.1
_ADJUSTED = ("mala", "hmc", "tempering")


class ChainDiagnostics(NamedTuple):
    """How well chains have converged.

    Attributes:
        rhat: the largest split R-hat of the columns; NaN for fewer than 6 states per chain.
        ess: the smallest effective sample size of the columns; NaN for fewer than 6.
        num_kept: states per chain that these are computed from.
        num_draws: their number over all chains.
        acceptance_rate: of Metropolis-adjusted samplers; None for others.
        step_size: the step size, after adaptation.
    """

    rhat: float
    ess: float
    num_kept: int
    num_draws: int
    acceptance_rate: float | None
    step_size: float

    @property
    def has_converged(self) -> bool:
        """Whether R-hat is below 1.1."""
        return self.rhat < _MAX_RHAT


def normalize_model(model: Model) -> GridDensity:
    """Normalize a model of 1-D or 2-D data on a grid of 8 standard deviations per axis."""
    corner = np.full(model.dim, 4.0)
    lower, upper = model.units.inverse_transform([-corner, corner])
    grid = Grid(tuple(lower), tuple(upper), _NUM_GRID_POINTS)
    return normalize_on_grid(model.energy, grid, model.units)


def sample_chains(
    model: Model, sampler: str, num: int, steps: int, key: Key
) -> tuple[Float[np.ndarray, "num dim"], ChainDiagnostics]:
    """Sample a model by independent chains that start from N(0, I) in standardized coordinates.

    Args:
        model: the trained model.
        sampler: a name in `SAMPLERS`.
        num: number of chains.
        steps: transitions per chain, after adaptation.
        key: PRNG key.

    Returns:
        The last point of each chain, in data units, and diagnostics of the second half, or of the
        last 100 steps if there are fewer than 200.

    Raises:
        UserError: a chain diverged.
    """
    start_key, adapt_key, chain_key, trace_key = jr.split(key, 4)
    x = jr.normal(start_key, (num, model.dim))
    step_size = jnp.asarray(model.spec["langevin"]["step_size"], jnp.float32)
    kernel = SAMPLERS[sampler](step_size)
    is_adjusted = sampler in _ADJUSTED
    if is_adjusted:
        acceptance = best_acceptance(kernel)
        kernel, x = adapt(
            kernel, model.energy, x, _NUM_ADAPT, adapt_key, target_acceptance=acceptance
        )
    elif sampler == "preconditioned":
        x = run_chains(Langevin(step_size), model.energy, x, _NUM_ADAPT, adapt_key).x
        kernel = PreconditionedLangevin.from_points(step_size, x)
    every = max(1, steps // 2 // _NUM_KEPT)
    num_kept = min(steps, _NUM_KEPT)
    num_burn_in = steps - num_kept * every
    states = run_chains(kernel, model.energy, x, num_burn_in, chain_key)
    traced = trace_chains(kernel, model.energy, states, num_kept, trace_key, every=every)
    last, kept = gather_local(traced)
    points = np.asarray(last.x, np.float64)
    num_diverged = int((~np.isfinite(points).all(axis=1)).sum())
    if num_diverged:
        raise UserError(
            f"{num_diverged} of {num} chains diverged. "
            "Use --sampler exact (1-D or 2-D data) or --sampler mala."
        )
    acceptance_rate = float(np.mean(kept.accepted)) if is_adjusted else None
    diagnostics = _diagnose(np.asarray(kept.x), acceptance_rate, float(kernel.step_size))
    return model.units.inverse_transform(points), diagnostics


def _diagnose(
    trace: Float[np.ndarray, "kept chains dim"], acceptance_rate: float | None, step_size: float
) -> ChainDiagnostics:
    columns = [trace[..., column] for column in range(trace.shape[-1])]
    is_long_enough = len(trace) >= MIN_KEPT
    return ChainDiagnostics(
        rhat=max(map(split_rhat, columns)) if is_long_enough else math.nan,
        ess=min(map(ess, columns)) if is_long_enough else math.nan,
        num_kept=len(trace),
        num_draws=columns[0].size,
        acceptance_rate=acceptance_rate,
        step_size=step_size,
    )
