"""Short forms of methods for users: a loss of chains, and a loss as a function."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Energy, Key, stop_gradient
from ebmark.methods._base import AbstractMethod
from ebmark.methods.families._mcmc import CHAIN_LIMITS, AbstractHMCMethod
from ebmark.samplers import HMC, run_chains

Energies: TypeAlias = Callable[[Float[Array, "n dim"]], Float[Array, " n"]]


class CDState(NamedTuple):
    """Step size h of the chains, in standardized units."""

    step_size: Scalar


class ChainMethod(AbstractHMCMethod):
    r"""A method whose negatives are end points of short MCMC chains from the data.

    A subclass implements `contrast`. No gradient flows through the chains.

    Attributes:
        num_steps: Chain length k.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the chains are Metropolis-adjusted (MALA).
        num_leapfrogs: Largest number of leapfrog steps per transition; above 1 the chains are HMC.
        target_acceptance: Acceptance rate to which the step size is adapted while training; None
            for a fixed step size.
        antithetic: Whether two HMC chains start at each data point, with opposite momenta in each
            transition: the terms of first order in the step size cancel in their mean.

    Example:
        >>> import jax.numpy as jnp
        >>> class CD(ChainMethod):
        ...     def contrast(self, energy, batch, negatives):
        ...         return jnp.mean(energy(batch)) - jnp.mean(energy(negatives))
        >>> CD(num_steps=5).num_steps
        5
    """

    limits = CHAIN_LIMITS

    num_steps: int = eqx.field(static=True, default=10)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)
    num_leapfrogs: int = eqx.field(static=True, default=1)
    target_acceptance: float | None = None
    antithetic: bool = eqx.field(static=True, default=False)

    @abc.abstractmethod
    def contrast(
        self, energy: Energies, batch: Float[Array, "n dim"], negatives: Float[Array, "m dim"]
    ) -> Scalar:
        """Return the loss, whose gradient in `energy` is the update direction.

        Args:
            energy: The energies (n,) of points (n, dim), standardized.
            batch: Training points.
            negatives: End points of the chains, twice as many as points if `antithetic`.
        """

    def init(self, data, key):
        return CDState(default_step_size(local_scale(data, key), self.step_size))

    def negatives(
        self, energy: Energy, batch: Float[Array, "n dim"], state: Any, key: Key
    ) -> tuple[Float[Array, "negatives dim"], Any]:
        """Return the end points of chains from a batch, and the state with an adapted step size."""
        kernel, frozen = self.kernel(state), stop_gradient(energy)
        chains = run_chains(kernel, frozen, batch, self.num_steps, key)
        if self.antithetic and isinstance(kernel, HMC):
            mirrored = dataclasses.replace(kernel, mirrored=True)
            others = run_chains(mirrored, frozen, batch, self.num_steps, key)
            chains = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), chains, others)
        return chains.x, self.adapt_step_size(state, chains)

    def loss(self, energy, batch, state, key):
        negatives, state = self.negatives(energy, batch, state, key)
        return self.contrast(jax.vmap(energy), batch, negatives), state

    def network_evaluations(self, batch_size, dim):
        one = super().network_evaluations(batch_size, dim)
        # the data term is evaluated once
        return 2 * one - 3 * batch_size if self.antithetic and self.is_hmc else one


def method(
    loss: Callable[[Energies, Float[Array, "n dim"], Key], Scalar],
    *,
    name: str | None = None,
    network_evaluations: float = 3,
) -> AbstractMethod:
    """Make a method of a loss without state or hyperparameters.

    Args:
        loss: `loss(energy, x, key)` returns a scalar; `energy` maps points (n, dim) to (n,), `x` is
            a batch of standardized training points.
        name: what it is called; by default the name of the function.
        network_evaluations: forward passes of one point per data point and update: a gradient in
            the parameters counts as 3, in x as 2.

    Example:
        >>> import jax.numpy as jnp
        >>> method(lambda energy, x, key: jnp.mean(energy(x)), name="mean_energy")
        mean_energy()
    """
    label = name or loss.__name__.replace("<lambda>", "own_loss")

    class FunctionMethod(AbstractMethod):
        def loss(self, energy, batch, state, key):
            return loss(jax.vmap(energy), batch, key), state

        def network_evaluations(self, batch_size, dim):
            del dim
            return network_evaluations * batch_size

        def gaussian_precision(self, variance, state):
            del variance, state

    FunctionMethod.__name__ = FunctionMethod.__qualname__ = label
    FunctionMethod.__doc__ = loss.__doc__ or f"The loss {label}."
    FunctionMethod.function = loss  # pyright: ignore[reportAttributeAccessIssue]
    return FunctionMethod()
