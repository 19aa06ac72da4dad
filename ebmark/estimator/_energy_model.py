"""A trained energy as a scikit-learn estimator: density, anomaly scores and samples of a table."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, DensityMixin, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ebmark.datasets.preprocessing.frames import as_frame, is_frame, is_table
from ebmark.datasets.preprocessing.table import TableEncoder, refuse_missing
from ebmark.estimator._baselines import (
    Comparison,
    compare_baselines,
    fit_baselines,
    warn_of_better,
)
from ebmark.estimator._densities import ColumnDensities
from ebmark.estimator._fitted import draw_seed, warn_unresolved
from ebmark.estimator._missing import complete_rows
from ebmark.estimator._progress import show_progress
from ebmark.estimator._queries import ModelQueries
from ebmark.estimator._training import train_density, train_energy


class EnergyModel(ModelQueries, ColumnDensities, OutlierMixin, DensityMixin, BaseEstimator):
    r"""A density $p(x) = e^{-E(x)} / Z$ of the rows of a table, with a trained energy E.

    Rows are mapped to whitened coordinates (standardized ones in 1-D and 2-D), the energy is
    trained there, and everything that is returned is in the units of the table. log Z is computed
    by quadrature in 1-D and 2-D and by annealed importance sampling for d > 2.

    A data frame may hold text, booleans, dates and missing values, which `TableEncoder` maps to
    numbers. Its whole numbers and categories are discrete, with log probabilities as
    log-densities. The numbers of an array are real, and stay as they are.

    Args:
        method: a training method, a key of `METHODS` such as "nce", "dsm" or "cd".
        updates: number of optimizer updates; "auto" for 100 passes over the rows, but at least 100
            (1,000 in two dimensions) and at most the method's own number; None for that number.
        early_stopping: whether to hold out a tenth of the rows and to keep the energy under which
            their likelihood is highest.
        contamination: fraction of the rows that `predict` marks as outliers.
        baselines: whether to fit a Gaussian, a Gaussian mixture and a kernel density estimate too,
            and to warn if one of them has a higher likelihood on the held-out rows.
        missing: what to do with missing values in fit: None to refuse them, "drop" to drop such
            rows, "impute" to use medians and modes, which understates spread and dependence,
            "model" to draw them from the model, in 3 rounds (see `complete_rows`).
        drop: names of columns to leave out, or positions for an array.
        network: an Equinox module of one standardized point, `eb.energy(function, params)`, or a
            function make(dim, key) that returns one; confined by a Gaussian and soft walls. None
            for the default network. A model of such a network is loaded by eb.load(path, network).
        random_state: seed of the network, the training and the held-out rows.
        verbose: whether to show the progress of the training.
        snapshots: at least so many energies of the training are kept, for `eb.plot.animate`.

    Attributes:
        log_z_: log Z in nats, of the energy in the units of the table.
        log_z_error_: its standard error; infinite where log Z is unresolved. Then `score_samples`
            still ranks rows, but is off by a constant.
        offset_: the log-density below which `predict` marks a row as an outlier.
        best_step_: number of updates after which the kept energy was taken.
        stopped_: what early stopping reports, in a sentence; empty without.
        diagnostics_: those of the method, such as `noise_ess`.
        held_out_: mean log-likelihood of the held-out rows by density, of the model and the
            baselines; only with early stopping.
        baselines_: the baselines by name.
        n_features_in_: number of columns.
        feature_names_in_: names of the columns of a data frame.
        columns_: kind, treatment, range, rounding and number of missing values of each column of a
            table; only if it is a data frame, holds text or dates, or `missing` or `drop` is used.

    Raises:
        ValueError: if the rows are not finite numbers of shape (n, d) with n > 1 that vary in every
            column, or a table that `TableEncoder` refuses.
        UserError: if the method is unknown or does not support the number of columns.
        FloatingPointError: if the training diverged.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> model = EnergyModel("nce", updates=50, baselines=False, random_state=0).fit(X)
        >>> model.score_samples(X).shape, model.sample(10).shape
        ((200,), (10, 2))
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 0, "a", "b")})
        >>> model = model.fit(table)
        >>> model.columns_["kind"].tolist(), model.sample(10).dtypes.equals(table.dtypes)
        (['number', 'category'], True)

    References: LeCun, Chopra, Hadsell, Ranzato & Huang (2006), A tutorial on energy-based learning.
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        method: str = "nce",
        *,
        updates: int | str | None = "auto",
        early_stopping: bool = True,
        contamination: float = 0.1,
        baselines: bool = True,
        missing: str | None = None,
        drop: Any = (),
        network: Any = None,
        random_state: Any = None,
        verbose: bool = False,
        snapshots: int = 0,
    ):
        self.method = method
        self.updates = updates
        self.early_stopping = early_stopping
        self.contamination = contamination
        self.baselines = baselines
        self.missing = missing
        self.drop = drop
        self.network = network
        self.random_state = random_state
        self.verbose = verbose
        self.snapshots = snapshots

    def fit(self, X: Any, y: Any = None) -> "EnergyModel":
        """Train the energy on the rows of X; y is ignored."""
        del y
        seed = draw_seed(self.random_state)
        rows = self._fit_columns(X)
        options: dict[str, Any] = {
            "updates": self.updates,
            "early_stopping": self.early_stopping,
            "network": self.network,
            "num_snapshots": self.snapshots,
            "progress": show_progress(self.verbose),
        }
        if self.missing == "model" and self._encoder is not None:
            train = functools.partial(train_energy, self.method, **options)
            rows = complete_rows(lambda *x: train(*x).model, self._encoder, rows, seed)
        trained = train_density(self.method, self._dequantize(rows, seed), seed, **options)
        self.snapshots_ = trained.snapshots if self.snapshots else []
        self.model_, self._grid, self._density = trained.model, trained.grid, trained.density
        self.best_step_, self.stopped_ = trained.best_step, trained.stopped
        self.diagnostics_ = trained.diagnostics
        self.log_z_, self.log_z_error_ = float(trained.log_z), float(trained.log_z_error)
        if not self._is_resolved:
            warn_unresolved(stacklevel=3)
        self.baselines_ = fit_baselines(trained.train_x) if self.baselines else {}
        vars(self).pop("held_out_", None)
        if trained.held_out is not None:
            own, others = self._compare(trained.held_out)
            self.held_out_ = {name: other.value for name, other in others.items()}
            self.held_out_[self.method] = own.value
            warn_of_better(own, others.values())
        self.offset_ = float(np.quantile(self._log_density(rows), self.contamination))
        return self

    def _fit_columns(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Check the rows and map those of a table to numbers, without noise."""
        self._encoder: TableEncoder | None = None
        vars(self).pop("columns_", None)
        has_options = self.missing is not None or len(self.drop) > 0
        if not is_table(X) and not has_options:
            if is_frame(X):
                refuse_missing(X.columns[X.isna().any()], can_draw=True)
            return np.asarray(validate_data(self, X, dtype=np.float64, ensure_min_samples=2))
        self._encoder = TableEncoder(self.missing, self.drop, can_draw=True)
        rows = self._encoder.fit_transform(X)
        if len(rows) < 2:
            raise ValueError("Got 1 row without missing values. Give at least 2.")
        columns: Any = as_frame(X) if is_frame(X) else X
        validate_data(self, columns, skip_check_array=True)
        self.columns_ = self._encoder.summary()
        return rows

    def _check_fitted(self) -> None:
        check_is_fitted(self)

    def _check_rows(self, X: Any, **options: Any) -> Any:
        return validate_data(self, X, reset=False, **options)

    def _compare(self, x: Float[np.ndarray, "n d"]) -> tuple[Comparison, dict[str, Comparison]]:
        own = self._log_density(x)
        others = compare_baselines(self.baselines_, x, own, self.log_z_error_)
        return Comparison(self.method, float(own.mean()), is_better=False), others

    # the stub of scikit-learn returns None
    def score(self, X: Any, y: Any = None) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the mean log-likelihood of rows, in nats."""
        del y
        return float(self.score_samples(X).mean())

    def decision_function(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the log-density minus `offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for outliers and 1 for other rows."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _html_repr(self) -> str:
        """Return what a notebook shows: the parameters, and of a fitted model a picture."""
        from ebmark.estimator.plot import as_html

        diagram: str = super()._html_repr()
        return diagram + as_html(self) if hasattr(self, "offset_") else diagram

    def save(self, path: str | Path) -> None:
        """Write a model file, which `eb.load` and the command line read; without `baselines_`.

        Raises:
            UserError: a name, a type or a level of the table cannot be saved, or the file cannot
                be written.
        """
        from ebmark.estimator._files import write_estimator

        check_is_fitted(self)
        write_estimator(Path(path), self)
