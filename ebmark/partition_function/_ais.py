"""log Z by annealed importance sampling from both sides: a bracket, for any dimension."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key
from ebmark.samplers import MALA
from ebmark.system.devices import full_matmul_precision

_GAP = 0.5  # nats between the bounds beyond which the bracket has failed


class Bracket(NamedTuple):
    """Bounds on log Z, each right up to sampling error, and an estimate between them."""

    lower: float
    estimate: float
    upper: float

    @property
    def failed(self) -> bool:
        """Whether the bounds are too far apart, or crossed, to be believed."""
        return not -0.1 < self.upper - self.lower < _GAP


def log_z_bracket(
    energy: Energy,
    samples: Float[Array, "chains dim"],
    key: Key,
    *,
    num_levels: int = 500,
    step_size: float = 0.02,
) -> Bracket:
    r"""Bounds on $\log Z = \log \int e^{-E}$ from a normal's known one, along a geometric path.

    $$ E_\beta = (1 - \beta) \tfrac12 |x|^2 + \beta E, \quad
       \log w = \sum_i (\beta_{i+1} - \beta_i)(\tfrac12 |x_i|^2 - E(x_i)), \quad
       \mathbb{E}[\log w] + \log Z_0 \le \log Z \le -\mathbb{E}[\log w_{rev}] + \log Z_0 $$

    Forward from N(0, I), in standardised units; in reverse from `samples` of exp(-E) / Z, which
    must be good ones (exact, or of parallel tempering): the upper bound is as good as they are.
    One adjusted Langevin move a level, of step `step_size` at the end and ten times it at first.

    Neal (2001), Annealed importance sampling; Grosse, Ghahramani & Adams (2015), Sandwiching the
    marginal likelihood using bidirectional Monte Carlo.
    """
    dim = samples.shape[1]
    forward_key, start_key, back_key = jr.split(key, 3)
    start = jr.normal(start_key, samples.shape)
    betas = _levels(num_levels)
    forward = np.asarray(_annealed(energy, start, betas, step_size, forward_key), np.float64)
    back = np.asarray(_annealed(energy, samples, betas[::-1], step_size, back_key), np.float64)
    bounds = forward.mean(), _log_mean_exp(forward), -back.mean()
    return Bracket(*(float(value + _log_z0(dim)) for value in bounds))


def log_z_annealed(
    energy: Energy, num: int, dim: int, key: Key, *, num_levels: int = 500, step_size: float = 0.02
) -> float:
    r"""$\log Z$ by the forward half alone: unbiased for Z, and too low where chains miss a mode."""
    start_key, key = jr.split(key)
    start = jr.normal(start_key, (num, dim))
    log_w = _annealed(energy, start, _levels(num_levels), step_size, key)
    return float(_log_mean_exp(np.asarray(log_w, np.float64)) + _log_z0(dim))


def _levels(num: int) -> Float[Array, " levels"]:
    return jnp.linspace(0.0, 1.0, num + 1) ** 2  # finer where the base is left


def _log_z0(dim: int) -> float:
    """Of the base N(0, I), whose energy is |x|^2 / 2."""
    return 0.5 * dim * np.log(2 * np.pi)


def _log_mean_exp(values: np.ndarray) -> float:
    highest = values.max()
    return highest + np.log(np.mean(np.exp(values - highest)))


@full_matmul_precision
@eqx.filter_jit
def _annealed(energy: Energy, x, betas, step_size, key):
    """The log-weights of chains that follow the path of `betas`."""

    def between(beta):
        return lambda x: (1 - beta) * 0.5 * x @ x + beta * energy(x)

    def level(carry, numbered):
        x, log_w = carry
        beta, following, step_key = numbered
        gap = jax.vmap(lambda x: 0.5 * x @ x - energy(x))(x)
        log_w = log_w + (following - beta) * gap
        kernel = MALA(step_size * 10 ** (1 - following))
        target, keys = between(following), jr.split(step_key, x.shape[0])
        states = jax.vmap(kernel.init, in_axes=(None, 0))(target, x)
        x = jax.vmap(kernel.step, in_axes=(None, 0, 0))(target, states, keys).x
        return (x, log_w), None

    keys = jr.split(key, len(betas) - 1)
    start = (x, jnp.zeros(x.shape[0]))
    return jax.lax.scan(level, start, (betas[:-1], betas[1:], keys))[0][1]
