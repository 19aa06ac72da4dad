"""A grid of equal cells over a box."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Grid(NamedTuple):
    """Midpoints of equal cells of a box; on smooth functions their sum converges very fast."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    nodes: int  # a side

    @property
    def axes(self) -> list[Float[np.ndarray, " nodes"]]:
        """The coordinates of the nodes, an array a dimension."""
        cells = (np.arange(self.nodes) + 0.5) / self.nodes
        return [lo + (hi - lo) * cells for lo, hi in zip(self.lower, self.upper, strict=True)]

    @property
    def spacing(self) -> Float[np.ndarray, " dim"]:
        """The sides of a cell."""
        return (np.array(self.upper) - np.array(self.lower)) / self.nodes

    @property
    def cell(self) -> float:
        """The volume of a cell."""
        return float(np.prod(self.spacing))

    def points(self) -> Float[np.ndarray, "points dim"]:
        """All nodes, the last coordinate running fastest."""
        mesh = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([axis.ravel() for axis in mesh], axis=-1)

    def resized(self, *, width: float = 1.0, nodes: float = 1.0) -> "Grid":
        """The box `width` times as wide about its middle, with `nodes` times as many nodes."""
        ends = [
            ((lo + hi) / 2, width * (hi - lo) / 2)
            for lo, hi in zip(self.lower, self.upper, strict=True)
        ]
        lower, upper = tuple(m - h for m, h in ends), tuple(m + h for m, h in ends)
        return Grid(lower, upper, round(self.nodes * nodes))
