"""A grid of equal cells over a box, for quadrature by midpoints."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Grid(NamedTuple):
    """Midpoints of the equal cells of a box; midpoint sums converge fast for smooth functions.

    Attributes:
        lower: The lower corner of the box.
        upper: The upper corner of the box.
        points_per_axis: Number of cells per axis.

    Example:
        >>> Grid((0.0,), (1.0,), points_per_axis=2).points().tolist()
        [[0.25], [0.75]]
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    points_per_axis: int

    @property
    def axes(self) -> list[Float[np.ndarray, " points_per_axis"]]:
        """The coordinates of the grid points, one array per dimension."""
        midpoints = (np.arange(self.points_per_axis) + 0.5) / self.points_per_axis
        return [lo + (hi - lo) * midpoints for lo, hi in zip(self.lower, self.upper, strict=True)]

    @property
    def spacing(self) -> Float[np.ndarray, " dim"]:
        """The sides of a cell."""
        return (np.array(self.upper) - np.array(self.lower)) / self.points_per_axis

    @property
    def cell(self) -> float:
        """The volume of a cell."""
        return float(np.prod(self.spacing))

    def points(self) -> Float[np.ndarray, "points dim"]:
        """Return all grid points; the last coordinate varies fastest."""
        mesh = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([axis.ravel() for axis in mesh], axis=-1)

    def resized(self, *, width: float = 1.0, points: float = 1.0) -> "Grid":
        """Return a grid on a box of another size around the same center.

        Args:
            width: Factor of the sides of the box.
            points: Factor of the number of points per axis.
        """
        num = round(self.points_per_axis * points)
        # no digit of the corners is lost
        if width == 1.0:
            return self._replace(points_per_axis=num)
        ends = list(zip(self.lower, self.upper, strict=True))
        centers = [(lo + hi) / 2 for lo, hi in ends]
        halves = [width * (hi - lo) / 2 for lo, hi in ends]
        lower = tuple(c - half for c, half in zip(centers, halves, strict=True))
        upper = tuple(c + half for c, half in zip(centers, halves, strict=True))
        return Grid(lower, upper, num)
