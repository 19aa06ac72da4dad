"""Hamiltonian Monte Carlo."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, Scalar

from ebmark.energies import Energy, Key, Point, cast_like
from ebmark.samplers._base import AbstractSampler


class HMCState(NamedTuple):
    """The point of a chain, its energy and gradient, and whether the last proposal was accepted."""

    x: Point
    energy: Scalar
    gradient: Point
    accepted: Bool[Array, ""]


class HMC(AbstractSampler):
    r"""Hamiltonian Monte Carlo: several leapfrog steps, accepted or rejected; exact.

    $$ p \sim N(0, I), \quad (x', p') = \mathrm{leapfrog}^{n}_{\epsilon}(x, p), \quad
       \alpha = \min\left(1, e^{E(x) + |p|^2/2 - E(x') - |p'|^2/2}\right), \quad
       \epsilon = \sqrt{2h} $$

    The number of leapfrog steps $n$ is uniform on $\lceil L/2 \rceil, \dots, L$ with
    $L$ = `num_leapfrogs`, drawn independently of the point. Trajectories of one length resonate:
    on a Gaussian, one of half a period only reflects the point. `step_size` is $h$, so that HMC
    with $L = 1$ is MALA with the same $h$. The best acceptance rate is 0.65 to 0.8. A proposal
    whose energy is not finite is rejected. With `mirrored`, momenta have the opposite sign: the
    transition is antithetic to that of the same key.

    References: Duane, Kennedy, Pendleton & Roweth (1987), Hybrid Monte Carlo; Mackenzie (1989), An
    improved hybrid Monte Carlo method; Neal (2011), MCMC using Hamiltonian dynamics, section 3.2.
    """

    step_size: float | Float[Array, ""]
    num_leapfrogs: int = eqx.field(static=True, default=8)
    mirrored: bool = eqx.field(static=True, default=False)

    def init(self, energy: Energy, x: Point) -> HMCState:
        value, gradient = jax.value_and_grad(energy)(x)
        return HMCState(x, value, gradient, jnp.array(True))

    def step(self, energy: Energy, state: HMCState, key: Key) -> HMCState:
        epsilon = jnp.sqrt(2 * self.step_size)
        momentum_key, accept_key, length_key = jr.split(key, 3)
        start = jr.normal(momentum_key, state.x.shape, state.x.dtype)
        start = -start if self.mirrored else start

        def leapfrog(_: Int[Array, ""], phase: tuple) -> tuple:
            x, p, _, gradient = phase
            p = p - epsilon / 2 * gradient
            x = x + epsilon * p
            value, gradient = jax.value_and_grad(energy)(x)
            return cast_like((x, p - epsilon / 2 * gradient, value, gradient), phase)

        phase = (state.x, start, state.energy, state.gradient)
        shortest = (self.num_leapfrogs + 1) // 2
        length = jr.randint(length_key, (), shortest, self.num_leapfrogs + 1)
        x, p, value, gradient = jax.lax.fori_loop(0, length, leapfrog, phase)
        log_ratio = (state.energy - value) + 0.5 * (start @ start - p @ p)
        # NaN compares false, so such a proposal is rejected
        accepted = jnp.log(jr.uniform(accept_key)) < log_ratio
        proposal = HMCState(x, value, gradient, accepted)
        stay = state._replace(accepted=accepted)
        return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), proposal, stay)
