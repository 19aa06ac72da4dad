"""What can be asked of a fitted model besides densities and samples."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from jaxtyping import Float

from ebmark.datasets.preprocessing.frames import is_frame
from ebmark.estimator._baselines import Baseline, Comparison, pool
from ebmark.estimator._conditional import draw_conditional
from ebmark.estimator._explain import score_values
from ebmark.estimator._fitted import FittedModel, draw_seed
from ebmark.estimator._given import parse_values, place_given
from ebmark.estimator._synthetic_rows import Fidelity, compare_rows

Rows: TypeAlias = Float[np.ndarray, "n d"]


class ModelQueries(FittedModel):
    """Imputation, explanations and the fidelity of samples, as methods of `EnergyModel`."""

    if TYPE_CHECKING:
        baselines_: dict[str, Baseline]

        def _compare(self, x: Rows) -> tuple[Comparison, dict[str, Comparison]]: ...

    def compare(self, X: Any, random_state: Any = None) -> list[Comparison]:
        """Compare the mean log-likelihood of rows, in nats, with that under the baselines.

        Discrete columns are dequantized, so that no density gains by a peak at a level.

        Args:
            X: rows that were not in `fit`.
            random_state: seed of the dequantization.

        Returns:
            The model, then the baselines.
        """
        seed = draw_seed(random_state)
        own, others = self._compare(self._dequantize(self._transform(X), seed))
        return [own, *others.values()]

    def anomaly_score(self, X: Any) -> Float[np.ndarray, " n"]:
        r"""Return how anomalous rows are, in nats, by the model and its baselines together.

        $$ a(x) = -\frac1k \sum_{i=1}^k \log p_i(x) $$

        The densities are those of the model, the mixture and the kernels.

        Args:
            X: rows of shape (n, d), as in `fit`.

        Returns:
            One score per row; larger is more anomalous.

        Raises:
            ValueError: if the model has no baselines, or the columns are not those of `fit`.

        Example:
            >>> import numpy as np
            >>> import ebmark as eb
            >>> X = np.random.default_rng(0).normal(size=(200, 2))
            >>> model = eb.EnergyModel("gaussian", random_state=0).fit(X)
            >>> model.anomaly_score([[0.1, 0.2], [4.0, 4.0]]).argmax()
            np.int64(1)

        References: Genest & Zidek (1986), Combining probability distributions.
        """
        rows = self._transform(X)
        if not getattr(self, "baselines_", None):
            raise ValueError(
                "'anomaly_score' needs the baselines of 'fit', which this model does not have. "
                "Fit it with baselines=True, or use -score_samples(X)."
            )
        return -pool(self.baselines_, rows, self._log_density(rows))

    def encode(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Map rows of a table to the numbers on which the density is defined, without noise."""
        return self._transform(X)

    @property
    def encoded_names(self) -> list[str]:
        """The names of these numbers, one per column that varies; x1, x2, ... of an array."""
        if self._encoder is not None:
            return [str(name) for name in self._encoder.encoded_names]
        return [f"x{i + 1}" for i in range(self.n_features_in_)]

    def find_dropped(self, frame: pd.DataFrame) -> list[Any]:
        """Return the names of columns of a table that the model does not use."""
        if self._encoder is None:
            return []
        named = zip(frame.columns, self._encoder.name_columns(frame).columns, strict=True)
        return [name for name, of_fit in named if of_fit in self._encoder.drop]

    def decode(self, rows: Float[np.ndarray, "n d"]) -> Any:
        """Map such numbers to rows with the columns, types, ranges and rounding of the table."""
        return rows if self._encoder is None else self._encoder.inverse_transform(rows)

    def impute(self, X: Any, n_imputations: int = 1, random_state: Any = None) -> Any:
        r"""Fill the missing values of rows by draws from the density of them given the others.

        $$ x_f \sim p(x_f \mid x_g) \propto e^{-E(x_f, x_g)} $$

        Draws have the spread of the conditional distribution, unlike means. With several
        imputations, analyze each table by itself and pool the results; the quantiles of a value
        over imputations are a prediction interval. Given levels of discrete columns count as the
        center of their interval, as in `score_samples`. That values are missing must not depend on
        what they are, given the others (missing at random).

        Args:
            X: rows of shape (n, d) as in `fit`, with missing values.
            n_imputations: number of draws per missing value.
            random_state: seed of the draws.

        Returns:
            The rows with all values, of the types of `fit`. With several imputations: a list of
            frames, or an array (n_imputations, n, d).

        Raises:
            ValueError: if the columns are not those of `fit`, or `n_imputations` is below 1.

        Example:
            >>> import numpy as np
            >>> import ebmark as eb
            >>> X = np.random.default_rng(0).normal(size=(200, 2))
            >>> model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(X)
            >>> filled = model.impute([[0.5, np.nan]], random_state=0)
            >>> float(filled[0, 0]), bool(np.isfinite(filled).all())
            (0.5, True)

        References: Rubin (1987), Multiple imputation for nonresponse in surveys.
        """
        if n_imputations < 1:
            raise ValueError(f"'n_imputations' must be at least 1, got {n_imputations}.")
        rows = self._transform_incomplete(X)
        seed = draw_seed(random_state)
        draws = self._impute_rows(rows, n_imputations, seed)
        filled = [self._fill(X, rows, z) for z in draws]
        if n_imputations == 1:
            return filled[0]
        return filled if is_frame(X) else np.stack(filled)

    def explain(self, X: Any) -> pd.DataFrame:
        r"""Say which values make a row odd: how unlikely each is given the other values of its row.

        $$ \mathbb{E}_{x' \sim p(\cdot \mid x_{-j})} \log p(x' \mid x_{-j})
           - \log p(x_j \mid x_{-j}) $$

        This is the log-density that the row would gain, on average, with a draw of the model in
        place of the value: 0 on average over rows of the model, and large for an odd value. It does
        not depend on the units of the column. log Z is not needed.

        Args:
            X: rows of shape (n, d), as in `fit`.

        Returns:
            A frame of nats, with the rows of X and the columns of `fit` that vary.

        Raises:
            ValueError: if the columns are not those of `fit`, or values are missing.

        Example:
            >>> import numpy as np
            >>> import ebmark as eb
            >>> X = np.random.default_rng(0).normal(size=(200, 2))
            >>> model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(X)
            >>> model.explain([[0.1, 6.0]]).idxmax(axis=1).tolist()
            [1]
        """
        rows = self._transform(X)
        index = X.index if isinstance(X, pd.DataFrame) else None
        surprise = score_values(self.model_, rows).surprise
        return pd.DataFrame(surprise, index=index, columns=self._column_names)

    def fidelity(
        self, X_train: Any, X_test: Any, n_samples: int | None = None, random_state: Any = None
    ) -> Fidelity:
        """Compare sampled rows with held-out rows, and look for copies of training rows.

        Args:
            X_train: the rows of `fit`.
            X_test: rows that were not used in `fit`, at least 2 that vary in every column.
            n_samples: number of sampled rows; as many as in X_test by default.
            random_state: seed of the samples.

        Returns:
            Distances by column with null ranges, and distances to the nearest training row.

        Raises:
            ValueError: if the columns are not those of `fit`.
        """
        train, test = self._transform(X_train), self._transform(X_test)
        drawn = self._transform(self.sample(n_samples or len(test), random_state))
        return compare_rows(drawn, train, test, self._column_names)

    @property
    def _column_names(self) -> list[Any]:
        """The names of the columns of the matrix; positions of an array."""
        if self._encoder is not None:
            return self._encoder.encoded_names
        return [*range(self.n_features_in_)]

    def _impute_rows(
        self, rows: Float[np.ndarray, "n d"], num_draws: int, seed: int
    ) -> Float[np.ndarray, "draws n d"]:
        """Draw the NaN of rows of the matrix."""
        draws = np.tile(rows, (num_draws, 1, 1))
        has_missing = np.isnan(rows).any(axis=1)
        if has_missing.any():
            drawn = draw_conditional(self.model_, rows[has_missing], num_draws, seed)
            draws[:, has_missing] = drawn.x
        return draws

    def _transform_incomplete(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Check rows against those of `fit`, and map them to numbers, NaN where missing."""
        self._check_fitted()
        if self._encoder is not None:
            return self._encoder.transform(X, can_miss=True)
        return np.asarray(self._check_rows(X, dtype=np.float64, ensure_all_finite="allow-nan"))

    def _fill(
        self, X: Any, rows: Float[np.ndarray, "n d"], filled: Float[np.ndarray, "n d"]
    ) -> Any:
        """Put `filled` in place of the missing values of a table, which are NaN in `rows`."""
        encoder = self._encoder
        if encoder is None:
            return filled
        table = encoder.name_columns(X)
        decoded = pd.DataFrame(encoder.inverse_transform(filled)).set_axis(encoder.columns, axis=1)
        is_missing = table.isna()
        is_missing[encoder.encoded_names] |= np.isnan(rows)
        columns: dict[Any, Any] = dict(table.items())
        for column, (name, values) in zip(encoder.learned, decoded.items(), strict=True):
            series = column.restore(columns[name])
            columns[name] = _fill_column(series, is_missing.loc[:, name].to_numpy(), values)
        frame = pd.DataFrame(columns)
        if isinstance(X, pd.DataFrame):
            frame.index = X.index
        return frame if is_frame(X) else frame.to_numpy()

    def parse_values(self, given: Mapping[str, str]) -> dict[Any, Any]:
        """Return values of columns from text, for `sample`; columns of an array are x1, x2, ...

        Raises:
            ValueError: if a value is not one of the column.
        """
        return parse_values(self._encoder, self.encoded_names, given)

    def _sample_given(self, num: int, given: Mapping[Any, Any], seed: int) -> Any:
        row = place_given(self.model_, self._encoder, given)
        rows = self._impute_rows(row, num, seed)[:, 0]
        return rows if self._encoder is None else self._encoder.inverse_transform(rows, given)


def _fill_column(series: pd.Series, is_missing: np.ndarray, decoded: pd.Series) -> pd.Series:
    """Replace missing values, with the type of the replacement if it holds the others too."""
    filled = decoded.astype(object).mask(~is_missing, series.astype(object))
    typed = filled.astype(decoded.dtype)
    return typed if (typed.astype(object) == filled).all() else filled.infer_objects()
