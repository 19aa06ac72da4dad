"""Annealed Langevin."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ebmark.energies import Point
from ebmark.samplers._base import AbstractUnadjusted


class AnnealedState(NamedTuple):
    x: Point
    steps: Int[Array, ""]


class AnnealedLangevin(AbstractUnadjusted):
    r"""Langevin that begins hot and cools: it crosses barriers first and settles later.

    $$ x' = x - h \nabla E(x) + \sqrt{2 h T_i}\, \xi, \quad
       T_i = T^{\max(0, 1 - i/n)} $$

    Step $i$ is Langevin of step $h T_i$ on $E / T_i$: the ladder is one of temperatures, as an
    energy $E(x)$ has no noise levels; after `num_annealing` $= n$ steps it is plain Langevin. The
    modes keep the masses that they had when the barriers closed.

    Kirkpatrick, Gelatt & Vecchi (1983), Optimization by simulated annealing; Song & Ermon (2019)
    for levels of noise.
    """

    step_size: float | Float[Array, ""]
    temperature: float = eqx.field(static=True, default=20.0)
    num_annealing: int = eqx.field(static=True, default=400)

    def init(self, energy, x):
        del energy
        return AnnealedState(x, jnp.array(0))

    def step(self, energy, state, noise):
        left = jnp.maximum(0.0, 1 - state.steps / self.num_annealing)
        heat = 2 * self.step_size * self.temperature**left
        drift = -self.step_size * jax.grad(energy)(state.x)
        x = state.x + drift + jnp.sqrt(heat) * noise
        return AnnealedState(x, state.steps + 1)
