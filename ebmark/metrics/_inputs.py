"""Check of the two samples that a metric compares."""

import numpy as np
from jaxtyping import Float


def are_finite(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> bool:
    """Return whether all coordinates of both samples are finite; a metric is NaN otherwise.

    Raises:
        ValueError: If they are not two arrays of points with the same dimension.
    """
    if np.ndim(x) != 2 or np.ndim(y) != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"'x' and 'y' must have shapes (n, dim) and (m, dim), got {np.shape(x)} and "
            f"{np.shape(y)}."
        )
    if len(x) == 0 or len(y) == 0:
        raise ValueError(f"'x' and 'y' must have at least one point, got {len(x)} and {len(y)}.")
    return bool(np.isfinite(x).all() and np.isfinite(y).all())
