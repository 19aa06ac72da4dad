"""A uniform sample of rows from a stream of unknown length, in bounded memory."""

import contextlib
from typing import Any

import numpy as np

from ebmark.datasets.tables._stream import TableStream, describe_column
from ebmark.errors import UserError

# the squares of larger numbers overflow float32
MAX_ABS_VALUE = 1e30
# 1 GiB of float64
_MAX_CELLS = 2**27


def fit_for_float32(x: np.ndarray) -> np.ndarray:
    """Return which numbers are finite and at most `MAX_ABS_VALUE` in absolute value."""
    # the comparison is False for NaN
    return np.asarray(np.abs(x) <= MAX_ABS_VALUE)


def sample_rows(
    source: TableStream, max_rows: int, *, has_only_numbers: bool = True
) -> tuple[Any, int]:
    """Read a table and keep a uniform sample of its rows.

    Each row draws a uniform number from a fixed seed; those with the smallest numbers are kept.

    Args:
        source: The table.
        max_rows: Number of rows to keep, at most.
        has_only_numbers: Whether every number of an array must be finite.

    Returns:
        The rows kept, in their order, as one block, and the number of rows of the table.

    Raises:
        UserError: If a number is not finite or too large.
    """
    max_rows = min(max_rows, _MAX_CELLS // len(source.columns))
    rng = np.random.default_rng(0)
    kept: list[Any] = []
    draws: list[np.ndarray] = []
    num_kept = 0
    total = 0
    with contextlib.closing(source.blocks) as blocks:
        for x in blocks:
            if has_only_numbers and isinstance(x, np.ndarray):
                _reject_unfit_number(x, total, source.columns)
            kept.append(x)
            draws.append(rng.random(len(x)))
            num_kept += len(x)
            total += len(x)
            if num_kept > max_rows + max(max_rows // 2, len(x)):
                kept, draws = _thin(kept, draws, max_rows)
                num_kept = max_rows
    if num_kept > max_rows:
        kept, draws = _thin(kept, draws, max_rows)
    return _join(kept or [np.empty((0, len(source.columns)))]), total


def _join(blocks: list[Any]) -> Any:
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    import pyarrow as pa

    return pa.concat_tables(blocks)


def _thin(
    kept: list[Any], draws: list[np.ndarray], num_rows: int
) -> tuple[list[Any], list[np.ndarray]]:
    """Keep the rows with the smallest draws."""
    draw = np.concatenate(draws)
    chosen = np.sort(np.argpartition(draw, num_rows - 1)[:num_rows])
    block = _join(kept)
    chosen_rows = block[chosen] if isinstance(block, np.ndarray) else block.take(chosen)
    return [chosen_rows], [draw[chosen]]


def _reject_unfit_number(x: np.ndarray, num_before: int, columns: tuple[str, ...]) -> None:
    is_fit = fit_for_float32(x)
    if is_fit.all():
        return
    row, column = np.argwhere(~is_fit)[0]
    value = x[row, column]
    place = f"row {num_before + row + 1}, {describe_column(columns, int(column))}"
    if np.isfinite(value):
        raise UserError(f"{place}: {value:g} exceeds 1e30 in absolute value. Rescale the column.")
    raise UserError(
        f"{place}: {value:g} is not a finite number. Fill it in or drop the row"
        " (rows are counted from 1)."
    )
