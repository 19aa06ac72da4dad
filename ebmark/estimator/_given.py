"""Values of columns, given which the others are drawn: read, checked and placed in a row."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ebmark.datasets.preprocessing._columns import Levels, Numbers
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.errors import EBMWarning, shown
from ebmark.training.model import Model

# of the range of rows that went through float32
_TOLERANCE = 1e-5


def parse_values(
    encoder: TableEncoder | None, encoded_names: list[str], given: Mapping[str, str]
) -> dict[Any, Any]:
    """Return values of columns from text; columns of an array are x1, x2, ...

    Raises:
        ValueError: if a value is not one of the column.
    """
    if encoder is None:
        names = {name: i for i, name in enumerate(encoded_names)}
        return {names.get(name, name): _read_number(name, text) for name, text in given.items()}
    codecs = {str(column.name): column for column in encoder.learned}
    values: dict[Any, Any] = {}
    for name, text in given.items():
        column = codecs.get(name)
        codec = column.codec if column is not None else None
        value: Any = text
        if isinstance(codec, Levels):
            value = next((level for level in codec.levels if str(level) == text), text)
        elif isinstance(codec, Numbers) and codec.marks is None and text.strip():
            value = _read_number(name, text)
        values[name if column is None else column.name] = value
    return values


def _read_number(name: str, text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'given': {shown(name)}={shown(text)} is not a number.") from None


def place_given(
    model: Model, encoder: TableEncoder | None, given: Mapping[Any, Any]
) -> Float[np.ndarray, "1 d"]:
    """Return a row of the matrix with the given values, and NaN in the other columns.

    A number outside the range of fit is warned of.

    Raises:
        ValueError: if a column is unknown, or a value is missing or not one of the column.
    """
    names = [*range(model.dim)] if encoder is None else encoder.columns
    for name, value in given.items():
        if name not in names:
            raise ValueError(
                f"'given' names a column that is not there: '{shown(name)}'. "
                f"The columns are {', '.join(shown(name) for name in names[:10])}."
            )
        _check_value(name, value, value)
    row = np.full((1, model.dim), np.nan)
    if encoder is None:
        for name, value in given.items():
            row[0, name] = _read_number(f"x{name + 1}", value)
        _warn_outside_points(model, row[0])
        return row
    encoded = {}
    for column in encoder.learned:
        if column.name in given:
            value = given[column.name]
            series = pd.Series([value], dtype=object, name=column.name)
            (number,) = column.encode(series, can_miss=True)
            _check_value(column.name, value, number)
            encoded[column.name] = number
            if not column.low <= number <= column.high:
                _warn_outside(column.name, value, *map(column.codec.show, column.range))
    for i, column in enumerate(encoder.varying):
        row[0, i] = encoded.get(column.name, np.nan)
    return row


def _check_value(name: Any, value: Any, number: Any) -> None:
    is_blank = isinstance(number, str) and not number.strip()
    is_infinite = isinstance(number, float) and math.isinf(number)
    if is_blank or is_infinite or np.ndim(number) or pd.isna(number):
        raise ValueError(
            f"'given': '{shown(value)}' is no value of column '{shown(name)}'. Give a finite "
            "value, or leave the column out."
        )


def _warn_outside_points(model: Model, row: Float[np.ndarray, " d"]) -> None:
    """Warn of values of an array outside the range of the training rows that a model keeps."""
    if model.points is None:
        return
    points = model.units.inverse_transform(model.points)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _TOLERANCE * (high - low)
    for i in np.flatnonzero((row < low - margin) | (row > high + margin)):
        _warn_outside(f"x{i + 1}", row[i], f"{low[i]:.6g}", f"{high[i]:.6g}")


def _warn_outside(name: Any, value: Any, low: str, high: str) -> None:
    warnings.warn(
        f"The given value {shown(value)} of '{shown(name)}' lies outside the range of fit, {low} "
        f"to {high}: the model extrapolates.",
        EBMWarning,
        stacklevel=4,
    )
