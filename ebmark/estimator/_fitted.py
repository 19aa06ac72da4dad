"""The density and the samples of a fitted model, without the 2 s that scikit-learn takes."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.random as jr
import numpy as np
import pandas as pd
from jaxtyping import Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing.frames import is_frame
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.errors import UnresolvedWarning
from ebmark.estimator._sampling import draw_by_annealing
from ebmark.methods.noises import AbstractNoise
from ebmark.partition_function import GridDensity, exact_samples, normalize_on_grid
from ebmark.training.model import Model


def draw_seed(random_state: Any) -> int:
    """Return an integer seed from what scikit-learn takes as `random_state`.

    Example:
        >>> draw_seed(0) == draw_seed(np.random.RandomState(0))
        True
    """
    if isinstance(random_state, int | np.integer):
        return int(np.random.RandomState(random_state).randint(2**31))
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31))


def warn_unresolved(stacklevel: int) -> None:
    """Warn that densities are known up to a constant only."""
    warnings.warn(
        "log Z is unresolved: score_samples ranks rows, but is off by a constant.",
        UnresolvedWarning,
        stacklevel=stacklevel,
    )


class FittedModel:
    """Densities and samples, as methods of `EnergyModel`; commands use it as it is."""

    n_features_in_: int
    feature_names_in_: np.ndarray
    model_: Model
    log_z_: float
    log_z_error_: float
    offset_: float
    held_out_: dict[str, float]
    stopped_: str
    diagnostics_: dict[str, float]
    columns_: pd.DataFrame
    _encoder: TableEncoder | None
    _grid: Grid
    _density: GridDensity | None

    if TYPE_CHECKING:

        def decode(self, rows: Float[np.ndarray, "n d"]) -> Any: ...
        def _sample_given(self, num: int, given: Mapping[Any, Any], seed: int) -> Any: ...

    def _check_fitted(self) -> None:
        """Do nothing: what commands read is fitted."""

    def _check_rows(self, X: Any, **options: Any) -> Any:
        """Check rows as scikit-learn does, which knows its own estimators only."""
        from ebmark.estimator._energy_model import EnergyModel

        estimator = EnergyModel()
        vars(estimator).update(vars(self))
        return estimator._check_rows(X, **options)

    @property
    def _is_resolved(self) -> bool:
        return bool(np.isfinite(self.log_z_) and np.isfinite(self.log_z_error_))

    def _dequantize(self, rows: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, "n d"]:
        return rows if self._encoder is None else self._encoder.dequantize(rows, seed)

    def _transform(self, X: Any) -> Float[np.ndarray, "n d"]:
        """Check rows against those of `fit`, and map those of a table to numbers."""
        self._check_fitted()
        if self._encoder is None:
            if isinstance(X, pd.DataFrame) and X.isna().to_numpy().any():
                row = int(X.isna().any(axis=1).to_numpy().argmax()) + 1
                raise ValueError(
                    f"The table has missing values, first in row {row}. Remove such rows or fill "
                    "the values."
                )
            return np.asarray(self._check_rows(X, dtype=np.float64))
        # a matrix of floats obeys scikit-learn, which wants its columns in the order of fit
        is_named = isinstance(X, pd.DataFrame) and [*X.columns] == [*self._encoder.columns]
        if not is_named and (not is_frame(X) or self._encoder.is_matrix):
            self._check_rows(X, skip_check_array=True)
        return self._encoder.transform(X)

    def energy(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the energy of rows: minus the log-density up to the constant `log_z_`."""
        return self.model_.energies(self._transform(X))

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the log-density of rows, in nats; larger is more normal."""
        return self._log_density(self._transform(X))

    def _log_density(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        return -self.model_.energies(x) - (self.log_z_ if np.isfinite(self.log_z_) else 0.0)

    def sample(
        self,
        n_samples: int = 1,
        random_state: Any = None,
        *,
        given: Mapping[Any, Any] | None = None,
    ) -> Any:
        """Draw rows from the density, with the columns, types, ranges and rounding of a table.

        Exactly from the quadrature grid in 1-D and 2-D, by sequential Monte Carlo for d > 2 or
        where values are given.

        Args:
            n_samples: number of rows.
            random_state: seed of the draws.
            given: values of some columns, by name or, for an array, position. The other columns
                are drawn from their conditional distribution. Given values come back as they
                are; a warning names those outside the range of `fit`.

        Returns:
            An array, or a data frame if the model was fitted to one.

        Raises:
            ValueError: if a given column is unknown, or its value is missing or not one of it.
        """
        self._check_fitted()
        seed = draw_seed(random_state)
        if given:
            return self._sample_given(n_samples, given, seed)
        rows = self._sample(n_samples, seed)
        return self.decode(rows)

    def _sample(self, n_samples: int, seed: int) -> Float[np.ndarray, "n d"]:
        key, units = jr.key(seed), self.model_.units
        if isinstance(self.model_.energy, AbstractNoise):
            return units.inverse_transform(self.model_.energy.sample(n_samples, key))
        if self.model_.dim <= 2:
            if self._density is None:
                self._density = normalize_on_grid(self.model_.energy, self._grid, units)
            return exact_samples(self._density, n_samples, key)
        assert self.model_.points is not None
        z = draw_by_annealing(self.model_.energy, self.model_.points, n_samples, seed)
        return units.inverse_transform(z)
