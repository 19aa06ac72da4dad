"""Energies of users, written with any framework: checked, and evaluated against a dataset."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Scalar

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Units, fit_units
from ebmark.energies import Energy, Point
from ebmark.errors import UserError
from ebmark.metrics.annealed import score_annealed
from ebmark.metrics.scores import Energies, Score, score_energy
from ebmark.system import user_code

_MAX_POINTS_PER_CALL = 65_536
# Points of the trial call: a number that is unlikely to be the dimension or the batch size, so
# that an energy of the wrong axis is noticed.
_NUM_TRIAL_POINTS = 7
_NUM_UNIT_POINTS = 10_000


class Scores(dict[str, float]):
    """Metrics by name, also as attributes: `scores.kl`.

    Attributes:
        null_ranges: low and high value between two exact samples, of the metrics of samples.
    """

    def __init__(self, scores: list[Score]):
        super().__init__((score.metric, score.value) for score in scores)
        self.null_ranges: dict[str, tuple[float, float]] = {
            score.metric: (score.null_range["low"], score.null_range["high"])
            for score in scores
            if score.null_range is not None
        }

    def __getattr__(self, name: str) -> float:
        if name not in self:
            raise AttributeError(f"There is no score '{name}'. Choose one of {', '.join(self)}.")
        return self[name]


def evaluate(energy: Any, dataset: str | SyntheticDataset, *, random_state: int = 0) -> Scores:
    """Evaluate an energy against a dataset of known density.

    In 1-D and 2-D, log Z is computed by quadrature. For d > 2 it is estimated by annealing, with an
    error, which takes about a minute in 64 dimensions and needs gradients: the energy must be
    written in JAX.

    Args:
        energy: points (n, dim) in data units -> energies (n,) up to a constant, of any framework;
            a fitted `eb.EnergyModel`; or an Equinox module of one point in data units.
        dataset: a name, or a dataset of `eb.Dataset.from_functions`.
        random_state: seed of the exact samples; for d > 2, of the annealing.

    Returns:
        KL(target || model) in nats with its decomposition, NLL, distances of exact samples, log Z.
        For d > 2, KL with a 95% interval (`kl_lower`, `kl_upper`), infinite where the error of
        log Z leaves it unresolved, and distances of samples by sequential Monte Carlo. Null ranges
        of the distances are in its attribute `null_ranges`.

    Raises:
        UserError: if the energy fails, returns another shape, or has no normalizing constant.

    Example:
        >>> evaluate(lambda x: 0.5 * (x**2).sum(axis=1), "half_moons").kl > 0
        True
    """
    source = SyntheticDataset(dataset) if isinstance(dataset, str) else dataset
    model = getattr(energy, "model_", None)
    if model is not None and model.dim != source.dim:
        raise UserError(
            f"The model has {model.dim} columns, but '{source.name}' has {source.dim} dimensions. "
            "Pass a model of the same dimension."
        )
    if source.dim > 2 and model is not None:
        scores, _ = score_annealed(model.energy, model.units, source, random_state)
    else:
        function = getattr(energy, "energy", energy)
        if isinstance(energy, eqx.Module):
            batched: Any = jax.jit(jax.vmap(energy))  # pyright: ignore[reportArgumentType]
            function = lambda x: batched(jnp.asarray(x, jnp.float32))  # noqa: E731
        checked = checked_energy(function, "The energy", source.dim)
        scores, _ = score_own_energy(checked, source, random_state)
    return Scores(scores)


def score_own_energy(
    energies: "CheckedEnergy", source: SyntheticDataset, seed: int
) -> tuple[list[Score], int]:
    """Evaluate an energy of a user against a dataset.

    Args:
        energies: Maps points (n, dim) in data units to energies (n,).
        source: The dataset.
        seed: Seed of the samples.

    Returns:
        Metrics of the density and of its samples, and the number of these.

    Raises:
        UserError: If the energy is no density or, for d > 2, cannot be differentiated by JAX.
    """
    if source.dim <= 2:
        return score_energy(energies, source, seed)
    units = fit_units(source.draw(_NUM_UNIT_POINTS, jr.key(seed)))
    return score_annealed(energies.in_units(units), units, source, seed)


def from_torch(module: Any) -> Energies:
    """Return the energy of a PyTorch module as a function of NumPy points, for `evaluate`.

    The module is called on float32 batches, in evaluation mode and without gradients, on its
    device.

    Args:
        module: maps points (n, dim) to energies (n,) or (n, 1).

    Example:
        >>> import ebmark as eb
        >>> module = torch.nn.Sequential(torch.nn.Linear(2, 8), ...)  # doctest: +SKIP
        >>> eb.evaluate(eb.from_torch(module), "half_moons").kl  # doctest: +SKIP
    """

    def energies(points: np.ndarray) -> np.ndarray:
        import torch  # pyright: ignore[reportMissingImports]

        parameter = next(module.parameters(), None)
        device = None if parameter is None else parameter.device
        was_training = module.training
        module.eval()
        with torch.no_grad():
            values = module(torch.as_tensor(points, dtype=torch.float32, device=device))
        module.train(was_training)
        return values.reshape(len(points)).cpu().numpy()

    return energies


@dataclasses.dataclass(frozen=True)
class CheckedEnergy:
    """An energy function of a user that is called in blocks, and whose values are checked.

    Attributes:
        function: Points (n, dim) in data units -> energies (n,).
        where: What messages call it.
    """

    function: Callable
    where: str

    def __call__(self, points: np.ndarray) -> np.ndarray:
        splits = range(_MAX_POINTS_PER_CALL, len(points), _MAX_POINTS_PER_CALL)
        blocks = np.split(points, splits)
        return np.concatenate([_call(self.function, self.where, block) for block in blocks])

    def in_units(self, units: Units) -> Energy:
        """Return the energy as a JAX function of one point in standardized units.

        Its log Z is that in data units: the log of the Jacobian is subtracted.

        Raises:
            UserError: If JAX cannot differentiate the function.
        """
        stretch = jnp.asarray(units.inverse_transform(np.eye(units.dim)) - units.mean, jnp.float32)
        mean = jnp.asarray(units.mean, jnp.float32)

        def energy(z: Point) -> Scalar:
            values = jnp.asarray(self.function((mean + z @ stretch)[None]))
            return values.reshape(()).astype(z.dtype) - units.log_jacobian

        try:
            jax.eval_shape(jax.grad(energy), mean)
        except Exception:
            raise UserError(
                f"{self.where}: JAX cannot differentiate it, and log Z needs gradients for d > 2. "
                "Write it with jax.numpy, or evaluate samples."
            ) from None
        return energy


def checked_energy(function: Callable, where: str, dim: int) -> CheckedEnergy:
    """Return an energy function that is called in blocks and checked, after a first call.

    Args:
        function: points (n, dim) in data units -> energies (n,).
        where: what messages call it.
        dim: the dimension of the points.

    Raises:
        UserError: if its first call fails.
    """
    energies = CheckedEnergy(function, where)
    energies(np.random.default_rng(0).normal(size=(_NUM_TRIAL_POINTS, dim)))
    return energies


def _call(function: Callable, where: str, points: np.ndarray) -> np.ndarray:
    """Return the energies of a block of points, checked."""
    try:
        values = np.asarray(function(points.copy()))
        if values.size:
            values = values.astype(np.float64, casting="same_kind")
    except Exception as error:
        raise _explain(error, where, points.shape) from None
    if values.shape != (len(points),):
        raise UserError(
            f"{where}: returned an array of shape {values.shape} for points {points.shape}. "
            f"Return one energy per point, shape ({len(points)},)."
        )
    is_invalid = ~(values > -np.inf)
    if is_invalid.any():
        example = ", ".join(f"{x:.4g}" for x in points[is_invalid][0])
        raise UserError(
            f"{where}: returned {values[is_invalid][0]} at {is_invalid.sum()} of {len(points)} "
            f"points, such as ({example}). Return a number, or +inf where the density is zero."
        )
    return values


def _explain(error: Exception, where: str, shape: tuple[int, ...]) -> UserError:
    """Return the error of a failed call, with the line of the user's file."""
    return UserError(f"{where}: failed on points {shape}: {user_code.explain(error)}")
