"""A uniform sample of rows from a stream of unknown length, in bounded memory."""

import contextlib

import numpy as np

from ebmark.datasets.tables._stream import TableStream, in_words
from ebmark.errors import UserError

LARGEST = 1e30  # beyond it, squares leave float32
_MAX_CELLS = 2**27  # 1 GiB of float64


def fit_for_float32(x: np.ndarray) -> np.ndarray:
    """Which numbers are finite and far from float32's overflow."""
    fit: np.ndarray = np.abs(x) <= LARGEST  # False for NaN
    return fit


def sample(source: TableStream, name: str, max_rows: int) -> tuple[np.ndarray, int]:
    """At most `max_rows` rows, in their order, and how many there are in all.

    Each row draws a uniform number from a fixed seed; those with the smallest are kept.
    Raises `UserError` at a number that is not finite or too large.
    """
    max_rows = min(max_rows, _MAX_CELLS // len(source.columns))
    rng = np.random.default_rng(0)
    kept: list[np.ndarray] = []
    draws: list[np.ndarray] = []
    held, total = 0, 0
    with contextlib.closing(source.blocks) as blocks:
        for x in blocks:
            _refuse_unfit_number(x, total, source.columns, name)
            kept.append(x)
            draws.append(rng.random(len(x)))
            held, total = held + len(x), total + len(x)
            if held > max_rows + max(max_rows // 2, len(x)):
                kept, draws = _thin(kept, draws, max_rows)
                held = max_rows
    if held > max_rows:
        kept, draws = _thin(kept, draws, max_rows)
    return np.concatenate([np.empty((0, len(source.columns))), *kept]), total


def _thin(
    kept: list[np.ndarray], draws: list[np.ndarray], num_rows: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The rows with the smallest draws."""
    draw = np.concatenate(draws)
    chosen = np.sort(np.argpartition(draw, num_rows - 1)[:num_rows])
    return [np.concatenate(kept)[chosen]], [draw[chosen]]


def _refuse_unfit_number(x: np.ndarray, before: int, columns: tuple[str, ...], name: str) -> None:
    fit = fit_for_float32(x)
    if fit.all():
        return
    row, column = np.argwhere(~fit)[0]
    where = f"{name}, row {before + row + 1}, {in_words(columns, int(column))}"
    if np.isfinite(x[row, column]):
        raise UserError(
            f"{where}: {x[row, column]:g} is too large (beyond 1e30); rescale the column"
        )
    raise UserError(
        f"{where}: {x[row, column]:g} is no finite number; fill it in or drop the row"
        " (rows are counted from 1)"
    )
