"""Coordinates of mean 0 and standard deviation 1."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

_BLOCK = 65_536


def row_blocks(num: int) -> Iterator[slice]:
    """Yield slices of rows, which are standardized at a time: float64 of all takes much memory."""
    return (slice(start, start + _BLOCK) for start in range(0, num, _BLOCK))


def column_std(x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " dim"]:
    """Compute the standard deviation of each column, without a second array of all points."""
    return np.array([column.std() for column in x.T])


class Standardizer(NamedTuple):
    """The map z = (x - mean) / scale from data units to standardized coordinates, in float64.

    Attributes:
        mean: The mean of the training points, in data units.
        scale: Their standard deviations, in data units.

    Example:
        >>> scaler = Standardizer.fit(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> scaler.transform(np.array([[2.0, 30.0]])).tolist()
        [[0.0, 1.0]]
    """

    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]

    @classmethod
    def fit(cls, x: ArrayLike) -> "Standardizer":
        """Compute the map under which the points have mean 0 and standard deviation 1.

        Args:
            x: The points, in data units: an array of any real type, or a data frame.

        Raises:
            ValueError: If `x` is not of shape (n, dim) or a coordinate is constant or not finite.
        """
        x = np.asarray(x, np.float64, order="C")
        if x.ndim != 2:
            raise ValueError(f"'x' must have shape (n, dim), got {x.shape}.")
        scale = column_std(x)
        # rounding gives a constant column a positive standard deviation
        scale = np.where(np.ptp(x, axis=0) > 0, scale, 0.0)
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(
                f"'x' must be finite and vary in every column, got standard deviations {scale}."
            )
        return cls(x.mean(axis=0), scale)

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return len(self.mean)

    @property
    def log_jacobian(self) -> float:
        """The sum of log scale: what an energy gains when it is expressed in data units."""
        return float(np.sum(np.log(self.scale)))

    def transform(self, x: ArrayLike) -> Float[np.ndarray, "n dim"]:
        """Map points from data units to standardized coordinates."""
        z = np.asarray(x, np.float64) - self.mean
        z /= self.scale
        return z

    def inverse_transform(self, z: ArrayLike) -> Float[np.ndarray, "*n dim"]:
        """Map points from standardized coordinates to data units."""
        return np.asarray(z, np.float64) * self.scale + self.mean

    def inverse_transform_gradients(self, gradients: ArrayLike) -> Float[np.ndarray, "*n dim"]:
        """Map gradients in z, of energies or log-densities, to gradients in x."""
        return np.asarray(gradients, np.float64) / self.scale
