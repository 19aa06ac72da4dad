"""The scores of Langevin samples: chains of the trained energy from N(0, I)."""

import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key
from ebmark.metrics import sample_metrics
from ebmark.samplers import Langevin, run_chains
from ebmark.studies.scores import Row, Samples, Scores
from ebmark.studies.trained import Progress, Trained

_NUM_SHOWN_CHAINS = 16  # chains whose trajectories are kept
_NUM_FRAMES = 100  # points of a trajectory
_MAX_DISTANCE = 1e3  # standard deviations; a chain farther from the data has diverged


def langevin_scores(trained: Trained, scores: Scores, progress: Progress) -> Scores:
    """Return the metrics of Langevin samples, and W1 after a quarter and a half of the steps.

    The run has diverged if a chain is more than 1,000 standard deviations from the data.
    """
    del scores
    num_steps = trained.spec["langevin"]["steps"]
    suffixes = {step: f"_{step}" for step in (num_steps // 4, num_steps // 2)}
    suffixes[num_steps] = ""
    chains = _run_langevin(trained, set(suffixes), progress)
    step = trained.last_step
    rows: list[Row] = [(step, "sample_seconds", chains.seconds)]
    final = chains.states[num_steps]
    num_diverged = int(np.sum(~(np.abs(final).max(axis=1) < _MAX_DISTANCE)))
    if num_diverged:
        reason = (
            f"{num_diverged} of {len(final)} Langevin chains diverged: the step size "
            f"{trained.spec['langevin']['step_size']:.3g} is too large for this energy, or its Z "
            "is not finite."
        )
        return Scores(rows, {}, reason)
    metrics = sample_metrics(trained.source)
    num = trained.num_metric_samples
    to_data_units = trained.standardizer.inverse_transform
    for kept_step, suffix in suffixes.items():
        x = to_data_units(chains.states[kept_step])
        for metric in ("w1",) if suffix else metrics:
            value = metrics[metric](x[:num], trained.test_x[:num])
            rows.append((step, f"{metric}_langevin{suffix}", value))
    arrays = {
        "langevin": to_data_units(final),
        "trajectories": to_data_units(chains.paths),
        "trajectory_steps": np.array([0, *chains.frames]),
    }
    return Scores(rows, arrays)


class _Chains(NamedTuple):
    """Langevin chains in standardized coordinates: their states at chosen steps, and paths."""

    states: dict[int, Samples]
    paths: np.ndarray
    frames: list[int]  # the steps of the paths, after the start
    seconds: float  # elapsed time, without compilation


@eqx.filter_jit
def _advance(
    energy: Energy,
    x: Float[Array, "chains dim"],
    step_size: Array,
    key: Key,
    start: Array,
    stop: Array,
) -> Float[Array, "chains dim"]:
    """Run Langevin steps `start` to `stop` of all chains; one program serves every stretch."""
    kernel = Langevin(step_size)

    def step(i: Array, x: Array) -> Array:
        return run_chains(kernel, energy, x, 1, jr.fold_in(key, i)).x

    return jax.lax.fori_loop(start, stop, step, x)


def _run_langevin(trained: Trained, kept_steps: set[int], progress: Progress) -> _Chains:
    """Run chains from N(0, I) and keep all their states after `kept_steps`."""
    energy = trained.fit.energy
    num_steps = trained.spec["langevin"]["steps"]
    step_size = jnp.asarray(trained.spec["langevin"]["step_size"], jnp.float32)
    key = trained.keys["chains"]
    even_steps = {round(num_steps * i / _NUM_FRAMES) for i in range(1, _NUM_FRAMES + 1)}
    frames = sorted(even_steps | kept_steps)
    x = jr.normal(trained.keys["start"], (trained.spec["num_samples"], trained.source.dim))
    # The first call compiles and takes no step, so that the time measured is that of sampling.
    _advance(energy, x, step_size, key, jnp.array(0), jnp.array(0))
    paths = [np.asarray(x[:_NUM_SHOWN_CHAINS])]
    states = {}
    began = time.perf_counter()
    for start, stop in zip([0, *frames], frames, strict=False):
        x = _advance(energy, x, step_size, key, jnp.array(start), jnp.array(stop))
        paths.append(np.asarray(x[:_NUM_SHOWN_CHAINS]))
        if stop in kept_steps:
            states[stop] = np.asarray(x, np.float64)
            progress("sampling", stop / num_steps)
    return _Chains(states, np.stack(paths), frames, time.perf_counter() - began)
