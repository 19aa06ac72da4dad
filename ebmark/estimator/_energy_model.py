"""A trained energy as a scikit-learn estimator: density, anomaly scores and samples of a table."""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import Array, Float
from sklearn.base import BaseEstimator, DensityMixin, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ebmark.datasets import UserDataset
from ebmark.datasets.preprocessing import fit_units
from ebmark.datasets.preprocessing.frames import as_frame, is_frame, is_table
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.energies import NETWORKS, Network, as_maker, new_energy
from ebmark.estimator._baselines import compare_baselines, fit_baselines
from ebmark.methods import AbstractBaseline, AbstractMethod, Recipe
from ebmark.partition_function import (
    SINGLE,
    GridDensity,
    estimate_log_z,
    exact_samples,
    normalize,
)
from ebmark.training import recipes
from ebmark.training.early_stopping import split_validation, train_with_early_stopping
from ebmark.training.model import Model
from ebmark.training.snapshots import Fit

# passes over the rows, and the smallest number of updates, where the table decides
_NUM_EPOCHS = 100
_MIN_UPDATES = 100
_NUM_SNAPSHOTS = 10


class EnergyModel(OutlierMixin, DensityMixin, BaseEstimator):
    r"""A density $p(x) = e^{-E(x)} / Z$ of the rows of a table, with a trained energy E.

    Rows are mapped to whitened coordinates (standardized ones in 1-D and 2-D), the energy is
    trained there, and everything that is returned is in the units of the table. log Z is computed
    by quadrature in 1-D and 2-D and by annealed importance sampling for d > 2.

    A data frame may hold text, booleans, dates and missing values, which `TableEncoder` maps to
    numbers. Its whole numbers and categories are discrete, with log probabilities as
    log-densities. The numbers of an array are real, and stay as they are.

    Args:
        method: a training method, a key of `METHODS` such as "nce", "dsm" or "cd".
        updates: number of optimizer updates; "auto" for 100 passes over the rows, at most the
            method's own number.
        early_stopping: whether to hold out a tenth of the rows and to keep the energy under which
            their likelihood is highest.
        contamination: fraction of the rows that `predict` marks as outliers.
        baselines: whether to fit a Gaussian, a Gaussian mixture and a kernel density estimate too,
            and to warn if one of them has a higher likelihood on the held-out rows.
        missing: what to do with missing values in fit: None to refuse them, "drop" to drop such
            rows, "impute" to use medians and modes, which understates spread and dependence.
        drop: names of columns to leave out, or positions for an array.
        network: an Equinox module of one standardized point, `eb.energy(function, params)`, or a
            function make(dim, key) that returns one; confined by a Gaussian and soft walls. None
            for the default network.
        random_state: seed of the network, the training and the held-out rows.

    Attributes:
        log_z_: log Z in nats, of the energy in the units of the table.
        log_z_error_: its standard error; infinite where log Z is unresolved. Then `score_samples`
            still ranks rows, but is off by a constant.
        offset_: the log-density below which `predict` marks a row as an outlier.
        best_step_: number of updates after which the kept energy was taken.
        held_out_: mean log-likelihood of the held-out rows by density, of the model and the
            baselines; only with early stopping.
        baselines_: the baselines by name.
        n_features_in_: number of columns.
        feature_names_in_: names of the columns of a data frame.
        columns_: kind, treatment, range, rounding and number of missing values of each column of a
            table; only if it is a data frame, holds text or dates, or `missing` or `drop` is used.

    Raises:
        ValueError: if the method is unknown, or the rows are not finite numbers of shape (n, d)
            with n > 1 that vary in every column, or a table that `TableEncoder` refuses.

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

    def __init__(
        self,
        method: str = "nce",
        *,
        updates: int | str = "auto",
        early_stopping: bool = True,
        contamination: float = 0.1,
        baselines: bool = True,
        missing: str | None = None,
        drop: Any = (),
        network: Any = None,
        energy: Any = None,
        random_state: Any = None,
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

    def fit(self, X: Any, y: Any = None) -> "EnergyModel":
        """Train the energy on the rows of X; y is ignored."""
        del y
        seed = int(check_random_state(self.random_state).randint(2**31))
        rows = self._fit_columns(X)
        X = rows if self._encoder is None else self._encoder.dequantize(rows, seed)
        split_key, energy_key, train_key, self._key = jr.split(jr.key(seed), 4)
        recipe = self._recipe(*X.shape)
        units = fit_units(X)
        settings = self._settings(X.shape[1])
        inputs = recipe.method.num_extra_inputs
        energy = new_energy(settings, units.transform(X), energy_key, num_extra_inputs=inputs)
        dataset = UserDataset("table", X)
        train_x, train_z, fit = train_with_early_stopping(
            recipe,
            energy,
            X,
            units,
            dataset.grid,
            _NUM_SNAPSHOTS if self.early_stopping else 1,
            early=self.early_stopping,
            choice_key=split_key,
            key=train_key,
        )
        if fit.divergence_reason is not None:
            raise ValueError(
                f"Training by '{self.method}' diverged: {fit.divergence_reason} Use another "
                "method or fewer updates."
            )
        self.model_ = Model(fit.energy, units, {"method": self.method}, None)
        self.best_step_ = fit.best_step if fit.best_step is not None else recipe.num_updates
        self._points = np.asarray(train_z)
        self._normalize(recipe.method, fit, dataset)
        self._compare(train_x, split_validation(X, split_key)[1] if len(train_x) < len(X) else None)
        self.offset_ = float(np.quantile(self._log_density(rows), self.contamination))
        return self

    def _settings(self, dim: int) -> dict[str, Any]:
        """Return the settings of the network, after registering one of the user."""
        if self.network is None:
            return Network().resolve(dim)
        NETWORKS["network"] = as_maker(self.network)
        return Network(own="network").resolve(dim)

    def _fit_columns(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Check the rows and map those of a table to numbers, without noise."""
        self._encoder: TableEncoder | None = None
        vars(self).pop("columns_", None)
        has_options = self.missing is not None or len(self.drop) > 0
        if not is_table(X) and not has_options:
            return np.asarray(validate_data(self, X, dtype=np.float64, ensure_min_samples=2))
        self._encoder = TableEncoder(self.missing, self.drop)
        rows = self._encoder.fit_transform(X)
        if len(rows) < 2:
            raise ValueError("Got 1 row without missing values. Give at least 2.")
        columns: Any = as_frame(X) if is_frame(X) else X
        validate_data(self, columns, skip_check_array=True)
        self.columns_ = self._encoder.summary()
        return rows

    def _transform(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Check rows against those of `fit`, and map those of a table to numbers."""
        check_is_fitted(self)
        if self._encoder is None:
            return np.asarray(validate_data(self, X, dtype=np.float64, reset=False))
        # a matrix of floats obeys scikit-learn, which wants its columns in the order of fit
        if not is_frame(X) or self._encoder.is_matrix:
            validate_data(self, X, skip_check_array=True, reset=False)
        return self._encoder.transform(X)

    def _recipe(self, num_rows: int, dim: int) -> Recipe:
        recipe = recipes.with_changes(self.method, {}, dim=dim)
        recipes.check_installed(self.method)
        updates = self.updates
        if updates == "auto":
            epochs = _NUM_EPOCHS * num_rows // recipe.batch_size
            updates = min(recipe.num_updates, max(epochs, _MIN_UPDATES))
        return dataclasses.replace(recipe, num_updates=updates) if recipe.num_updates else recipe

    def _normalize(self, method: AbstractMethod, fit: Fit, dataset: UserDataset) -> None:
        """Compute log Z, of the energy in data units."""
        self._density: GridDensity | None = None
        self._draw: Callable[..., Array] | None = None
        units = self.model_.units
        if isinstance(method, AbstractBaseline):
            log_z, error = 0.0, 0.0
            self._draw = functools.partial(method.sample, fit.snapshots[-1].trainable, fit.state)
        else:
            (log_z, error, *_), self._density = normalize(
                self.model_.energy, units, dataset.grid, self._points, self._key, effort=SINGLE
            )
        self.log_z_, self.log_z_error_ = float(log_z), float(error)
        if not np.isfinite(log_z) or not np.isfinite(error):
            warnings.warn(
                "log Z is unresolved: score_samples ranks rows, but is off by a constant.",
                stacklevel=3,
            )

    def _compare(
        self, train_x: Float[np.ndarray, "m d"], held_out: Float[np.ndarray, "k d"] | None
    ) -> None:
        """Fit the baselines, and warn if one has a higher likelihood of held-out rows."""
        self.baselines_ = fit_baselines(train_x) if self.baselines else {}
        if held_out is None:
            return
        own = self._log_density(held_out)
        compared = compare_baselines(self.baselines_, held_out, own, self.log_z_error_)
        self.held_out_ = {self.method: float(own.mean())}
        self.held_out_ |= {name: comparison.value for name, comparison in compared.items()}
        better = [comparison for comparison in compared.values() if comparison.is_better]
        if better:
            best = max(better, key=lambda comparison: comparison.value)
            warnings.warn(
                f"{best.name} has a higher log-likelihood on held-out rows "
                f"({best.value:.4g} nats) than '{self.method}' "
                f"({self.held_out_[self.method]:.4g}).",
                stacklevel=3,
            )

    def energy(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the energy of rows: minus the log-density up to the constant `log_z_`."""
        return self.model_.energies(self._transform(X))

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the log-density of rows, in nats; larger is more normal."""
        return self._log_density(self._transform(X))

    def _log_density(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        return -self.model_.energies(x) - (self.log_z_ if np.isfinite(self.log_z_) else 0.0)

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

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw rows from the density, with the columns, types, ranges and rounding of a table.

        Exactly from the quadrature grid in 1-D and 2-D, by sequential Monte Carlo for d > 2.

        Args:
            n_samples: number of rows.
            random_state: seed of the draws.

        Returns:
            An array, or a data frame if the model was fitted to one.
        """
        check_is_fitted(self)
        seed = int(check_random_state(random_state).randint(2**31))
        rows = self._sample(n_samples, seed)
        return rows if self._encoder is None else self._encoder.inverse_transform(rows)

    def _sample(self, n_samples: int, seed: int) -> Float[np.ndarray, "n d"]:
        key = jr.key(seed)
        if self._density is not None:
            return exact_samples(self._density, n_samples, key)
        if self._draw is not None:
            return self.model_.units.inverse_transform(np.asarray(self._draw(n_samples, key)))
        effort = SINGLE._replace(num_seeds=-(-n_samples // SINGLE.num_particles))
        log_z = estimate_log_z(self.model_.energy, self._points, key, effort=effort)
        draws = log_z.samples.reshape(-1, self.model_.dim)
        order = np.random.default_rng(seed).permutation(len(draws))[:n_samples]
        return self.model_.units.inverse_transform(draws[order])
