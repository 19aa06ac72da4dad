"""A reversible map between tables of mixed columns and matrices of real numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from ebmark.datasets.preprocessing._columns import TEXT_OF_MISSING as TEXT_OF_MISSING
from ebmark.datasets.preprocessing._columns import Numbers as Numbers
from ebmark.datasets.preprocessing._learn_column import Column, encode_column, learn_column
from ebmark.datasets.preprocessing.frames import as_frame, is_frame, is_table
from ebmark.errors import shown


def refuse_missing(names: Any, *, can_draw: bool) -> None:
    """Raise `ValueError` if there are names of columns with missing values.

    Args:
        names: the names.
        can_draw: whether to suggest that a model draws the values.
    """
    # the columns of an array are x1, x2, ...
    held = [f"x{name + 1}" if isinstance(name, int) else shown(name) for name in names]
    if held:
        ways = "missing='drop' or missing='impute'"
        if can_draw:
            ways = "missing='drop', missing='impute' or missing='model'"
        raise ValueError(f"NaN or missing values in column(s) {', '.join(held[:5])}. Pass {ways}.")


class TableEncoder:
    r"""A reversible map between a table and a float64 matrix.

    Numbers stay as they are, dates and times become days since the first. Whole numbers, booleans,
    whole days and levels of categories (codes $k$ in their order) are discrete; whole numbers that
    are multiples of a step from the smallest become the numbers of steps. Their density is
    that of dequantized values,

    $$ x = k + u, \quad u \sim U(-\tfrac12, \tfrac12), \quad
       \log P(k) = \log \int_{k-1/2}^{k+1/2} p(x)\,dx \ge \mathbb{E}_u \log p(k + u) $$

    so that the log-density at the center of the interval, without noise, approximates the log
    probability of the level. Text that holds numbers or ISO dates is read as such; a constant
    column is left out and given back.

    Args:
        missing: None to refuse missing values, "drop" to drop rows with one when fitting, "impute"
            to replace them by the median or, in categories, the mode, or "model" to keep them as
            NaN, for a model to draw. No method accounts for the first two: "drop" is unbiased
            only if values are missing completely at random.
        drop: names of columns to leave out.
        can_draw: whether a model will draw them, so that messages suggest "model".

    Attributes:
        columns: names of the columns of the table, without those left out by `drop`.

    Example:
        >>> frame = pd.DataFrame({"size": [1.5, 2.25, 3.0, 1.5], "kind": ["a", "b", "b", "a"]})
        >>> encoder = TableEncoder().fit(frame)
        >>> encoder.transform(frame)[1].tolist()
        [2.25, 1.0]
        >>> encoder.inverse_transform(np.array([[9.0, 0.4]]))
           size kind
        0   3.0    a

    References: Theis, van den Oord & Bethge (2016), A note on the evaluation of generative models.
    """

    def __init__(self, missing: str | None = None, drop: Any = (), *, can_draw: bool = False):
        if missing not in (None, "drop", "impute", "model"):
            raise ValueError(
                f"'missing' must be None, 'drop', 'impute' or 'model', got {missing!r}."
            )
        self.missing, self.can_draw = missing, can_draw
        self.drop = [drop] if isinstance(drop, str) else list(drop)

    def fit(self, X: Any) -> "TableEncoder":
        """Learn the columns of a table.

        Args:
            X: as for `is_table`.

        Raises:
            ValueError: if a column cannot be mapped, has missing values that `missing` does not
                allow, or all columns are constant. The message names the column and the fix.
        """
        self._fit(X)
        return self

    def _fit(self, X: Any) -> pd.DataFrame:
        """Learn the columns, and return the rows and columns that stay."""
        frame = as_frame(X)
        unknown = [name for name in self.drop if name not in frame.columns]
        if unknown:
            raise ValueError(f"'drop' names a column that is not there: '{shown(unknown[0])}'.")
        names = frame.columns
        frame = frame.drop(columns=self.drop)
        if not frame.shape[1]:
            raise ValueError("'drop' leaves no column. Keep at least one.")
        is_real = not is_table(X)
        columns = [learn_column(series, is_real) for _, series in frame.items()]
        counts = [column.num_missing for column in columns]
        if self.missing is None:
            refuse_missing(frame.columns[np.array(counts) > 0], can_draw=self.can_draw)
        if any(counts) and self.missing == "drop":
            frame = self._complete(frame, columns)
            columns = [
                learn_column(series, is_real)._replace(num_missing=count)
                for count, (_, series) in zip(counts, frame.items(), strict=True)
            ]
        self.set_learned(columns, names, is_frame=is_frame(X))
        if not self.varying:
            raise ValueError("All columns are constant. Give a table in which one varies.")
        return frame

    def set_learned(self, learned: list[Column], names: pd.Index, *, is_frame: bool) -> None:
        """Take what was learned of each column, all names of the table and its type."""
        self.learned, self.names, self.is_frame = learned, names, is_frame
        self.columns = [column.name for column in learned]
        self.varying = [column for column in learned if not column.is_constant]

    def _complete(self, frame: pd.DataFrame, columns: list[Column]) -> pd.DataFrame:
        series = dict(frame.items())
        encoded = [encode_column(column.codec, series[column.name]) for column in columns]
        is_complete = ~np.isnan(encoded).any(axis=0)
        if not is_complete.any():
            raise ValueError("Every row has a missing value. Pass missing='impute'.")
        return frame.loc[is_complete].reset_index(drop=True)

    def fit_transform(self, X: Any) -> Float[np.ndarray, "m d"]:
        """Learn the columns and map the rows, without noise; `missing` says which rows stay."""
        z = self._matrix(self._fit(X), can_miss=True)
        if self.missing == "model":
            return z
        return np.where(np.isnan(z), [column.fill for column in self.varying], z)

    def dequantize(self, z: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, "n d"]:
        """Add uniform noise of one unit to the discrete columns of a matrix.

        Rounding gives every value back: noise that float64 cannot resolve is left out.
        """
        if not self.is_discrete.any():
            return z
        most = np.maximum(0.5 - 2 * np.spacing(np.abs(z)), 0.0)
        noise = np.random.default_rng(seed).uniform(-0.5, 0.5, z.shape)
        return z + np.clip(noise, -most, most) * self.is_discrete

    @property
    def is_discrete(self) -> Bool[np.ndarray, " d"]:
        """Which columns of the matrix are discrete."""
        return np.array([column.codec.is_discrete for column in self.varying])

    @property
    def encoded_names(self) -> list[Any]:
        """The names of the columns of the matrix."""
        return [column.name for column in self.varying]

    def snap(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Clip rows of the matrix to the range of `fit` and round them as its values are."""
        columns = [
            column.codec.snap(np.clip(values, column.low, column.high))
            for column, values in zip(self.varying, z.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def transform(self, X: Any, *, can_miss: bool = False) -> Float[np.ndarray, "n d"]:
        """Map the rows of a table to the matrix, without noise.

        Args:
            X: a table with the columns of `fit`, matched by name in any order; columns that were
                left out by `drop` are ignored. The columns of an array are matched by position.
            can_miss: whether missing values become NaN; else they are refused.

        Raises:
            ValueError: if a column is missing, is not that of `fit`, or has a missing value or a
                level that `fit` did not have.
        """
        frame = self.name_columns(X)
        lost = [shown(name) for name in self.columns if name not in frame.columns]
        if lost:
            raise ValueError(f"Missing column(s) {', '.join(lost[:5])}. Give all columns of fit.")
        extra = [shown(name) for name in frame.columns if name not in [*self.columns, *self.drop]]
        if extra:
            raise ValueError(f"Unknown column(s) {', '.join(extra[:5])}. Remove them.")
        return self._matrix(frame, can_miss)

    def name_columns(self, X: Any) -> pd.DataFrame:
        """Return a table as a frame; the columns of an array get the names of `fit`."""
        frame = as_frame(X)
        if not is_frame(X) and frame.shape[1] == len(self.names):
            frame.columns = self.names
        return frame

    def _matrix(self, frame: pd.DataFrame, can_miss: bool = False) -> Float[np.ndarray, "n d"]:
        series = dict(frame.items())
        encoded = {
            column.name: column.encode(series[column.name], can_miss) for column in self.learned
        }
        return np.stack([encoded[column.name] for column in self.varying], axis=1)

    def inverse_transform(
        self, z: Float[np.ndarray, "n d"], given: Mapping[Any, Any] | None = None
    ) -> Any:
        """Map rows of the matrix back: clipped to the range of `fit`, rounded, with its types.

        Args:
            z: the rows.
            given: values of columns that take the place of those of z, as they are.

        Returns:
            A pandas frame, or an array if `fit` had one.
        """
        values = iter(np.asarray(z, np.float64).T)
        given = given or {}
        decoded = {
            column.name: column.decode(
                np.full(len(z), column.low) if column.is_constant else next(values)
            )
            for column in self.learned
        }
        repeated = {
            column.name: column.repeat(given[column.name], len(z))
            for column in self.learned
            if column.name in given
        }
        frame = pd.DataFrame(decoded | repeated)
        return frame if self.is_frame else frame.to_numpy()

    def codes_as(self, other: "TableEncoder") -> bool:
        """Return whether two encoders map a table to the same numbers."""

        def codes(column: Column) -> tuple:
            levels = [*getattr(column.codec, "levels", ())]
            units = [getattr(column.codec, name, None) for name in ("start", "step")]
            return column.name, type(column.codec), column.codec.is_discrete, levels, units

        return [*map(codes, self.varying)] == [*map(codes, other.varying)]

    @property
    def is_matrix(self) -> bool:
        """Whether the table is a matrix of floats."""
        return not self.drop and all(
            isinstance(column.codec, Numbers) and np.dtype(float) == column.codec.dtype
            for column in self.learned
        )

    def summary(self) -> pd.DataFrame:
        """Return one row per column: kind, treatment, range, rounding, number of missing values."""
        return pd.DataFrame([column.summarize(self.missing) for column in self.learned])
