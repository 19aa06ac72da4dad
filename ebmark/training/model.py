"""Model files: a trained energy with all that is needed to sample and to evaluate it."""

import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

import ebmark
from ebmark.datasets.preprocessing import Standardizer, Units, Whitener, as_float32
from ebmark.energies import NETWORKS, Energy, Key, Network, StandardizedEnergy, new_energy
from ebmark.errors import UserError
from ebmark.methods import AbstractMethod
from ebmark.partition_function import evaluate
from ebmark.training import recipes
from ebmark.training.tree_file import load_tree, read_header, save_tree

_SPEC_KEYS = ("method", "energy", "training", "langevin", "num_train")
# as files name them; one that names none was written when there was no other
_UNITS: dict[str, type[Units]] = {kind.__name__: kind for kind in (Standardizer, Whitener)}
_MAX_POINTS = 10_000
_COUNTS = ("num_features", "num_components", "width", "depth")
# valid ranges of the network in a model file
_LIMITS = {
    "num_features": (0, 10_000),
    "num_components": (0, 64),
    "bandwidth": (1e-6, 1e6),
    "width": (1, 10_000),
    "depth": (1, 64),
    "confinement_std": (1e-6, 1e6),
    "wall_width": (0, 1e6),
}


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained energy and how it was made.

    Attributes:
        energy: the energy of points in standardized units.
        units: the map from data units to those of the energy.
        spec: `energy`, `method`, `training`, `langevin` and `num_train` of the spec of a run.
        columns: names of the data's columns.
        points: training points in standardized units, from which annealing starts.
        estimator: JSON values that an `EnergyModel` has learned besides.
    """

    energy: Energy
    units: Units
    spec: dict[str, Any]
    columns: tuple[str, ...] | None = None
    points: Float[np.ndarray, "k dim"] | None = None
    estimator: dict[str, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Hold the arrays of the energy, as its functions are not known to every pickler."""
        leaves = jax.tree.leaves(eqx.filter(self.energy, eqx.is_array))
        return vars(self) | {"energy": [np.asarray(leaf) for leaf in leaves]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        shapes, static = _skeleton(state["spec"], state["units"].dim)
        arrays = jax.tree.unflatten(jax.tree.structure(shapes), map(jnp.asarray, state["energy"]))
        vars(self).update(state | {"energy": eqx.combine(arrays, static)})

    @property
    def dim(self) -> int:
        """The number of columns."""
        return self.units.dim

    def energies(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        """Return the energies of points, of a density in data units.

        Points are standardized in float64, so that an offset takes no digits.

        Args:
            x: points in data units.
        """
        return evaluate(self.energy, as_float32(self.units, x)) + self.units.log_jacobian

    @property
    def in_user_units(self) -> StandardizedEnergy:
        """The energy as a function of points in data units, in float32.

        It loses digits where the data lie far from 0: standardize such points in float64, by
        `units`, and pass them to `energy`.
        """
        return StandardizedEnergy(self.energy, *(jnp.asarray(a, jnp.float32) for a in self.units))


def save_model(path: Path, model: Model) -> None:
    """Write a model file atomically."""
    header = {
        "kind": "model",
        "ebmark": ebmark.__version__,
        "dim": model.dim,
        "units": type(model.units).__name__,
        "columns": None if model.columns is None else list(model.columns),
        "spec": {key: model.spec[key] for key in _SPEC_KEYS},
    }
    if model.points is not None:
        header |= {"num_points": len(model.points), "estimator": model.estimator}
    save_tree(path, header, (eqx.filter(model.energy, eqx.is_array), model.units, model.points))


def load_model(path: Path) -> Model:
    """Read a model file.

    Args:
        path: a file written by `save_model`.

    Returns:
        The model.

    Raises:
        UserError: the file is truncated, damaged or not a model.
    """
    header = read_header(path)
    damaged = UserError(
        f"{path}: its header is not that of a model. Create a model with `ebmark fit`."
    )
    try:
        spec = header["spec"]
        dim = header["dim"]
        columns = header["columns"]
        kind = _UNITS[header.get("units", "Standardizer")]
        num_points = header.get("num_points")
        if header["kind"] != "model" or not _is_plausible(spec, dim, columns, num_points):
            raise damaged
        own = spec["energy"].get("own")
        if own is not None and own not in NETWORKS:
            damaged = UserError(
                f"{path}: its network '{own}' is not loaded. Pass --network FILE.py:FUNCTION, or "
                "the network to eb.load."
            )
        arrays, static = _skeleton(spec, dim)
    except (KeyError, TypeError, ValueError, OverflowError, UserError):
        raise damaged from None
    # of no size in memory
    vector, matrix = (np.broadcast_to(0.0, (dim,) * rank) for rank in (1, 2))
    units = kind(*(matrix if name == "axes" else vector for name in kind._fields))
    points = None if num_points is None else np.broadcast_to(np.float32(0), (num_points, dim))
    arrays, units, points = load_tree(path, (arrays, units, points))
    names = None if columns is None else tuple(columns)
    energy = eqx.combine(arrays, static)
    return Model(energy, units, spec, names, points, header.get("estimator"))


def _is_plausible(spec: Any, dim: Any, columns: Any, num_points: Any) -> bool:
    """Whether a header from an untrusted file has the types and ranges that `save_model` writes."""
    if type(dim) is not int or not 1 <= dim <= 100_000:
        return False
    if num_points is not None and not (type(num_points) is int and 2 <= num_points <= _MAX_POINTS):
        return False
    has_names = columns is None or (
        isinstance(columns, list)
        and len(columns) == dim
        and all(isinstance(column, str) for column in columns)
    )
    energy = spec["energy"]
    step_size = spec["langevin"]["step_size"]
    if "own" in energy:
        # the network itself is that of the user
        energy = Network().resolve(dim) | energy
        own = energy.pop("own")
        if not isinstance(own, str):
            return False
    energy = {"residual": False, "num_components": 0} | energy
    has_counts = all(type(energy[key]) is int for key in _COUNTS)
    return (
        has_names
        and isinstance(spec["method"], str)
        and isinstance(spec["training"], dict)
        and type(spec["num_train"]) is int
        and 1 <= spec["num_train"] <= 100_000_000
        and set(energy) == {"residual", *_LIMITS}
        and type(energy["residual"]) is bool
        and has_counts
        and all(lowest <= energy[key] <= highest for key, (lowest, highest) in _LIMITS.items())
        and isinstance(step_size, float)
        and 0 < step_size < 1e6
    )


def _skeleton(spec: dict[str, Any], dim: int) -> tuple[Energy, Energy]:
    """Return the shapes of the arrays of an energy, and all else that it holds."""
    recipe = recipes.with_changes(spec["method"], spec["training"])
    skeleton = eqx.filter_eval_shape(_untrained, recipe.method, spec, dim, jr.key(0))
    return eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))


def _untrained(method: AbstractMethod, spec: dict[str, Any], dim: int, key: Key) -> Energy:
    """Build an energy of the same structure and shapes as the trained one."""
    zeros = np.zeros((spec["num_train"], dim))
    energy = new_energy(spec["energy"], zeros, key, num_extra_inputs=method.num_extra_inputs)
    data = jnp.asarray(zeros, jnp.float32)
    trainable = method.build_trainable(energy, data, key)
    return method.learned_energy(trainable, method.init(data, key))
