"""Chains on a trained model, and how they fared."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import Grid
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

_ADAPTED, _KEPT = 200, 100  # steps that adapt the step; states kept to tell how chains fare

_NODES = 256


def normalize_model(model: Model) -> GridDensity:
    mean, scale = model.units
    return normalize_on_grid(
        model.energy, Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), _NODES), model.units
    )


def sample_chains(model: Model, sampler: str, num: int, steps: int, key) -> tuple[np.ndarray, str]:
    """The last points of chains from N(0, I) in standardised units, and words on how they fared."""
    start_key, adapt_key, chain_key, trace_key = jr.split(key, 4)
    x = jr.normal(start_key, (num, model.dim))
    kernel = SAMPLERS[sampler](jnp.asarray(model.spec["langevin"]["step_size"], jnp.float32))
    adjusted = sampler in ("mala", "hmc", "tempering")
    if adjusted:
        target = best_acceptance(kernel)
        kernel, x = adapt(kernel, model.energy, x, _ADAPTED, adapt_key, target=target)
    elif sampler == "preconditioned":
        x = run_chains(Langevin(kernel.step_size), model.energy, x, _ADAPTED, adapt_key).x
        shape = PreconditionedLangevin.shaped(1.0, x).factor
        kernel = PreconditionedLangevin(kernel.step_size, shape)
    every = max(1, steps // 2 // _KEPT)
    states = run_chains(kernel, model.energy, x, max(steps - _KEPT * every, 0), chain_key)
    traced = trace_chains(kernel, model.energy, states, _KEPT, trace_key, every=every)
    last, kept = gather_local(traced)
    drawn = np.asarray(last.x, np.float64)
    escaped = int((~np.isfinite(drawn).all(axis=1)).sum())
    if escaped:
        raise UserError(
            f"{escaped} of {num} chains diverged. Use --sampler exact (1-D or 2-D data) or "
            "--sampler mala."
        )
    fared = _how_they_fared(np.asarray(kept.x), kernel, kept.accepted if adjusted else None)
    return model.units.inverse_transform(drawn), fared


def _how_they_fared(trace: np.ndarray, kernel, accepted) -> str:
    """Acceptance, and of the worst column R-hat and ESS, in a line."""
    columns = [trace[..., column] for column in range(trace.shape[-1])]
    rhat, worth = max(map(split_rhat, columns)), min(map(ess, columns))
    words = (
        f"split R-hat {rhat:.3f} over the chains' last {len(trace)} looks, which are worth "
        f"{worth:,.0f} independent points of {trace[..., 0].size:,}"
    )
    if not rhat < 1.1:
        words += ": chains have not mixed, and the modes' masses are those of the start"
    if accepted is None:
        return words
    return (
        f"accepted {np.mean(accepted):.0%} of moves at step {float(kernel.step_size):.3g}; {words}"
    )
