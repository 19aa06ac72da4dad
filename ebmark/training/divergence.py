"""Detection of diverging training."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from ebmark.energies import State
from ebmark.methods import Recipe


def explain_divergence(
    recipe: Recipe, params: PyTree, state: State, losses: Float[np.ndarray, " chunk"], step: int
) -> str | None:
    """Explain why training must stop after the updates from `step` on; None if it need not."""
    stop = step + len(losses)
    advice = f"Decrease learning_rate (currently {recipe.learning_rate:.3g})."
    if not np.isfinite(losses).all():
        first = step + int(np.argmin(np.isfinite(losses))) + 1
        return f"Training diverged: the loss is not finite at update {first}. {advice}"
    if not is_finite(params):
        return f"Training diverged: the parameters are not finite at update {stop}. {advice}"
    reason = recipe.method.check_divergence(losses, state)
    return None if reason is None else f"Training diverged at update {stop}: {reason}"


def is_finite(tree: PyTree) -> bool:
    """Whether all arrays of floats in a tree are finite, of NumPy as well as of JAX."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array_like))
    return all(np.isfinite(leaf).all() for leaf in leaves)
