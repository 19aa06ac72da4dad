"""Log-densities of some columns of a fitted model, given others or not."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from sklearn.utils.validation import check_is_fitted

from ebmark.datasets.preprocessing.frames import as_frame
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.errors import shown
from ebmark.estimator._conditional import draw_conditional
from ebmark.estimator._fitted import draw_seed
from ebmark.training.model import Model

# of the sequential Monte Carlo by which columns are integrated out
_NUM_DRAWS = 256


class ColumnDensities:
    """Marginal and conditional densities, as a method of `EnergyModel`."""

    if TYPE_CHECKING:
        n_features_in_: int
        model_: Model
        log_z_: float
        _encoder: TableEncoder | None

        def score_samples(self, X: Any) -> Float[np.ndarray, " n"]: ...

    def log_prob(
        self, X: Any, given: Any = None, random_state: Any = None
    ) -> Float[np.ndarray, " n"]:
        r"""Return the log-density of some columns, given others, in nats.

        $$ \log p(x_a \mid x_b) = \log \int e^{-E(x_a, x_b, x_c)} dx_c
           - \log \int e^{-E(x_a', x_b, x_c)} dx_a'\, dx_c $$

        The other columns c are integrated out, by sequential Monte Carlo. Where columns are given,
        log Z is not needed. Values of discrete columns count as the center of their interval, as in
        `score_samples`.

        Args:
            X: the columns a: a data frame, or a mapping from their names (positions for an array)
                to values. Rows of all columns have the log-density of `score_samples`.
            given: the columns b, of as many rows or of one row, in the same form.
            random_state: seed of the Monte Carlo.

        Returns:
            One log-density per row.

        Raises:
            ValueError: if a column is unknown, both in X and given, or has missing values.

        Example:
            >>> import numpy as np
            >>> import ebmark as eb
            >>> X = np.random.default_rng(0).normal(size=(200, 2))
            >>> model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(X)
            >>> model.log_prob({0: [0.1, 3.0]}, given={1: 0.5}, random_state=0).argmax()
            np.int64(0)

        References: Del Moral, Doucet & Jasra (2006), Sequential Monte Carlo samplers.
        """
        check_is_fitted(self)  # pyright: ignore[reportArgumentType]
        if given is None and not isinstance(X, dict) and not hasattr(X, "columns"):
            return self.score_samples(X)
        asked = _as_columns(X, "X")
        known = pd.DataFrame(index=asked.index) if given is None else _as_columns(given, "given")
        if len(known) == 1:
            known = known.loc[np.zeros(len(asked), int)].reset_index(drop=True)
        rows, is_asked = self._place(asked, known)
        is_known = ~np.isnan(rows) & ~is_asked
        seed = draw_seed(random_state)
        joint = self._integrate(rows, seed)
        return joint - self._integrate(np.where(is_known, rows, np.nan), seed)

    def _place(
        self, asked: pd.DataFrame, known: pd.DataFrame
    ) -> tuple[Float[np.ndarray, "n d"], Bool[np.ndarray, " d"]]:
        """Return the rows of the matrix, NaN in columns of neither, and which columns are asked."""
        encoder = self._encoder
        names = [*range(self.n_features_in_)] if encoder is None else encoder.columns
        both = [*asked.columns, *known.columns]
        for name in both:
            if name not in names:
                listed = ", ".join(shown(name) for name in names[:10])
                raise ValueError(f"Unknown column '{shown(name)}'. The columns are {listed}.")
            if both.count(name) > 1:
                raise ValueError(f"Column '{shown(name)}' is both in X and given. Remove one.")
        if len(asked) != len(known):
            raise ValueError(
                f"'given' has {len(known)} rows, but X has {len(asked)}. Give one row, or as many."
            )
        table = pd.concat([asked, known], axis=1)
        if table.isna().to_numpy().any():
            raise ValueError("X or 'given' has missing values. Leave such columns out.")
        holes = {name: np.full(len(table), np.nan, object) for name in names if name not in both}
        table = pd.concat([table, pd.DataFrame(holes, index=table.index)], axis=1)[names]
        if encoder is None:
            return table.to_numpy(np.float64), np.isin(names, asked.columns)
        rows = encoder.transform(table, can_miss=True)
        return rows, np.array([name in asked.columns for name in encoder.encoded_names])

    def _integrate(self, rows: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, " n"]:
        """Return log of the integral of exp(-E) over the entries that are NaN."""
        is_free = np.isnan(rows)
        if not is_free.any():
            return -self.model_.energies(rows)
        if is_free.all():
            return np.full(len(rows), self.log_z_)
        log_z = draw_conditional(self.model_, rows, _NUM_DRAWS, seed).log_z
        return np.logaddexp.reduce(log_z, axis=0) - np.log(len(log_z))


def _as_columns(columns: Any, name: str) -> pd.DataFrame:
    """Return columns as a frame with rows 0, 1, ..."""
    if isinstance(columns, dict):
        listed = {key: np.atleast_1d(np.asarray(values)) for key, values in columns.items()}
        num = max(map(len, listed.values()), default=0)
        columns = pd.DataFrame(
            {k: np.resize(v, num) if len(v) == 1 else v for k, v in listed.items()}
        )
    if not hasattr(columns, "columns"):
        raise ValueError(f"'{name}' must be a data frame or a mapping from columns to values.")
    return as_frame(columns)
