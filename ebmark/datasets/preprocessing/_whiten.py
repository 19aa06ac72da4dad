"""Coordinates of mean 0 and covariance I."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets.preprocessing._standardize import Standardizer, row_blocks

# of the eigenvalues of the correlation matrix, whose mean is 1
_MIN_EIGENVALUE = 1e-6


class Whitener(NamedTuple):
    r"""The map from data units to whitened coordinates, in float64.

    $$ z = V \Lambda^{-1/2} V^\top D^{-1} (x - m), \quad
       D^{-1} (C - m m^\top) D^{-1} = V \Lambda V^\top $$

    D holds the standard deviations, $V \Lambda V^\top$ is the PCA of the standardized columns. The
    last rotation by V keeps each coordinate as close to its column as whitening allows (ZCA-cor),
    so that the coordinates depend neither on the signs nor on the order of the eigenvectors.

    Two rules keep directions without variance from being scaled up. Of n points, the n / 2 largest
    eigenvalues are used, and the others are replaced by their mean, as in probabilistic PCA. All
    are at least 1e-6 of their mean, so that the condition number of $V \Lambda^{1/2} V^\top$ is at
    most $10^3 \sqrt d$. Otherwise an invertible linear map of the data rotates z and changes
    nothing else.

    Attributes:
        mean: The mean of the training points, in data units.
        scale: Their standard deviations, in data units.
        axes: The eigenvectors V, one per column.
        lengths: The square roots of the eigenvalues after shrinkage.

    References: Kessy, Lewin & Strimmer (2018), Optimal whitening and decorrelation; Tipping &
    Bishop (1999), Probabilistic principal component analysis.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3)) @ np.triu(np.ones((3, 3)))
        >>> z = Whitener.fit(x).transform(x)
        >>> bool(np.allclose(z.T @ z / 100, np.eye(3)))
        True
    """

    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]
    axes: Float[np.ndarray, "dim dim"]
    lengths: Float[np.ndarray, " dim"]

    @classmethod
    def fit(cls, x: ArrayLike) -> "Whitener":
        """Compute the map under which the points have mean 0 and covariance I, up to shrinkage.

        Args:
            x: The points, in data units: an array of any real type, or a data frame.

        Raises:
            ValueError: If `x` is not of shape (n, dim) or a coordinate is constant or not finite.
        """
        standardizer = Standardizer.fit(x)
        x = np.asarray(x)
        moments = np.zeros((x.shape[1], x.shape[1]))
        for rows in row_blocks(len(x)):
            z = standardizer.transform(x[rows])
            moments += z.T @ z
        eigenvalues, axes = np.linalg.eigh(moments / len(x))
        # in ascending order
        num_shrunk = max(0, len(eigenvalues) - len(x) // 2)
        if num_shrunk:
            eigenvalues[:num_shrunk] = eigenvalues[:num_shrunk].mean()
        lengths = np.sqrt(np.maximum(eigenvalues, _MIN_EIGENVALUE))
        return cls(*standardizer, axes, lengths)

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return len(self.mean)

    @property
    def log_jacobian(self) -> float:
        """The log determinant of dx / dz: what an energy gains when expressed in data units."""
        return self._standardizer.log_jacobian + float(np.sum(np.log(self.lengths)))

    @property
    def _standardizer(self) -> Standardizer:
        return Standardizer(self.mean, self.scale)

    def transform(self, x: ArrayLike) -> Float[np.ndarray, "n dim"]:
        """Map points from data units to whitened coordinates."""
        return self._stretch(self._standardizer.transform(x), 1 / self.lengths)

    def inverse_transform(self, z: ArrayLike) -> Float[np.ndarray, "*n dim"]:
        """Map points from whitened coordinates to data units."""
        return self._standardizer.inverse_transform(self._stretch(z, self.lengths))

    def inverse_transform_gradients(self, gradients: ArrayLike) -> Float[np.ndarray, "*n dim"]:
        """Map gradients in z, of energies or log-densities, to gradients in x."""
        stretched = self._stretch(gradients, 1 / self.lengths)
        return self._standardizer.inverse_transform_gradients(stretched)

    def _stretch(
        self, z: ArrayLike, factors: Float[np.ndarray, " dim"]
    ) -> Float[np.ndarray, "*n dim"]:
        """Multiply the components along the axes; the map is its own transpose."""
        along_axes = np.asarray(z, np.float64) @ self.axes
        along_axes *= factors
        return along_axes @ self.axes.T
