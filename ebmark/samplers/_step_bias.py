"""Step-size (discretization) bias of Langevin dynamics, by Richardson extrapolation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key
from ebmark.samplers._langevin import Langevin
from ebmark.system.devices import full_matmul_precision

# number of steps of size h / 4 in one step of size h
_NUM_FINE = 4
_NUM_STANDARD_ERRORS = 3


class StepBias(NamedTuple):
    """Mean energy of Langevin chains at three step sizes and in the limit of step size 0, in nats.

    Attributes:
        steps: the step sizes h, h/2 and h/4.
        means: mean energy of the chains at each step size.
        errors: standard errors of `means`.
        biases: `means` minus `limit`.
        bias_errors: standard errors of `biases`.
        limit: extrapolation to step size 0.
        limit_error: standard error of `limit`.
        exact: mean energy of the model distribution, by quadrature in 1-D and 2-D, else the mean
            over SMC samples.
        exact_error: standard error of `exact`; 0 by quadrature.
    """

    steps: tuple[float, float, float]
    means: tuple[float, float, float]
    errors: tuple[float, float, float]
    biases: tuple[float, float, float]
    bias_errors: tuple[float, float, float]
    limit: float
    limit_error: float
    exact: float
    exact_error: float

    @property
    def agrees(self) -> bool:
        """Whether the limit equals the exact mean within 3 standard errors."""
        error = np.hypot(self.limit_error, self.exact_error)
        return bool(abs(self.limit - self.exact) < _NUM_STANDARD_ERRORS * error)


def richardson(
    full: float | np.ndarray, half: float | np.ndarray, quarter: float | np.ndarray
) -> float | np.ndarray:
    r"""Extrapolate a smooth function of the step size to step size 0.

    $$ a(0) = \tfrac13 (a(h) - 6 a(h/2) + 8 a(h/4)) + O(h^3) $$

    Args:
        full: value at step size h.
        half: value at step size h/2.
        quarter: value at step size h/4.

    Returns:
        The extrapolated value.

    Example:
        >>> from ebmark.samplers import richardson
        >>> round(richardson(1.56, 1.24, 1.11), 9)  # 1 + h + h^2 at h = 0.4, 0.2, 0.1
        1.0

    References: Richardson (1911), The approximate arithmetical solution by finite differences.
    """
    return (full - 6 * half + 8 * quarter) / 3


def step_bias(
    energy: Energy,
    x: Float[Array, "chains dim"],
    exact: float,
    h: float,
    num_steps: int,
    key: Key,
    exact_error: float = 0.0,
) -> StepBias:
    r"""Estimate the bias of the mean energy of Langevin chains at step sizes h, h/2 and h/4.

    $$ x \leftarrow x - h \nabla E + \sqrt{2h}\, \xi; \qquad
       \mathbb{E}_h[E] = \mathbb{E}[E] + O(h) $$

    The chains start at exact samples, so the mode weights are correct and only the step size
    causes bias; the first half of the time is discarded. The three chains of a starting point
    share one Brownian motion, so their differences have much less variance than their means.

    Args:
        energy: maps one point, shape (dim,), to a scalar.
        x: exact samples of exp(-energy) / Z, one row per chain.
        exact: the mean energy of the model distribution.
        h: the largest step size.
        num_steps: number of steps of size h.
        key: PRNG key.
        exact_error: standard error of `exact`.

    Returns:
        The means, their limit and the biases, in nats.

    References: Durmus & Moulines (2017), Nonasymptotic convergence analysis for the unadjusted
    Langevin algorithm; Giles (2008), Multilevel Monte Carlo path simulation.
    """
    step_size = jnp.asarray(h, jnp.float32)
    chain_means = np.asarray(_mean_energies(energy, x, step_size, num_steps, key), np.float64)
    chain_limits = richardson(*chain_means)
    limit = float(np.mean(chain_limits))
    means = chain_means.mean(axis=1)
    return StepBias(
        steps=(h, h / 2, h / 4),
        means=tuple(means.tolist()),
        errors=tuple(_error(chain_means).tolist()),
        biases=tuple((means - limit).tolist()),
        bias_errors=tuple(_error(chain_means - chain_limits).tolist()),
        limit=limit,
        limit_error=float(_error(np.asarray(chain_limits))),
        exact=exact,
        exact_error=exact_error,
    )


def _error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean over the last axis."""
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))


@full_matmul_precision
@eqx.filter_jit
def _mean_energies(
    energy: Energy, x: Float[Array, "chains dim"], h: Scalar, num_steps: int, key: Key
) -> Float[Array, "3 chains"]:
    """Return each chain's mean of E over the second half of the time, at h, h/2 and h/4."""

    def advance(x: Array, noises: Float[Array, "steps chains dim"]) -> Array:
        """Take one step per noise, in the time of one step of size h."""
        kernel = Langevin(h / len(noises))
        move = jax.vmap(kernel.move, in_axes=(None, 0, 0))
        for noise in noises:
            states = jax.vmap(kernel.init, in_axes=(None, 0))(energy, x)
            x = move(energy, states, noise).x
        return x

    def body(carry: tuple, inputs: tuple) -> tuple[tuple, None]:
        chains, totals = carry
        index, step_key = inputs
        fine = jr.normal(step_key, (_NUM_FINE, *x.shape))
        halves = (fine[::2] + fine[1::2]) / jnp.sqrt(2.0)
        full = (halves[:1] + halves[1:]) / jnp.sqrt(2.0)
        noises = (full, halves, fine)
        chains = jnp.stack([advance(*pair) for pair in zip(chains, noises, strict=True)])
        energies = jax.vmap(jax.vmap(energy))(chains)
        return (chains, totals + jnp.where(index >= num_steps // 2, energies, 0.0)), None

    start = (jnp.stack([x] * 3), jnp.zeros((3, x.shape[0])))
    inputs = (jnp.arange(num_steps), jr.split(key, num_steps))
    (_, totals), _ = jax.lax.scan(body, start, inputs)
    return totals / (num_steps - num_steps // 2)
