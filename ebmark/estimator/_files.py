"""Model files of an estimator: its energy, and JSON values for the table and log Z."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing.table_json import encoder_as_json, encoder_from_json, plain
from ebmark.errors import UserError
from ebmark.estimator._queries import ModelQueries
from ebmark.estimator._training import chain_settings, register_network
from ebmark.partition_function import evaluate
from ebmark.training.model import Model, load_model, save_model

if TYPE_CHECKING:
    from ebmark.estimator._energy_model import EnergyModel

M = TypeVar("M", bound=ModelQueries)

_SPECIAL = ("random_state", "drop", "network")
# points whose energies are compared
_NUM_CHECKED = 8
_NUMBERS = ("log_z_", "log_z_error_", "offset_", "best_step_")


def write_estimator(path: Path, estimator: "EnergyModel") -> None:
    """Write a model file atomically.

    Raises:
        UserError: JSON cannot hold a name, a type or a level of the table, or the file cannot be
            written.
    """
    encoder, model = estimator._encoder, estimator.model_
    params: dict[str, Any] = estimator.get_params(deep=False)
    names = getattr(estimator, "feature_names_in_", None)
    is_seed = isinstance(params["random_state"], int | np.integer)
    drop = params["drop"]
    state = {
        "params": {name: plain(value) for name, value in params.items() if name not in _SPECIAL}
        | {
            "random_state": plain(params["random_state"]) if is_seed else None,
            "drop": drop if isinstance(drop, str) else [plain(name) for name in drop],
        },
        "numbers": {name: getattr(estimator, name) for name in _NUMBERS},
        "held_out": getattr(estimator, "held_out_", None),
        "stopped": estimator.stopped_,
        "diagnostics": estimator.diagnostics_,
        "num_features": estimator.n_features_in_,
        "energies": _check_values(model),
        "names": None if names is None else [plain(name) for name in names],
        "grid": [[*map(float, estimator._grid.lower)], [*map(float, estimator._grid.upper)]],
        "points_per_axis": estimator._grid.points_per_axis,
        "encoder": None if encoder is None else encoder_as_json(encoder),
    }
    spec = model.spec | {"langevin": chain_settings(model)}
    written = dataclasses.replace(
        model,
        spec=spec,
        columns=tuple(estimator.encoded_names),
        estimator=state,
    )
    save_model(path, written)


def load(path: str | Path, network: Any = None) -> "EnergyModel":
    """Read a model that `EnergyModel.save` or `ebmark fit` has written.

    Its scores, and its samples for equal `random_state`, are those of the saved model.

    Args:
        path: the model file. Reading it executes no code.
        network: the `network` of the model, if it has one of its own.

    Raises:
        UserError: the file is damaged, of another version, or holds no such model.

    Example:
        >>> import tempfile
        >>> from ebmark.estimator import EnergyModel
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> path = tempfile.mkdtemp() + "/model.ebm"
        >>> EnergyModel("gaussian", random_state=0).fit(X).save(path)
        >>> load(path).sample(3).shape
        (3, 2)
    """
    from ebmark.estimator._energy_model import EnergyModel

    register_network(network)
    model = load_model(Path(path))
    restored = _restore(path, model, lambda state: EnergyModel(**state["params"]))
    restored.baselines_ = {}
    return restored


def load_fitted(path: str | Path) -> ModelQueries:
    """Read such a model for a command, which needs no estimator of scikit-learn."""
    return _restore(path, load_model(Path(path)), lambda state: ModelQueries())


def _restore(path: str | Path, model: Model, make: Callable[[dict[str, Any]], M]) -> M:
    if model.estimator is None:
        raise UserError(
            f"{path}: holds an energy, but no table. Create a model with `ebmark fit` or "
            "EnergyModel.save."
        )
    try:
        restored = _fill(make(model.estimator), model.estimator, model)
        saved = np.asarray(model.estimator.get("energies", []), float)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise UserError(
            f"{path}: its header is not that of a model. Create a model with `ebmark fit`."
        ) from None
    values = np.array(_check_values(model))
    if values.size and saved.shape == values.shape and not np.allclose(values, saved, 1e-3, 1e-3):
        raise UserError(
            f"{path}: its network '{model.spec['energy']['own']}' is another one than that of the "
            "training. Pass that one: to eb.load, or by --network FILE.py:FUNCTION."
        )
    return restored


def _check_values(model: Model) -> list[float]:
    """Return energies by which the network of the user is recognized; none for another network."""
    if model.spec["energy"].get("own") is None:
        return []
    assert model.points is not None
    return evaluate(model.energy, model.points[:_NUM_CHECKED]).tolist()


def _fill(estimator: M, state: dict[str, Any], model: Model) -> M:
    estimator.model_ = model
    for name in _NUMBERS:
        number = state["numbers"][name]
        setattr(estimator, name, number if name == "best_step_" else float(number))
    if state["held_out"] is not None:
        estimator.held_out_ = {str(k): float(value) for k, value in state["held_out"].items()}
    estimator.stopped_ = str(state["stopped"])
    estimator.diagnostics_ = {str(k): float(value) for k, value in state["diagnostics"].items()}
    estimator.n_features_in_ = int(state["num_features"])
    if state["names"] is not None:
        estimator.feature_names_in_ = np.array(state["names"], dtype=object)
    lower, upper = (tuple(map(float, corner)) for corner in state["grid"])
    estimator._grid = Grid(lower, upper, _count(state["points_per_axis"]))
    estimator._density = None
    estimator._encoder = None
    if state["encoder"] is not None:
        estimator._encoder = encoder_from_json(state["encoder"])
        estimator.columns_ = estimator._encoder.summary()
    dim = len(estimator._encoder.varying) if estimator._encoder else estimator.n_features_in_
    if not dim == model.dim == len(lower) == len(upper):
        raise ValueError(dim)
    return estimator


def _count(value: Any) -> int:
    if type(value) is not int or not 2 <= value <= 10_000:
        raise ValueError(value)
    return value
