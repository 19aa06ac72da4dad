"""Tables of any columns: the types of columns of text, and the frames of Parquet files."""

import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ebmark.datasets.preprocessing.table import TEXT_OF_MISSING, Numbers
from ebmark.datasets.tables._stream import describe_column, name_columns
from ebmark.datasets.tables._thinning import MAX_ABS_VALUE
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pyarrow as pa

# text that is a missing value in any column; that of `TEXT_OF_MISSING` only between numbers
_BLANK = {"", "na", "n/a", "nan", "<na>", "null"}


def infer_types(table: "pa.Table", names: tuple[str, ...]) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of text with columns of numbers where all values are, and notes.

    Whole numbers become integers if they fit 64 bits; blanks become missing. Other text stays as it
    is.
    """
    frame: pd.DataFrame = table.to_pandas()
    frame.columns = pd.Index(names)
    notes = []
    for name in names:
        frame[name], note = _infer_type(frame[name])
        notes += [note] if note else []
    return frame, notes


def _infer_type(text: Any) -> tuple[Any, str]:
    """Return one column with its type, and a note if only most of it are numbers."""
    text = text.str.strip()
    folded = text.str.casefold()
    known = text[~folded.isin(_BLANK | TEXT_OF_MISSING)]
    numbers = _to_numbers(known)
    note = ""
    if numbers.isna().any() and known.str.contains(r"\s#").any():
        without = known.str.replace(r"\s+#.*", "", regex=True)
        if _to_numbers(without).notna().all():
            note = f'Column "{shown(text.name)}": text after " #" was left out as a comment.'
            known, numbers = without, _to_numbers(without)
    is_number = numbers.notna()
    has_zeros = known.str.fullmatch(r"[+-]?0\d+").any()
    if len(known) and is_number.all() and not has_zeros:
        if not known.str.fullmatch(r"[+-]?\d+").all():
            return numbers.astype(np.float64).reindex(text.index), note
        if _fit_int64(known):
            dtype = "Int64" if len(known) < len(text) else "int64"
            return known.map(int).astype("Int64").reindex(text.index).astype(dtype), note
    if len(known) and Numbers.fit_text(known.drop_duplicates()):
        return text.mask(folded.isin(_BLANK | TEXT_OF_MISSING)), note
    if 0.5 <= is_number.mean() < 1:
        note = (
            f'Column "{shown(text.name)}" holds numbers and "{shown(known[~is_number].iloc[0])}": '
            "it is read as text. Correct the values if it is a column of numbers."
        )
    return text.mask(folded.isin(_BLANK)), note


def _fit_int64(text: Any) -> bool:
    """Return whether all whole numbers fit; others, which float64 would round, stay text."""
    # int() refuses thousands of digits
    return bool(text.str.len().max() < 40 and text.map(int).between(-(2**63), 2**63 - 1).all())


def _to_numbers(text: Any) -> Any:
    # the stubs of pandas do not follow the types of columns
    return pd.to_numeric(text, errors="coerce")


def to_frame(table: "pa.Table", names: tuple[str, ...]) -> pd.DataFrame:
    """Return the frame of an Arrow table, with the types that pandas has stored.

    Whole numbers with missing values stay whole.
    """
    import pyarrow.types as types

    frame: pd.DataFrame = table.to_pandas()
    if frame.shape[1] < len(names):
        frame = frame.reset_index()
    frame.columns = pd.Index(names)
    for name, column in zip(names, table.columns, strict=True):
        if types.is_integer(column.type) and frame[name].dtype.kind == "f":
            dtype = pd.UInt64Dtype() if types.is_uint64(column.type) else pd.Int64Dtype()
            frame[name] = dtype.__from_arrow__(column)
    return frame.reset_index(drop=True)


def check_numbers(frame: pd.DataFrame, dropped: Collection[Any]) -> None:
    """Raise `UserError` at the first number that is infinite or above 1e30 in absolute value.

    Args:
        frame: The table; the columns of an array, 0, 1, ..., are named x1, x2, ... in messages.
        dropped: Names of columns that are not checked.
    """
    names = name_columns(frame)
    series: Any
    for index, (name, series) in enumerate(frame.items()):
        is_number = pd.api.types.is_numeric_dtype(series.dtype) and series.dtype != bool
        if name in dropped or not is_number:
            continue
        values = np.abs(series.to_numpy(np.float64, na_value=np.nan))
        if not (values > MAX_ABS_VALUE).any():
            continue
        row = int((values > MAX_ABS_VALUE).argmax())
        place = f"row {row + 1}, {describe_column(names, index)}"
        problem, fix = f"{values[row]:g} exceeds 1e30 in absolute value", "Rescale it"
        if not np.isfinite(values[row]):
            problem, fix = f"{series.iloc[row]} is not a finite number", "Drop the row"
        raise UserError(f"{place}: {problem}. {fix} or pass --drop {shlex.quote(names[index])}.")
