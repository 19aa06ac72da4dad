"""Dates, times of day and durations as real numbers: days since the first."""

import dataclasses
import datetime
import re
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from jaxtyping import Float

# A column whose dates fit two formats, as 01/02/2024, comes back as it was by either.
_DATE_FORMATS = (
    *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"),
)
# of UTC, the same in the whole column
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# in microseconds
_DAY = 86_400_000_000
_STEPS = {"1 day": _DAY, "1 h": _DAY // 24, "1 min": 60_000_000, "1 s": 1_000_000, "1 ms": 1_000}

Values: TypeAlias = Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class Times:
    """Dates, times of day, durations, or text of dates, in days since the first.

    The map is exact to 1 us within 60 years, and to 1 ms within 60,000.

    Attributes:
        dtype: the type of the column.
        kind: "date", "time" or "duration".
        start: the first date, or a duration of 0.
        rounding: the step that holds all values: a key of `_STEPS`, or "1 us".
        format: the format of text; empty for dates.
        is_date_only: whether the values are `datetime.date`.
    """

    dtype: Any
    kind: str
    start: Any
    rounding: str
    format: str = ""
    is_date_only: bool = False

    @classmethod
    def fit(cls, known: pd.Series, kind: str, format: str = "") -> "Times":
        """Learn the first date and the step of a column without missing values."""
        name = {"time": "time", "timedelta": "duration", "timedelta64": "duration"}.get(
            kind, "date"
        )
        codec = cls(known.dtype, name, pd.Timedelta(0), "", format, kind == "date")
        moments = codec._moments(known)
        if name == "date":
            codec = dataclasses.replace(codec, start=moments.min())
        ticks = (moments - codec.start) // pd.Timedelta(microseconds=1)
        steps = (name for name, step in _STEPS.items() if (ticks % step == 0).all())
        return dataclasses.replace(codec, rounding=next(steps, "1 us"))

    @classmethod
    def fit_text(cls, known: pd.Series) -> "Times | None":
        """Learn the format of text; None if it is no date."""
        offset = _OFFSET.search(str(known.iloc[0]))
        endings = ("", offset[0]) if offset else ("",)
        for format in (format + ending for ending in endings for format in _DATE_FORMATS):
            # most formats already fail at the first row
            if all(_has_format(rows, format) for rows in (known.iloc[:1], known)):
                return cls.fit(known, "date", format)
        return None

    @property
    def is_discrete(self) -> bool:
        return self.rounding == "1 day"

    @property
    def is_text(self) -> bool:
        return bool(self.format)

    @property
    def treatment(self) -> str:
        since = f" since {self.show(0.0)}" if self.kind == "date" else ""
        return f"days{since}" + ", dequantized by one day" * self.is_discrete

    def _moments(self, series: pd.Series) -> pd.Series:
        if self.kind == "time":
            series = series.map(_since_midnight, na_action="ignore")
        if self.kind != "date":
            return pd.to_timedelta(series)
        if self.format:
            return pd.to_datetime(series, format=self.format)
        # files of text hold the offset of each date, which summer time changes
        texts = (
            [value for value in series if isinstance(value, str)]
            if series.dtype.kind == "O"
            else []
        )
        if not texts:
            return pd.to_datetime(series)
        is_iso = all(map(_ISO_DATE.match, texts))
        is_zoned = getattr(self.start, "tzinfo", None) and all(map(_OFFSET.search, texts))
        return pd.to_datetime(series, format="ISO8601" if is_iso else None, utc=bool(is_zoned))

    def encode(self, series: pd.Series) -> Values:
        days = (self._moments(series) - self.start) / pd.Timedelta(days=1)
        return days.to_numpy(np.float64, na_value=np.nan)

    def snap(self, values: Values) -> Values:
        step = _STEPS.get(self.rounding, 1)
        return np.rint(values * (_DAY / step)) * step / _DAY

    def decode(self, values: Values) -> pd.Series:
        ticks = np.rint(values * _DAY).astype(np.int64)
        moments = pd.Series(pd.to_timedelta(ticks, unit="us") + self.start)
        if self.format:
            return moments.dt.strftime(self.format).astype(self.dtype)
        if self.dtype != object:
            return moments.astype(self.dtype)
        if self.kind == "time":
            return (moments + pd.Timestamp(0)).dt.time
        if self.kind == "duration":
            return pd.Series([moment.to_pytimedelta() for moment in moments], dtype=object)
        if self.is_date_only:
            return moments.dt.date.astype(object)
        return pd.Series([moment.to_pydatetime() for moment in moments], dtype=object)

    def show(self, value: float) -> str:
        return str(self.decode(np.array([value]))[0])


def _since_midnight(time: datetime.time | str) -> datetime.timedelta:
    if isinstance(time, str):
        time = datetime.time.fromisoformat(time.strip())
    return datetime.datetime.combine(datetime.date.min, time) - datetime.datetime.min


def is_date_format(format: str) -> bool:
    """Whether text of dates can be learned in this format."""
    return _OFFSET.sub("", format) in _DATE_FORMATS


def _has_format(texts: pd.Series, format: str) -> bool:
    moments = pd.to_datetime(texts, format=format, errors="coerce")
    return bool(moments.notna().all() and (moments.dt.strftime(format) == texts).all())
