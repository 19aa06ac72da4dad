"""Energies of users, written with any framework: checked, and evaluated against a dataset."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ebmark.datasets import SyntheticDataset
from ebmark.errors import UserError
from ebmark.metrics.scores import Energies, score_energy
from ebmark.system import user_code

_MAX_POINTS_PER_CALL = 65_536
# Points of the trial call: a number that is unlikely to be the dimension or the batch size, so
# that an energy of the wrong axis is noticed.
_NUM_TRIAL_POINTS = 7


class Scores(dict[str, float]):
    """Metrics by name, also as attributes: `scores.kl`."""

    def __getattr__(self, name: str) -> float:
        if name not in self:
            raise AttributeError(f"There is no score '{name}'. Choose one of {', '.join(self)}.")
        return self[name]


def evaluate(energy: Any, dataset: str | SyntheticDataset, *, random_state: int = 0) -> Scores:
    """Evaluate an energy against a dataset of known density, in 1-D or 2-D.

    Args:
        energy: points (n, dim) in data units -> energies (n,) up to a constant, of any framework;
            a fitted `eb.EnergyModel`; or an Equinox module of one point in data units.
        dataset: a name, or a dataset of `eb.Dataset.from_functions`.
        random_state: seed of the exact samples.

    Returns:
        KL(target || model) in nats with its decomposition, NLL, distances of exact samples, log Z.

    Raises:
        UserError: if the energy fails, returns another shape, or has no normalizing constant.

    Example:
        >>> evaluate(lambda x: 0.5 * (x**2).sum(axis=1), "half_moons").kl > 0
        True
    """
    source = SyntheticDataset(dataset) if isinstance(dataset, str) else dataset
    if source.dim > 2:
        raise UserError(
            f"'{source.name}' has {source.dim} dimensions, and energies are evaluated in 1-D and "
            "2-D only. Evaluate samples instead."
        )
    function = getattr(energy, "energy", energy)
    if isinstance(energy, eqx.Module):
        batched: Any = jax.jit(jax.vmap(energy))  # pyright: ignore[reportArgumentType]
        function = lambda x: batched(jnp.asarray(x, jnp.float32))  # noqa: E731
    checked = checked_energy(function, "The energy", source.dim)
    scores, _ = score_energy(checked, source, random_state)
    return Scores({score.metric: score.value for score in scores})


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


def checked_energy(function: Callable, where: str, dim: int) -> Energies:
    """Return an energy function that is called in blocks and checked, after a first call.

    Args:
        function: points (n, dim) in data units -> energies (n,).
        where: what messages call it.
        dim: the dimension of the points.

    Raises:
        UserError: if its first call fails.
    """

    def energies(points: np.ndarray) -> np.ndarray:
        splits = range(_MAX_POINTS_PER_CALL, len(points), _MAX_POINTS_PER_CALL)
        blocks = np.split(points, splits)
        return np.concatenate([_call(function, where, block) for block in blocks])

    rng = np.random.default_rng(0)
    energies(rng.normal(size=(_NUM_TRIAL_POINTS, dim)))
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
