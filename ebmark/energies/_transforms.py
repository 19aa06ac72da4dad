"""Energies built from an energy: shifted, in other units, without gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Scalar

from ebmark.energies._types import Energy, Point


class Offset(eqx.Module):
    r"""An energy plus a trainable constant: $E(x) + c$, with $c \to \log Z$ under NCE."""

    energy: Energy
    constant: Scalar

    def __call__(self, x: Point) -> Scalar:
        return self.energy(x) + self.constant


class StandardizedEnergy(eqx.Module):
    r"""An energy of standardized points as a function of points in data units.

    $$ E(x) = E_{std}(V L^{-1} V^\top (x - m) / s) + \sum_i \log s_i + \sum_i \log l_i $$

    The last terms, the log of the Jacobian, keep the integral of exp(-E): log Z is that of
    $E_{std}$.

    Attributes:
        energy: $E_{std}$.
        mean: m, in data units.
        scale: s, in data units.
        axes: V, orthogonal; None for the identity in place of $V L^{-1} V^\top$.
        lengths: l, the diagonal of L.
    """

    energy: Energy
    mean: Point
    scale: Point
    axes: Float[Array, "dim dim"] | None = None
    lengths: Point | None = None

    def __call__(self, x: Point) -> Scalar:
        log_jacobian = jnp.sum(jnp.log(jax.lax.stop_gradient(self.scale)))
        z = (x - self.mean) / self.scale
        if self.axes is not None and self.lengths is not None:
            log_jacobian += jnp.sum(jnp.log(jax.lax.stop_gradient(self.lengths)))
            z = self.axes @ ((self.axes.T @ z) / self.lengths)
        return self.energy(z) + log_jacobian


def stop_gradient(energy: PyTree) -> PyTree:
    """Block gradients to the parameters of an energy; gradients in the point are kept.

    Chains run on such an energy, so that no scan over their steps is linearized in the parameters.

    Args:
        energy: Any PyTree.

    Returns:
        The same PyTree with `jax.lax.stop_gradient` applied to its arrays.
    """
    return jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, energy
    )


def cast_to_energy(energy: PyTree, x: Array) -> Array:
    """Cast points to the floating type of an energy's parameters, if it has any.

    With JAX_ENABLE_X64, an energy may be of float32 or float64. What is computed follows it.

    Args:
        energy: Any PyTree.
        x: Points of any real type.
    """
    parameters = jax.tree.leaves(eqx.filter(energy, eqx.is_inexact_array))
    if parameters:
        return jnp.asarray(x, jnp.result_type(*parameters))
    return x if jnp.issubdtype(x.dtype, jnp.floating) else jnp.asarray(x, float)


def cast_like(new: PyTree, old: PyTree) -> PyTree:
    """Cast the arrays of a tree to the types of another of the same structure.

    A compiled loop needs it where the noise of a step is of float64 and its state of float32.

    Args:
        new: A tree of arrays.
        old: The tree with the types.
    """
    return jax.tree.map(
        lambda leaf, like: leaf if leaf.dtype == like.dtype else leaf.astype(like.dtype), new, old
    )
