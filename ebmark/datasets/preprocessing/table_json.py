"""Table encoders as plain JSON values, for model files; reading them executes no code."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ebmark.datasets.preprocessing._columns import (
    MARKS,
    MAX_DECIMALS,
    Codec,
    Levels,
    Numbers,
)
from ebmark.datasets.preprocessing._times import Times, is_date_format
from ebmark.datasets.preprocessing.table import Column, TableEncoder
from ebmark.errors import UserError, shown

_CODECS = {kind.__name__: kind for kind in (Numbers, Levels, Times)}
_KINDS = {
    Levels: ("boolean", "category", "ordered category"),
    Times: ("date", "time", "duration"),
}
# of text that holds numbers
_MAX_DIGITS = 1_000


def encoder_as_json(encoder: TableEncoder) -> dict[str, Any]:
    """Return all that an encoder has learned as JSON values.

    Raises:
        UserError: a name, a type or a level is not one that JSON can hold.

    Example:
        >>> encoder = TableEncoder().fit(pd.DataFrame({"kind": ["a", "b", "b"]}))
        >>> encoder_as_json(encoder)["columns"][0]["codec"]["levels"]["values"]
        ['a', 'b']
    """
    document = {
        "missing": encoder.missing,
        "drop": [plain(name) for name in encoder.drop],
        "is_frame": encoder.is_frame,
        "names": [plain(name) for name in encoder.names],
        "columns": [_column_as_json(column) for column in encoder.learned],
    }
    again = encoder_from_json(document)
    for column, copy in zip(encoder.learned, again.learned, strict=True):
        if not _are_equal(column.codec, copy.codec):
            raise UserError(
                f"Column '{shown(column.name)}' of type {shown(column.codec.dtype)} cannot be "
                "saved. Convert it to another type and fit again."
            )
    return document


def encoder_from_json(document: dict[str, Any]) -> TableEncoder:
    """Return the encoder of JSON values, which may come from an untrusted file.

    Raises:
        KeyError, TypeError, ValueError: they are not what `encoder_as_json` returns.
    """
    columns = [_column_from_json(column) for column in document["columns"]]
    encoder = TableEncoder(document["missing"], [_name(name) for name in document["drop"]])
    names = [_name(name) for name in document["names"]]
    encoder.set_learned(columns, pd.Index(names), is_frame=document["is_frame"] is True)
    if not encoder.varying or not set(encoder.columns) <= set(names):
        raise ValueError("no columns")
    return encoder


def plain(value: Any) -> Any:
    """Return a name, a level or a parameter as a JSON value.

    Raises:
        UserError: JSON cannot hold it.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, pd.Timestamp) and not pd.isna(value):
        zone = None if value.tz is None else str(value.tz)
        moment = value if zone is None else value.tz_convert("UTC").tz_localize(None)
        return {"at": moment.isoformat(), "unit": value.unit, "zone": zone}
    raise UserError(
        f"'{shown(value)}' of type {type(value).__name__} cannot be saved in a model file. "
        "Convert it to text or a number and fit again."
    )


def _from_plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return _name(value)
    moment = pd.Timestamp(value["at"]).as_unit(value["unit"])
    return moment if value["zone"] is None else moment.tz_localize("UTC").tz_convert(value["zone"])


def _name(value: Any) -> Any:
    if not isinstance(value, str | bool | int | float):
        raise TypeError(value)
    return value


def _column_as_json(column: Column) -> dict[str, Any]:
    codec = {field.name: getattr(column.codec, field.name) for field in _fields(column.codec)}
    codec["dtype"] = _dtype_as_json(codec["dtype"])
    if isinstance(column.codec, Levels):
        codec["levels"] = _index_as_json(column.codec.levels)
    if isinstance(column.codec, Times):
        codec["start"] = plain(column.codec.start) if column.codec.kind == "date" else None
    fields = column._asdict() | {"name": plain(column.name)}
    return fields | {"codec": {"class": type(column.codec).__name__, **codec}}


def _column_from_json(column: dict[str, Any]) -> Column:
    fields = dict(column["codec"])
    kind = _CODECS[fields.pop("class")]
    fields["dtype"] = _dtype_from_json(fields["dtype"])
    if kind is Levels:
        fields["levels"] = _index_from_json(fields["levels"])
    elif kind is Times:
        is_date = fields["kind"] == "date"
        fields["start"] = _from_plain(fields["start"]) if is_date else pd.Timedelta(0)
    elif fields["marks"] is not None:
        fields["marks"] = tuple(fields["marks"])
    low, high, fill = (float(column[name]) for name in ("low", "high", "fill"))
    count = column["num_missing"]
    codec = kind(**fields)
    is_finite = np.isfinite([low, high, fill]).all()
    if not _is_plausible(codec) or not is_finite or low > high or type(count) is not int:
        raise ValueError(column)
    if isinstance(codec, Levels) and not 0 <= low <= high < len(codec.levels):
        raise ValueError(column)
    return Column(_name(column["name"]), codec, low, high, fill, count)


def _is_plausible(codec: Codec) -> bool:
    """Whether the fields have the types and ranges of a learned codec."""
    if isinstance(codec, Numbers):
        limits = ((codec.decimals, MAX_DECIMALS), (codec.digits, _MAX_DIGITS))
        return (
            all(num is None or (type(num) is int and 0 <= num <= most) for num, most in limits)
            and (codec.marks is None or codec.marks in MARKS)
            and type(codec.is_decimal) is bool
            and bool(np.isfinite([codec.start, codec.step]).all() and codec.step >= 1)
        )
    if codec.kind not in _KINDS[type(codec)]:
        return False
    if isinstance(codec, Levels):
        return True
    has_start = isinstance(codec.start, pd.Timestamp if codec.kind == "date" else pd.Timedelta)
    are_texts = isinstance(codec.format, str) and isinstance(codec.rounding, str)
    is_known = are_texts and (codec.format == "" or is_date_format(codec.format))
    return has_start and is_known and type(codec.is_date_only) is bool


def _dtype_as_json(dtype: Any) -> Any:
    if isinstance(dtype, pd.CategoricalDtype):
        return {"categories": _index_as_json(dtype.categories), "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pd.StringDtype):
        return {"storage": dtype.storage, "is_nan": dtype.na_value is not pd.NA}
    if isinstance(dtype, pd.ArrowDtype):
        return {"arrow": str(dtype.pyarrow_dtype)}
    return str(dtype)


def _dtype_from_json(dtype: Any) -> Any:
    if isinstance(dtype, str):
        return pd.api.types.pandas_dtype(dtype)
    if "categories" in dtype:
        return pd.CategoricalDtype(_index_from_json(dtype["categories"]), dtype["ordered"] is True)
    if "storage" in dtype:
        return pd.StringDtype(dtype["storage"], np.nan if dtype["is_nan"] is True else pd.NA)
    if dtype["arrow"] == "string":
        return pd.ArrowDtype(pa.string())
    return pd.ArrowDtype.construct_from_string(f"{dtype['arrow']}[pyarrow]")


def _index_as_json(index: pd.Index) -> dict[str, Any]:
    return {"dtype": _dtype_as_json(index.dtype), "values": [plain(value) for value in index]}


def _index_from_json(index: dict[str, Any]) -> pd.Index:
    values = [_from_plain(value) for value in index["values"]]
    return pd.Index(values, dtype=_dtype_from_json(index["dtype"]))


def _are_equal(one: Codec, other: Codec) -> bool:
    for field in _fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, pd.Index):
            if a.dtype != b.dtype or not a.equals(b):
                return False
        elif a != b:
            return False
    return True


def _fields(codec: Codec) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(codec)
