"""Maps between one column of a table and real numbers: numbers and levels."""

import dataclasses
import re
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ebmark.datasets.preprocessing._times import Times, Values
from ebmark.errors import shown

MAX_DECIMALS = 10
# (decimal mark, thousands separator), in the order in which they are tried
MARKS = [(".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'")]
# what stands for a missing value between numbers; between words it may be a level
TEXT_OF_MISSING = {"na", "n/a", "nan", "null", "none", "?", "-", "."}


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Numbers, or text that holds numbers.

    Attributes:
        dtype: the type of the column.
        decimals: digits after the decimal mark that `snap` keeps; None for all.
        marks: the decimal mark and thousands separator of text; None for numbers.
        digits: digits of text after the mark if equal in all rows.
        is_decimal: whether values are `decimal.Decimal`.
        start: the smallest of whole numbers that are multiples of a step above 1 from it, or 0.
        step: that step, or 1. Such numbers become 0, 1, 2, ...
    """

    dtype: Any
    decimals: int | None
    marks: tuple[str, str] | None = None
    digits: int | None = None
    is_decimal: bool = False
    start: float = 0.0
    step: float = 1.0

    @classmethod
    def fit(cls, known: pd.Series, is_decimal: bool = False) -> "Numbers":
        """Learn the rounding of a column without missing values."""
        codec = cls(known.dtype, None, is_decimal=is_decimal)
        values = codec.encode(known)
        return codec._rounded(values, _decimals(values, known.dtype))

    def _rounded(self, values: Values, decimals: int | None) -> "Numbers":
        """Return the codec with the rounding of values."""
        step = 0.0
        if decimals == 0 and np.abs(values).max() <= 2**53:
            step = float(np.gcd.reduce((values - values.min()).astype(np.int64)))
        if step <= 1:
            return dataclasses.replace(self, decimals=decimals)
        return dataclasses.replace(self, decimals=0, start=float(values.min()), step=step)

    @classmethod
    def fit_text(cls, known: pd.Series) -> "Numbers | None":
        """Learn the decimal mark and thousands separator of text; None if it is no number."""
        text = known.astype(object).str.strip()
        text = text[~text.str.lower().isin(TEXT_OF_MISSING)]
        for mark, separator in MARKS if len(text) else []:
            if not text.str.fullmatch(_number_pattern(mark, separator)).all():
                continue
            digits = {len(value.partition(mark)[2]) for value in text}
            codec = cls(known.dtype, None, (mark, separator))
            values = codec.encode(text)
            decimals = _decimals(values, np.dtype(float))
            is_padded = len(digits) == 1 and decimals is not None and min(digits) >= decimals
            padded = min(digits) if is_padded else None
            return dataclasses.replace(codec._rounded(values, decimals), digits=padded)
        return None

    @property
    def is_discrete(self) -> bool:
        return self.decimals == 0

    @property
    def is_text(self) -> bool:
        return self.marks is not None

    @property
    def kind(self) -> str:
        return "integer" if self.is_discrete else "number"

    @property
    def treatment(self) -> str:
        done = "dequantized by one unit" if self.is_discrete else "unchanged"
        if self.step > 1:
            done = f"steps of {self.step:g} from {self.start:g}, dequantized by one step"
        if self.marks is None:
            return done
        mark, separator = self.marks
        thousands = f", thousands '{separator}'" if separator else ""
        return f"text read as numbers (decimal mark '{mark}'{thousands}); {done}"

    @property
    def rounding(self) -> str:
        return "" if self.decimals is None else f"{10.0**-self.decimals * self.step:g}"

    def encode(self, series: pd.Series) -> Values:
        if self.marks is None:
            if series.dtype == object:
                series = series.map(float, na_action="ignore")
            return (series.to_numpy(np.float64, na_value=np.nan) - self.start) / self.step
        mark, separator = self.marks
        pattern = re.compile(_number_pattern(mark, separator))

        def read(value: Any) -> float:
            text = str(value).strip()
            if text.lower() in TEXT_OF_MISSING:
                return np.nan
            if not pattern.fullmatch(text):
                raise ValueError(f"'{shown(text)}' is no number with decimal mark '{mark}'")
            text = text.replace(separator, "") if separator else text
            return float(text.replace(mark, "."))

        numbers = series.astype(object).map(read, na_action="ignore")
        return (numbers.to_numpy(np.float64, na_value=np.nan) - self.start) / self.step

    def snap(self, values: Values) -> Values:
        return values if self.decimals is None else np.round(values, self.decimals) + 0.0

    def decode(self, values: Values) -> pd.Series:
        if self.is_decimal or self.marks:
            read = Decimal if self.is_decimal else str
            return pd.Series([read(self.show(value)) for value in values], dtype=self.dtype)
        values = self.start + self.step * values
        if self.dtype == object and self.is_discrete:
            values = values.astype(np.int64)
        return pd.Series(values).astype(self.dtype)

    def show(self, value: float) -> str:
        value = self.start + self.step * value
        if self.marks is None and not self.is_decimal:
            return f"{value:.6g}" if self.decimals is None else f"{value:.15g}"
        digits = self.decimals if self.digits is None else self.digits
        text = repr(float(value)) if digits is None else f"{value:,.{digits}f}"
        if digits and self.digits is None and not self.is_decimal:
            text = text.rstrip("0").rstrip(".")
        mark, separator = self.marks or (".", "")
        return text.translate(str.maketrans({",": separator, ".": mark}))


def _number_pattern(mark: str, separator: str) -> str:
    """A number without leading zeros, which identifiers have."""
    mark, separator = re.escape(mark), re.escape(separator)
    whole = rf"[1-9]\d{{0,2}}(?:{separator}\d{{3}})*" if separator else r"[1-9]\d*"
    return rf"[+-]?(?:(?:0|{whole})(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"


def _decimals(values: Values, dtype: Any) -> int | None:
    """Return the number of decimals that hold all values exactly, at most ten, else None."""
    if not np.isfinite(values).all():
        return None
    target = getattr(dtype, "numpy_dtype", dtype)
    target = target if getattr(target, "kind", "") == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for decimals in range(MAX_DECIMALS + 1):
            rounded = np.round(values, decimals).astype(target)
            is_whole = decimals > 0 or np.abs(values).max() <= 2**53 or dtype.kind in "iu"
            if is_whole and np.array_equal(rounded, values.astype(target)):
                return decimals
    return None


@dataclasses.dataclass(frozen=True)
class Levels:
    """The levels of text, categories or booleans, which become codes in their order.

    Attributes:
        dtype: the type of the column.
        kind: "category", "ordered category" or "boolean".
        levels: those that occur: in the order of the categories, else sorted.
    """

    dtype: Any
    kind: str
    levels: pd.Index

    is_discrete = True
    rounding = "level"

    @classmethod
    def fit(cls, known: pd.Series, kind: str) -> "Levels":
        """Learn the levels of a column without missing values."""
        name = "boolean" if kind == "boolean" else "category"
        if isinstance(known.dtype, pd.CategoricalDtype):
            levels = pd.Index(known.cat.remove_unused_categories().cat.categories)
            name = "ordered category" if known.cat.ordered else name
        else:
            levels = pd.Index(sorted(set(known)), dtype=object)
        return cls(known.dtype, name, levels)

    @property
    def is_ordered(self) -> bool:
        return self.kind != "category"

    @property
    def treatment(self) -> str:
        return f"codes 0 to {len(self.levels) - 1}, dequantized by one unit"

    def encode(self, series: pd.Series) -> Values:
        values = pd.Index(series, dtype=object)
        codes = self.levels.get_indexer(values).astype(np.float64)
        is_new = (codes < 0) & series.notna().to_numpy()
        if is_new.any():
            # files of text hold levels of another type
            by_text = {self._as_text(level): k for k, level in enumerate(self.levels)}
            texts = map(self._as_text, values[is_new])
            codes[is_new] = [by_text.get(text, -1) for text in texts]
            is_new &= codes < 0
        if is_new.any():
            known = ", ".join(map(shown, self.levels[:5])) + ", ..." * (len(self.levels) > 5)
            level = shown(values[is_new][0])
            raise ValueError(f"unknown level '{level}' (known: {known})")
        return np.where(codes < 0, np.nan, codes)

    def _as_text(self, level: Any) -> str:
        return str(level).casefold() if self.kind == "boolean" else str(level)

    def snap(self, values: Values) -> Values:
        return np.rint(values)

    def decode(self, values: Values) -> pd.Series:
        return pd.Series(self.levels.take(values.astype(int)).astype(object)).astype(self.dtype)

    def show(self, value: float) -> str:
        return shown(self.levels[int(value)])


Codec: TypeAlias = Numbers | Levels | Times
