"""The door by which data frames come into training."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.interchange

from ebmark.errors import shown


def is_table(X: Any) -> bool:
    """Return whether X is a data frame, or an array that holds text or dates.

    A pandas frame of numbers without column names is no table: it is as its array.

    Args:
        X: a pandas frame, a table that offers the Arrow stream or the interchange protocol (such
            as a polars frame), an array or nested lists.

    Example:
        >>> is_table(pd.DataFrame({"a": [1]})), is_table([[1, "a"]]), is_table(np.eye(2))
        (True, True, False)
    """
    if isinstance(X, pd.DataFrame) and not any(isinstance(name, str) for name in X.columns):
        return not all(getattr(dtype, "kind", "O") in "iuf" for dtype in X.dtypes)
    if is_frame(X):
        return True
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return X.dtype.kind in "USMm"
    if not isinstance(X, list | tuple | np.ndarray):
        return False
    kinds = str | datetime.date | datetime.time | datetime.timedelta
    return any(isinstance(value, kinds) for row in X if np.iterable(row) for value in row)


def is_frame(X: Any) -> bool:
    """Return whether X is a pandas frame or offers the Arrow or the interchange protocol."""
    protocols = ("__arrow_c_stream__", "__dataframe__")
    return hasattr(X, "columns") and any(hasattr(X, name) for name in protocols)


def as_frame(X: Any) -> pd.DataFrame:
    """Return a table as a pandas frame; the columns of an array are named 0, 1, ...

    Args:
        X: as for `is_table`.

    Raises:
        ValueError: if it has no rows or columns, is not of shape (n, d), or repeats a name.

    Returns:
        A copy of the table with rows 0, 1, ..., in which blank text is missing.

    Example:
        >>> as_frame([[1, "a"], [2, "b"]]).columns.tolist()
        [0, 1]
    """
    if isinstance(X, pd.DataFrame):
        frame = X
    elif is_frame(X) and hasattr(X, "__arrow_c_stream__"):
        frame = pd.DataFrame.from_arrow(X)
    elif is_frame(X):
        frame = pyarrow.interchange.from_dataframe(X).to_pandas()
    else:
        array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        if array.ndim != 2:
            raise ValueError(
                f"A table must have shape (n, d), got {array.shape}. Reshape one column to (n, 1)."
            )
        frame = pd.DataFrame(array)
    if not frame.size:
        raise ValueError(
            f"A table must have rows and columns, got {len(frame)} row(s) and "
            f"{frame.shape[1]} column(s). Give at least one of each."
        )
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"Duplicate column name '{shown(name)}'. Rename one of the columns.")
    frame = frame.reset_index(drop=True)
    return pd.DataFrame({name: _without_blanks(series) for name, series in frame.items()})


def _without_blanks(series: pd.Series) -> pd.Series:
    """Make text without a character missing."""
    if series.dtype.kind != "O" or isinstance(series.dtype, pd.CategoricalDtype):
        return series
    return series.mask(series.map(lambda value: isinstance(value, str) and not value.strip()))
