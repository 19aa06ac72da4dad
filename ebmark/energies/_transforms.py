"""Energies made of an energy: shifted, in other units, without gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree, Scalar

from ebmark.energies._types import Energy, Point


class Offset(eqx.Module):
    r"""An energy and a free constant: $E(x) + c$, with $c \to \log Z$ under NCE."""

    energy: Energy
    constant: Scalar

    def __call__(self, x: Point) -> Scalar:
        return self.energy(x) + self.constant


class StandardizedEnergy(eqx.Module):
    r"""An energy learned in standardised units, reported in the user's.

    $$ E(x) = E_{std}((x - m) / s) + \sum_i \log s_i $$

    The last term is the Jacobian: exp(-E) keeps its integral, so log Z is that of $E_{std}$.
    """

    energy: Energy
    mean: Point
    scale: Point

    def __call__(self, x: Point) -> Scalar:
        log_jacobian = jnp.sum(jnp.log(jax.lax.stop_gradient(self.scale)))
        return self.energy((x - self.mean) / self.scale) + log_jacobian


def stop_gradient(energy: PyTree) -> PyTree:
    """The same energy, with no gradient flowing to its parameters.

    Chains are run on it, so that a scan over their steps is never linearised in the parameters.
    """
    return jax.tree.map(lambda a: jax.lax.stop_gradient(a) if eqx.is_array(a) else a, energy)
