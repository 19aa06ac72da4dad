"""Log-densities on a coarse grid, in 16 bits: what a report shows of each snapshot of a run."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt16

# nats below the largest value from which on values are cut off
_RANGE = 400.0
_MAX_CODE = 2**16 - 1

Ends = Float[np.ndarray, " 2"]


class Maps(NamedTuple):
    """The maps of a run, on one grid in data units; a 1-D map has one column.

    Attributes:
        x: the grid points of the first coordinate.
        y: those of the second.
        steps: number of updates of each snapshot.
        log_density: the normalized log-density of each snapshot, in nats.
        target: that of the target; None if it is not known.
        modes: the mode of the target that a grid point belongs to, from 0; None without target.
    """

    x: Float[np.ndarray, " x"]
    y: Float[np.ndarray, " y"]
    steps: Int[np.ndarray, " maps"]
    log_density: Float[np.ndarray, "maps x y"]
    target: Float[np.ndarray, "x y"] | None
    modes: Int[np.ndarray, "x y"] | None


def encode(values: Float[np.ndarray, "x y"]) -> tuple[UInt16[np.ndarray, "x y"], Ends]:
    r"""Round a map to 16 bits between its minimum and its maximum, and take second differences.

    $$ c = \mathrm{round}\left((2^{16} - 1) \frac{v - low}{high - low}\right), \quad
       d_{ij} = c_{ij} - c_{i-1,j} - c_{i,j-1} + c_{i-1,j-1} \mod 2^{16} $$

    Differences of a smooth map are small, so that files of them are a third as large; those of
    both signs are stored as even and odd numbers. Values more than 400 nats below the maximum are
    cut off there, so that the error is at most 0.004 nats.

    Args:
        values: the map, in nats.

    Returns:
        The differences, and the values of the smallest and of the largest code.

    Example:
        >>> codes, ends = encode(np.array([[0.0, 1.0, 2.0]]))
        >>> decode(codes, ends).round(4).tolist()
        [[0.0, 1.0, 2.0]]
    """
    high = np.max(values)
    low = max(np.min(values), high - _RANGE)
    scaled = (np.clip(values, low, high) - low) / max(high - low, 1e-9)
    codes = np.rint(_MAX_CODE * np.nan_to_num(scaled)).astype(np.uint16)
    rows = np.diff(codes, axis=0, prepend=np.uint16(0))
    signed = np.diff(rows, axis=1, prepend=np.uint16(0)).view(np.int16)
    return ((signed << 1) ^ (signed >> 15)).view(np.uint16), np.array([low, high], np.float64)


def decode(codes: UInt16[np.ndarray, "x y"], ends: Ends) -> Float[np.ndarray, "x y"]:
    """Return the map that `encode` encoded."""
    signed = (codes >> 1) ^ (-(codes & 1).astype(np.int16)).view(np.uint16)
    levels = signed.cumsum(axis=0, dtype=np.uint16).cumsum(axis=1, dtype=np.uint16)
    return ends[0] + levels / _MAX_CODE * (ends[1] - ends[0])


def read_maps(arrays: Mapping[str, np.ndarray]) -> Maps | None:
    """Return the maps among the arrays of a run; None if it has none."""
    if not {"map_x", "map_y", "map_steps", "maps", "map_ends"} <= set(arrays):
        return None
    maps = [decode(*pair) for pair in zip(arrays["maps"], arrays["map_ends"], strict=True)]
    has_target = {"target_map", "target_map_ends", "map_modes"} <= set(arrays)
    return Maps(
        arrays["map_x"],
        arrays["map_y"],
        arrays["map_steps"],
        np.stack(maps),
        decode(arrays["target_map"], arrays["target_map_ends"]) if has_target else None,
        arrays["map_modes"] if has_target else None,
    )
