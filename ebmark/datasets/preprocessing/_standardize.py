"""Coordinates of mean 0 and standard deviation 1."""

from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float


class Standardizer(NamedTuple):
    """The map z = (x - mean) / scale from the user's units to standardised ones, in float64."""

    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]

    @classmethod
    def fit(cls, x: Float[np.ndarray, "n dim"]) -> Self:
        """The map under which these points have mean 0 and standard deviation 1."""
        return cls(x.mean(axis=0), x.std(axis=0))

    @property
    def log_jacobian(self) -> float:
        """The sum of log scale: what an energy gains on its way to the user's units."""
        return float(np.sum(np.log(self.scale)))

    def transform(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """x -> z."""
        return (np.asarray(x, np.float64) - self.mean) / self.scale

    def inverse_transform(self, z: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """z -> x."""
        return np.asarray(z, np.float64) * self.scale + self.mean
