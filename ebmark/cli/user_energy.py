"""Energy functions of users, written with any framework: NumPy points in, energies out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ebmark.errors import UserError, shown
from ebmark.metrics.scores import Energies
from ebmark.studies.plugins import read_file, run_file
from ebmark.system import user_code

_MAX_POINTS_PER_CALL = 65_536

# Points of the trial call: a number that is unlikely to be the dimension or the batch size, so
# that an energy of the wrong axis is noticed.
_NUM_TRIAL_POINTS = 7


def load_energy(where: str, dim: int) -> Energies:
    """Load an energy function and call it once.

    Args:
        where: FILE.py:FUNCTION. The function maps points (n, dim), in data units, to energies
            (n,) up to a constant: p(x) is proportional to exp(-E(x)).
        dim: the dimension of the points.

    Returns:
        The function, which raises UserError if it fails or returns anything but n energies.

    Raises:
        UserError: if there is no such function, or its first call fails.
    """
    file, colon, name = where.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise UserError(f"--energy must be FILE.py:FUNCTION, not '{shown(where)}'.")
    path = Path(file)
    user_code.name_files((path,))
    function = getattr(run_file(read_file(path), path), name, None)
    if not callable(function):
        raise UserError(f"{file}: defines no function '{name}'.")

    def energies(points: np.ndarray) -> np.ndarray:
        splits = range(_MAX_POINTS_PER_CALL, len(points), _MAX_POINTS_PER_CALL)
        blocks = np.split(points, splits)
        return np.concatenate([_call(function, where, block) for block in blocks])

    rng = np.random.default_rng(0)
    energies(rng.normal(size=(_NUM_TRIAL_POINTS, dim)))
    return energies


def _call(function: Callable, where: str, points: np.ndarray) -> np.ndarray:
    """Return the energies of a block of points, checked."""
    try:
        values = np.asarray(function(points.copy()))
        if values.size:
            values = values.astype(np.float64, casting="same_kind")
    except Exception as error:
        raise _explain(error, where, points.shape) from None
    if values.shape != (len(points),):
        raise UserError(
            f"{where}: returned an array of shape {values.shape} for points {points.shape}. "
            f"Return one energy per point, shape ({len(points)},)."
        )
    is_invalid = ~(values > -np.inf)
    if is_invalid.any():
        example = ", ".join(f"{x:.4g}" for x in points[is_invalid][0])
        raise UserError(
            f"{where}: returned {values[is_invalid][0]} at {is_invalid.sum()} of {len(points)} "
            f"points, such as ({example}). Return a number, or +inf where the density is zero."
        )
    return values


def _explain(error: Exception, where: str, shape: tuple[int, ...]) -> UserError:
    """Return the error of a failed call, with the line of the user's file."""
    return UserError(f"{where}: failed on points {shape}: {user_code.explain(error)}")
