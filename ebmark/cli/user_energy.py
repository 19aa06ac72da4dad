"""Anybody's energy function, from any framework: NumPy points in, energies out; how good is it?"""

import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ebmark.errors import UserError, shown
from ebmark.metrics.scores import Energies
from ebmark.studies.plugins import run_file

_BLOCK = 65_536  # points in a call

_TRIED = 7  # points of the first call: a number that no dimension of ours is likely to have


def load_energy(where: str, dim: int) -> Energies:
    """The function of `FILE.py:FUNCTION`, which from here on complains in one line.

    It takes points (n, dim), in the units of the data, and returns (n,) energies, up to a constant:
    p(x) is proportional to exp(-E(x)).
    """
    file, found, name = where.rpartition(":")
    if not found or not file or not name.isidentifier():
        raise UserError(f"--energy wants FILE.py:FUNCTION, not {shown(where)}")
    function = getattr(run_file(Path(file)), name, None)
    if not callable(function):
        raise UserError(f"{file}: defines no function {name}")

    def energies(points: np.ndarray) -> np.ndarray:
        blocks = np.split(points, range(_BLOCK, len(points), _BLOCK))
        return np.concatenate([_called(function, where, block) for block in blocks])

    rng = np.random.default_rng(0)
    energies(rng.normal(size=(_TRIED, dim)))
    return energies


def _called(function: Callable, where: str, points: np.ndarray) -> np.ndarray:
    try:
        values = np.asarray(function(points.copy()))
        values = values.astype(np.float64, casting="same_kind") if values.size else values
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        file = Path(where.rpartition(":")[0]).resolve()
        here = [frame for frame in frames if Path(frame.filename).resolve() == file]
        line = f" at line {here[-1].lineno}" if here else ""
        what = shown(f"{type(error).__name__}: {error}".splitlines()[0], 120)
        raise UserError(f"{where}: failed{line} on points {points.shape}: {what}") from None
    if values.shape != (len(points),):
        raise UserError(
            f"{where}: gave an array of shape {values.shape} for points {points.shape}; "
            f"it must be ({len(points)},), an energy a point"
        )
    bad = ~(values > -np.inf)
    if bad.any():
        first = ", ".join(f"{x:.4g}" for x in points[bad][0])
        raise UserError(
            f"{where}: gave {values[bad][0]} at {bad.sum()} of {len(points)} points, such as "
            f"({first}); an energy is a number, or +inf where there is no mass"
        )
    return values
