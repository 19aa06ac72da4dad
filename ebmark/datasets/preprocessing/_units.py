"""The choice of the units of training."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets.preprocessing._standardize import Standardizer, row_blocks
from ebmark.datasets.preprocessing._whiten import Whitener

Units: TypeAlias = Standardizer | Whitener


def fit_units(x: ArrayLike) -> Units:
    """Compute the map from data units to standardized units, which are whitened for d > 2.

    Args:
        x: The training points, in data units: an array of any real type, or a data frame.

    Raises:
        ValueError: If `x` is not of shape (n, dim) or a coordinate is constant or not finite.

    Example:
        >>> type(fit_units([[0.0, 1.0], [1.0, 0.0]])).__name__
        'Standardizer'
    """
    num_columns = np.shape(x)[1] if np.ndim(x) == 2 else 1
    return Standardizer.fit(x) if num_columns <= 2 else Whitener.fit(x)


def as_float32(units: Units, x: ArrayLike) -> Float[np.ndarray, "n dim"]:
    """Return points in the units of the energy's argument, standardized in float64.

    Blocks of rows are standardized one by one, as float64 takes twice the memory of the result.
    """
    x = np.asarray(x)
    z = np.empty(x.shape, np.float32)
    for rows in row_blocks(len(x)):
        z[rows] = units.transform(x[rows])
    return z
