"""Checks of what `train` is given: the recipe, the data and the energy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.preprocessing import as_points
from ebmark.energies import Energy
from ebmark.energies import check_energy as check_network
from ebmark.methods import AbstractBaseline, Recipe
from ebmark.methods.external import AbstractExternalMethod

# of a column of roughly standardized data: largest |mean|, smallest and largest standard deviation
_MAX_MEAN = 5.0
_MIN_STD = 0.1
_MAX_STD = 10.0


def check_recipe(recipe: Recipe) -> None:
    """Raise TypeError if `recipe` is not a Recipe."""
    if not isinstance(recipe, Recipe):
        raise TypeError(
            f"'recipe' must be a Recipe, got {type(recipe).__name__}. "
            "Pass METHODS[name] or Recipe(method=...)."
        )


def as_standardized(data: Any) -> Float[Array, "n dim"]:
    """Return data as an array after checking that they are finite and roughly standardized.

    Args:
        data: points, one per row: an array, nested lists or a data frame. A JAX array of floats is
            returned unchanged. Constant columns are accepted.

    Raises:
        ValueError: `data` are not numbers of shape (n, dim), not finite or not standardized.
    """
    points = as_points(data, name="data")
    if len(points) == 0:
        raise ValueError(f"'data' must have shape (n, dim) with n > 0, got {points.shape}.")
    if not np.isfinite(points).all():
        row, column = np.argwhere(~np.isfinite(points))[0]
        raise ValueError(
            f"'data' must be finite, got {points[row, column]} in row {row + 1}, column "
            f"{column + 1}. Remove or impute such rows."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        mean = points.mean(axis=0)
        std = points.std(axis=0)
        is_standard = (np.abs(mean) <= _MAX_MEAN) & (std >= _MIN_STD) & (std <= _MAX_STD)
    is_standard |= (np.ptp(points, axis=0) == 0) & (np.abs(mean) <= _MAX_MEAN)
    if not is_standard.all():
        column = int(np.argmin(is_standard))
        raise ValueError(
            f"'data' must be standardized, got mean {mean[column]:.3g} and standard deviation "
            f"{std[column]:.3g} in column {column + 1}. Pass Standardizer.fit(x).transform(x)."
        )
    if isinstance(data, jax.Array) and jnp.issubdtype(data.dtype, jnp.floating):
        return data
    return jnp.asarray(points, jnp.float32)


def check_energy(energy: Energy, recipe: Recipe, dim: int) -> None:
    """Check that an energy maps one point to a scalar and has arrays to train.

    Baselines and external libraries ignore the energy, so that it is not checked for these.

    Args:
        energy: the initial energy.
        recipe: what trains it; its method may add inputs to the point.
        dim: dimension of the data.

    Raises:
        TypeError: `energy` is not callable.
        ValueError: it does not map one point to a scalar, or has no trainable arrays.
    """
    if not isinstance(recipe.method, AbstractBaseline | AbstractExternalMethod):
        check_network(energy, dim + recipe.method.num_extra_inputs)
