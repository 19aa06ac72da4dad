"""A trained energy as a file: what is needed to sample it and to score it, anywhere."""

import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import ebmark
from ebmark import recipes
from ebmark._types import Energy, Key
from ebmark.energies import MLP, Confined, FourierMLP, Standardised
from ebmark.errors import UserError
from ebmark.quadrature import Units
from ebmark.serial import load_tree, read_header, save_tree


def new_energy(settings: dict[str, Any], dim: int, key: Key) -> Confined:
    """An untrained energy of the study's network, for standardised points."""
    settings = dict(settings)
    tau, num_features = settings.pop("tau"), settings.pop("num_features")
    if num_features:
        return Confined(FourierMLP(dim, num_features=num_features, key=key, **settings), tau)
    settings.pop("bandwidth")
    return Confined(MLP(dim, key=key, **settings), tau)


@dataclasses.dataclass(frozen=True)
class Model:
    """An energy of standardised points, the units it was learned in, and how it was made."""

    energy: Energy
    units: Units
    spec: dict[str, Any]  # `energy`, `method`, `training` and `langevin` of a cell's spec
    columns: tuple[str, ...] | None = None

    @property
    def dim(self) -> int:
        return len(self.units.mean)

    @property
    def in_user_units(self) -> Standardised:
        """The energy as a function of points in the user's units."""
        mean, scale = (jnp.asarray(a, jnp.float32) for a in self.units)
        return Standardised(self.energy, mean, scale)


def save_model(path: Path, model: Model) -> None:
    """Write a model file, whole or not at all."""
    header = {
        "kind": "model",
        "ebmark": ebmark.__version__,
        "dim": model.dim,
        "columns": None if model.columns is None else list(model.columns),
        "spec": {k: model.spec[k] for k in ("method", "energy", "training", "langevin")},
    }
    save_tree(path, header, (eqx.filter(model.energy, eqx.is_array), tuple(model.units)))


def load_model(path: Path) -> Model:
    """Read a model file. Raises UserError for a truncated, damaged or foreign one."""
    header = read_header(path)
    damaged = UserError(f"{path}: its header is not that of a model; make it with `ebmark fit`")
    try:
        if header["kind"] != "model" or not 1 <= int(header["dim"]) <= 100_000:
            raise damaged
        spec, dim, columns = header["spec"], int(header["dim"]), header["columns"]
        recipe = recipes.with_changes(spec["method"], spec["training"])
        if max(v for v in spec["energy"].values()) > 10_000:
            raise damaged
        skeleton = eqx.filter_eval_shape(_untrained, recipe.method, spec["energy"], dim, jr.key(0))
    except (KeyError, TypeError, ValueError):
        raise damaged from None
    arrays, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    units = (np.zeros(dim), np.zeros(dim))
    arrays, (mean, scale) = load_tree(path, (arrays, units))
    names = None if columns is None else tuple(str(column) for column in columns)
    return Model(eqx.combine(arrays, static), Units(mean, scale), spec, names)


def _untrained(method, settings: dict[str, Any], dim: int, key: Key) -> Energy:
    """The energy that training would start from; only its shapes are wanted."""
    data = jnp.zeros((64, dim))
    trainable = method.wrap(new_energy(settings, dim, key), data, key)
    return method.density(trainable, method.init(data, key))
