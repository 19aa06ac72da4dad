"""Annealed Langevin dynamics."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ebmark.energies import Energy, Point
from ebmark.samplers._base import AbstractUnadjusted


class AnnealedState(NamedTuple):
    """The point of a chain and the number of its steps."""

    x: Point
    steps: Int[Array, ""]


class AnnealedLangevin(AbstractUnadjusted):
    r"""Langevin dynamics with a temperature that decreases to 1.

    $$ x' = x - h \nabla E(x) + \sqrt{2 h T_i}\, \xi, \quad
       T_i = T^{\max(0, 1 - i/n)} $$

    Step $i$ is a Langevin step of size $h T_i$ on $E / T_i$. After `num_annealing` $= n$ steps it
    is plain Langevin. The mode weights stay near those at the temperature below which chains no
    longer cross the barriers.

    References: Kirkpatrick, Gelatt & Vecchi (1983), Optimization by simulated annealing; Song &
    Ermon (2019), for annealing over noise levels instead of temperatures.
    """

    step_size: float | Float[Array, ""]
    temperature: float = eqx.field(static=True, default=20.0)
    num_annealing: int = eqx.field(static=True, default=400)

    def init(self, energy: Energy, x: Point) -> AnnealedState:
        del energy
        return AnnealedState(x, jnp.array(0))

    def move(self, energy: Energy, state: AnnealedState, noise: Point) -> AnnealedState:
        remaining = jnp.maximum(0.0, 1 - state.steps / self.num_annealing)
        variance = 2 * self.step_size * self.temperature**remaining
        drift = -self.step_size * jax.grad(energy)(state.x)
        x = state.x + drift + jnp.sqrt(variance) * noise
        return AnnealedState(x, state.steps + 1)
