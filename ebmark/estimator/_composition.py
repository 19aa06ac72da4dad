"""Fitted models combined into one density: products (and) and mixtures (or)."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ebmark.energies import Energy, Point
from ebmark.estimator._energy_model import EnergyModel
from ebmark.estimator._fitted import draw_seed, warn_unresolved
from ebmark.estimator._sampling import draw_by_annealing
from ebmark.partition_function import SINGLE, estimate_log_z

# rows of each model at which annealing of a product starts
_NUM_POINTS = 256


def compose(
    models: Sequence[EnergyModel],
    weights: ArrayLike | None = None,
    *,
    kind: str = "product",
    random_state: Any = 0,
) -> "ComposedModel":
    r"""Combine fitted models of the same columns into one density.

    $$ p(x) = \tfrac1Z \prod_i p_i(x)^{w_i} \quad\text{or}\quad p(x) = \sum_i w_i p_i(x) $$

    A product is high where all models are (and), a mixture where one is (or). The energies of a
    product are added, and its log Z is computed by annealed importance sampling.

    Args:
        models: fitted models. Frames must have the same columns, types and levels.
        weights: one per model, positive; 1 each for a product, equal for a mixture, whose weights
            are divided by their sum.
        kind: "product" or "mixture".
        random_state: seed of log Z.

    Returns:
        A density with `score_samples` and `sample`.

    Raises:
        ValueError: if the models differ in their columns, a weight is not positive, the kind is
            unknown, or a mixture has a model whose log Z is unresolved.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> options = {"baselines": False, "early_stopping": False, "random_state": 0}
        >>> models = [EnergyModel("gaussian", **options).fit(X + shift) for shift in (0, 9)]
        >>> either = compose(models, kind="mixture")
        >>> either.sample(100, random_state=0).mean(axis=0).round(-1)
        array([0., 0.])

    References: Hinton (2002), Training products of experts by minimizing contrastive divergence;
    Du, Li & Mordatch (2020), Compositional visual generation with energy based models.
    """
    if kind not in ("product", "mixture"):
        raise ValueError(f"'kind' must be 'product' or 'mixture', got {kind!r}.")
    for model in models:
        check_is_fitted(model)
    _check_columns(models)
    values = np.ones(len(models)) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (len(models),) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"'weights' must be {len(models)} positive number(s), one per model, got {weights}."
        )
    seed = draw_seed(random_state)
    if kind == "product":
        return _Product(models, values, seed)
    return _Mixture(models, values / values.sum())


class ComposedModel:
    """A product or mixture of fitted models.

    Attributes:
        log_z_: log Z of the composed energy, in nats; 0 for a mixture.
        log_z_error_: its standard error; infinite where log Z is unresolved.
    """

    log_z_: float
    log_z_error_: float

    def __init__(self, models: Sequence[EnergyModel], weights: Float[np.ndarray, " models"]):
        self.models = list(models)
        self.weights = weights

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the log-density of rows, in nats."""
        raise NotImplementedError

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw rows, an array or a data frame as the models do."""
        seed = draw_seed(random_state)
        return self.models[0].decode(self._sample(n_samples, seed))

    def _sample(self, num: int, seed: int) -> Float[np.ndarray, "n d"]:
        raise NotImplementedError


class _Mixture(ComposedModel):
    def __init__(self, models: Sequence[EnergyModel], weights: Float[np.ndarray, " models"]):
        super().__init__(models, weights)
        self.log_z_ = 0.0
        self.log_z_error_ = max(model.log_z_error_ for model in models)
        if not np.isfinite(self.log_z_error_):
            raise ValueError(
                "log Z of a model is unresolved, so that its proportion in a mixture is unknown. "
                "Fit it by another method or compose a product."
            )

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        log_densities = [model.score_samples(X) for model in self.models]
        return np.logaddexp.reduce(np.stack(log_densities) + np.log(self.weights)[:, None], axis=0)

    def _sample(self, num: int, seed: int) -> Float[np.ndarray, "n d"]:
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(num, self.weights).tolist()
        drawn = [
            model._sample(count, seed + i)
            for i, (model, count) in enumerate(zip(self.models, counts, strict=True))
            if count
        ]
        return rng.permutation(np.concatenate(drawn))


class _Product(ComposedModel):
    def __init__(
        self, models: Sequence[EnergyModel], weights: Float[np.ndarray, " models"], seed: int
    ):
        super().__init__(models, weights)
        self._units = models[0].model_.units
        self._energy = _WeightedSum.of(models, weights)
        rows = [model._sample(_NUM_POINTS, seed + i) for i, model in enumerate(models)]
        self._points = self._units.transform(np.concatenate(rows))
        log_z = estimate_log_z(self._energy, self._points, jr.key(seed), effort=SINGLE)
        self.log_z_ = log_z.value
        self.log_z_error_ = log_z.error
        if not log_z.resolves(0.0):
            self.log_z_error_ = math.inf
            warn_unresolved(stacklevel=5)

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        energies = [model.energy(X) for model in self.models]
        return -self.weights @ np.stack(energies) - self.log_z_

    def _sample(self, num: int, seed: int) -> Float[np.ndarray, "n d"]:
        z = draw_by_annealing(self._energy, self._points, num, seed)
        return self._units.inverse_transform(z)


class _WeightedSum(eqx.Module):
    r"""$\sum_i w_i E_i(A_i z + b_i) + c$, in the units of the first model.

    The constant makes exp(-E) the density in data units, so that log Z is that of the energies in
    data units.
    """

    energies: tuple[Energy, ...]
    matrices: Float[Array, "models dim dim"]
    shifts: Float[Array, "models dim"]
    weights: Float[Array, " models"]
    constant: Scalar

    @classmethod
    def of(
        cls, models: Sequence[EnergyModel], weights: Float[np.ndarray, " models"]
    ) -> "_WeightedSum":
        units = [model.model_.units for model in models]
        first = units[0]
        # rows are dz / dx
        inverse = np.linalg.inv(first.inverse_transform_gradients(np.eye(first.dim)))
        matrices = [inverse @ u.inverse_transform_gradients(np.eye(first.dim)) for u in units]
        shifts = [u.transform(first.mean[None])[0] for u in units]
        jacobians = np.array([u.log_jacobian for u in units])
        constant = weights @ jacobians - first.log_jacobian
        arrays = (np.stack(matrices), np.stack(shifts), weights, constant)
        energies = tuple(model.model_.energy for model in models)
        return cls(energies, *(jnp.asarray(a, jnp.float32) for a in arrays))

    def __call__(self, z: Point) -> Scalar:
        parts = [
            energy(z @ matrix + shift)
            for energy, matrix, shift in zip(self.energies, self.matrices, self.shifts, strict=True)
        ]
        return self.weights @ jnp.stack(parts) + self.constant


def _check_columns(models: Sequence[EnergyModel]) -> None:
    if not models:
        raise ValueError("'models' is empty. Give at least one fitted model.")
    first = models[0]._encoder
    for model in models[1:]:
        encoder = model._encoder
        is_same = first is encoder
        if first is not None and encoder is not None:
            is_same = first.codes_as(encoder)
        elif is_same:
            is_same = models[0].n_features_in_ == model.n_features_in_
        if not is_same:
            raise ValueError(
                "The models have different columns. Fit all of them to tables with the same "
                "columns, types and levels."
            )
