"""Coordinates of median 0 and a robust standard deviation of 1."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

# the interquartile range of N(0, 1)
_IQR = 1.349
# the range of the central 90% of N(0, 1)
_CENTRAL_RANGE = 3.29
# the scale of a peaked column is at least this fraction of that of its central 90%
_MIN_FRACTION = 0.1


class RobustStandardizer(NamedTuple):
    r"""The map z = (x - median) / scale from data units to robustly standardized units, in float64.

    $$ s = \mathrm{IQR} / 1.349 $$

    which is the standard deviation of a Gaussian. It is at least a tenth of the central 90% range
    / 3.29, and where both are 0, the median distance from the median of the values that differ
    from it. No single point has an influence on the scale unless it is the only one that differs.

    Attributes:
        median: The medians, in data units.
        scale: The robust standard deviations, in data units; 1 for a constant column.

    Example:
        >>> units = RobustStandardizer.fit([[0.0], [1.0], [2.0], [3.0], [1e9]])
        >>> units.median.tolist(), units.scale.round(2).tolist()
        ([2.0], [1.48])
    """

    median: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]

    @classmethod
    def fit(cls, x: ArrayLike) -> "RobustStandardizer":
        """Compute the map under which the points have median 0 and a robust deviation of 1.

        Args:
            x: The points, in data units.

        Raises:
            ValueError: If `x` is not of shape (n, dim), empty or not finite.
        """
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or not x.size or not np.isfinite(x).all():
            raise ValueError(f"'x' must have shape (n, dim) and be finite, got {x.shape}.")
        median = np.median(x, axis=0)
        # of the centered points: an offset takes no digits
        z = x - median
        quarter, three_quarters = np.quantile(z, [0.25, 0.75], axis=0)
        # the nearest inner values: no interpolation towards an outlier
        low = np.quantile(z, 0.05, axis=0, method="higher")
        high = np.quantile(z, 0.95, axis=0, method="lower")
        scale = np.maximum(
            (three_quarters - quarter) / _IQR, _MIN_FRACTION * (high - low) / _CENTRAL_RANGE
        )
        for column in np.flatnonzero(~(scale > 0)):
            distances = np.abs(z[:, column])
            distances = distances[distances > 0]
            scale[column] = np.quantile(distances, 0.5, method="lower") if len(distances) else 1.0
        return cls(median, scale)

    def transform(self, x: ArrayLike) -> Float[np.ndarray, "n dim"]:
        """Map points from data units to robustly standardized units."""
        return (np.asarray(x, np.float64) - self.median) / self.scale
