"""A trained energy as a scikit-learn estimator, and what can be asked of it.

May import errors, system, the mathematics (energies to methods) and training.
To add a question, write a function of a fitted model in one file and a method of `EnergyModel`.
Names are imported when first used: commands that read a model need no scikit-learn.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebmark.estimator import plot as plot
    from ebmark.estimator._baselines import Comparison as Comparison
    from ebmark.estimator._baselines import compare_baselines as compare_baselines
    from ebmark.estimator._baselines import fit_baselines as fit_baselines
    from ebmark.estimator._baselines import is_better as is_better
    from ebmark.estimator._composition import ComposedModel as ComposedModel
    from ebmark.estimator._composition import compose as compose
    from ebmark.estimator._energy_model import EnergyModel as EnergyModel
    from ebmark.estimator._files import load as load
    from ebmark.estimator._files import load_fitted as load_fitted
    from ebmark.estimator._queries import ModelQueries as ModelQueries
    from ebmark.estimator._synthetic_rows import Fidelity as Fidelity

_HOMES = {
    "Comparison": "_baselines",
    "ComposedModel": "_composition",
    "EnergyModel": "_energy_model",
    "Fidelity": "_synthetic_rows",
    "ModelQueries": "_queries",
    "compare_baselines": "_baselines",
    "compose": "_composition",
    "fit_baselines": "_baselines",
    "is_better": "_baselines",
    "load": "_files",
    "load_fitted": "_files",
}


def __getattr__(name: str) -> Any:
    if name == "plot":
        return importlib.import_module("ebmark.estimator.plot")
    if name not in _HOMES:
        raise AttributeError(f"module 'ebmark.estimator' has no attribute '{name}'")
    return getattr(importlib.import_module(f"ebmark.estimator.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "plot"])
