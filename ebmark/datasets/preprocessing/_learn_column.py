"""One column of a table: how it is mapped to numbers, and its range."""

import dataclasses
import re
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from pandas.api.types import infer_dtype, is_float_dtype

from ebmark.datasets.preprocessing._columns import Codec, Levels, Numbers
from ebmark.datasets.preprocessing._times import Times
from ebmark.errors import shown

# more levels than this, or than half of the rows, are identifiers or free text
_MAX_LEVELS = 50
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_TIMES = {"date", "datetime", "datetime64", "time", "timedelta", "timedelta64"}
_LEVELS = {"boolean", "string", "categorical"}


class Column(NamedTuple):
    """What was learned of one column; `low` and `high` are its range after encoding."""

    name: Any
    codec: Codec
    low: float
    high: float
    fill: float
    num_missing: int

    @property
    def is_constant(self) -> bool:
        return self.low == self.high

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high

    def encode(self, series: pd.Series, can_miss: bool = False) -> Float[np.ndarray, " n"]:
        values = encode_column(self.codec, series)
        if not can_miss and np.isnan(values).any():
            raise ValueError(
                f"Column '{shown(self.name)}' has missing values, first in row "
                f"{int(np.isnan(values).argmax()) + 1}. Remove such rows or fill the values."
            )
        is_other = ~np.isnan(values) & (values != self.low)
        if self.is_constant and is_other.any():
            raise ValueError(
                f"Column '{shown(self.name)}' was constant ({self.codec.show(self.low)}) in fit, "
                f"got {self.codec.show(values[is_other][0])}. Pass drop=[{self.name!r}] to fit."
            )
        return values

    def decode(self, values: Float[np.ndarray, " n"]) -> pd.Series:
        return self.codec.decode(self.codec.snap(np.clip(values, self.low, self.high)))

    def restore(self, series: pd.Series) -> pd.Series:
        """Return levels and times that were read from text with the type of fit."""
        codec = self.codec
        is_kept = isinstance(codec, Numbers) or (isinstance(codec, Times) and codec.is_text)
        if is_kept or series.dtype == codec.dtype:
            return series
        values = encode_column(codec, series)
        is_missing = np.isnan(values)
        return codec.decode(np.where(is_missing, self.low, values)).mask(is_missing)

    def repeat(self, value: Any, num: int) -> pd.Series:
        """Return a value as often as asked: neither clipped nor rounded, of the type of fit.

        A number that this type cannot hold, as 1.5 among integers, keeps its own type.
        """
        codec = self.codec
        if isinstance(value, str) and not isinstance(codec, Levels) and codec.is_text:
            return pd.Series([value.strip()] * num, dtype=codec.dtype)
        if not isinstance(codec, Numbers) or codec.is_text:
            series = pd.Series([value], dtype=object, name=self.name)
            return codec.decode(np.repeat(self.encode(series), num))
        number: Any = Decimal(str(value)) if codec.is_decimal else float(value)
        if isinstance(number, float) and codec.is_discrete and number.is_integer():
            number = int(number)
        given = pd.Series([number] * num)
        try:
            typed = given.astype(codec.dtype)
        except (TypeError, ValueError, OverflowError):
            return given
        return typed if is_float_dtype(typed) or (typed == given).all() else given

    def summarize(self, missing: str | None) -> dict[str, Any]:
        done = self.codec.treatment
        if self.is_constant:
            done = "constant: left out of the matrix and given back"
        if self.num_missing and missing == "drop":
            done += "; rows with missing values dropped"
        elif self.num_missing and missing == "model":
            done += "; missing values drawn from the model"
        elif self.num_missing:
            statistic = "mode" if isinstance(self.codec, Levels) else "median"
            done += (
                f"; missing values set to the {statistic} ({self.codec.show(self.fill)}), which "
                "understates spread and dependence"
            )
        return {
            "column": self.name,
            "kind": self.codec.kind,
            "treatment": done,
            "range": f"{self.codec.show(self.low)} to {self.codec.show(self.high)}",
            "rounding": self.codec.rounding,
            "num_missing": self.num_missing,
        }


def encode_column(codec: Codec, series: pd.Series) -> Float[np.ndarray, " n"]:
    """Map a column to numbers, NaN where missing; a wrong value is named with its column."""
    try:
        values = codec.encode(series)
    except (ValueError, TypeError) as error:
        problem = (str(error).splitlines() or [""])[0]
        # what pandas adds names its own arguments
        problem = re.split(r"\.? (?:You might want to|Pass utc=)", problem)[0].rstrip(".")
        raise ValueError(
            f"Column '{shown(series.name)}' is not as in fit ({codec.kind}): {problem}. Convert "
            "the column or remove such rows."
        ) from error
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax()) + 1
        raise ValueError(
            f"Column '{shown(series.name)}' has an infinite value in row {row}. Remove such rows."
        )
    return values


def learn_column(series: pd.Series, is_real: bool) -> Column:
    """Choose how to map a column, and learn its range; real numbers are not rounded."""
    name = series.name
    fix = f"Convert the column or pass drop=[{name!r}]."
    known = series.dropna()
    if known.empty:
        raise ValueError(f"Column '{shown(name)}' has no values. Pass drop=[{name!r}].")
    kind = "sparse" if isinstance(known.dtype, pd.SparseDtype) else infer_dtype(known)
    types = sorted({type(value).__name__ for value in known}) if known.dtype == object else []
    if kind in _TIMES and len(types) <= 1:
        codec = Times.fit(known, kind)
    elif kind == "string" and (times := Times.fit_text(known.drop_duplicates())):
        codec = times
    elif kind == "string" and (numbers := Numbers.fit_text(known.drop_duplicates())):
        codec = numbers
    elif kind in _NUMBERS:
        codec = Numbers.fit(known, is_decimal=kind == "decimal")
        if is_real:
            codec = dataclasses.replace(codec, decimals=None, start=0.0, step=1.0)
    elif kind in _LEVELS and len(types) <= 1:
        codec = Levels.fit(known, kind)
    else:
        held = "a mix of " + " and ".join(types[:3]) if len(types) > 1 else (types or [kind])[0]
        raise ValueError(f"Column '{shown(name)}' holds {held} values. {fix}")
    values = encode_column(codec, series)
    present = values[~np.isnan(values)]
    low, high = float(present.min()), float(present.max())
    if isinstance(codec, Levels) and not codec.is_ordered:
        num = len(codec.levels)
        if num > min(_MAX_LEVELS, max(2, len(present) / 2)):
            raise ValueError(
                f"Column '{shown(name)}' has {num:,} levels in {len(present):,} rows, too many "
                f"for a category. Pass drop=[{name!r}]."
            )
    is_whole = known.dtype.kind in "iu" or (
        kind == "string" and bool(known.str.fullmatch(r"\s*[+-]?\d+\s*").all())
    )
    if is_whole and isinstance(codec, Numbers) and max(abs(low), abs(high)) > 2**53:
        raise ValueError(f"Column '{shown(name)}' holds integers above 2^53. {fix}")
    fill = float(codec.snap(np.array([np.median(present)]))[0])
    if isinstance(codec, Levels):
        fill = float(np.bincount(present.astype(int)).argmax())
    return Column(name, codec, low, high, fill, int(np.isnan(values).sum()))
