"""A benchmark of training methods for energy-based models (EBMs), in JAX.

Names are imported when first used, so that `import ebmark as eb` starts no JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebmark.datasets import DATASETS as DATASETS
    from ebmark.datasets import Dataset as Dataset
    from ebmark.datasets import SyntheticDataset as SyntheticDataset
    from ebmark.datasets import load_dataset as load_dataset
    from ebmark.energies import Network as Network
    from ebmark.energies import energy as energy
    from ebmark.errors import EBMWarning as EBMWarning
    from ebmark.errors import UnresolvedWarning as UnresolvedWarning
    from ebmark.errors import UserError as UserError
    from ebmark.errors import WorseThanBaselineWarning as WorseThanBaselineWarning
    from ebmark.estimator import EnergyModel as EnergyModel
    from ebmark.estimator import compose as compose
    from ebmark.estimator import load as load
    from ebmark.estimator import plot as plot
    from ebmark.methods import METHODS as METHODS
    from ebmark.methods import ChainMethod as ChainMethod
    from ebmark.methods import Method as Method
    from ebmark.methods import Recipe as Recipe
    from ebmark.methods import method as method
    from ebmark.methods import tunable as tunable
    from ebmark.metrics.own_energy import evaluate as evaluate
    from ebmark.metrics.own_energy import from_torch as from_torch
    from ebmark.partition_function import estimate_log_z as estimate_log_z
    from ebmark.store.show_versions import show_versions as show_versions
    from ebmark.studies.comparison import compare as compare
    from ebmark.studies.comparison import tune as tune
    from ebmark.studies.twin import twin as twin
    from ebmark.training.loop import train as train

__version__ = "1.0.0"

_HOMES = {
    "ChainMethod": "ebmark.methods",
    "DATASETS": "ebmark.datasets",
    "Dataset": "ebmark.datasets",
    "EBMWarning": "ebmark.errors",
    "EnergyModel": "ebmark.estimator",
    "METHODS": "ebmark.methods",
    "Method": "ebmark.methods",
    "Network": "ebmark.energies",
    "Recipe": "ebmark.methods",
    "SyntheticDataset": "ebmark.datasets",
    "UnresolvedWarning": "ebmark.errors",
    "UserError": "ebmark.errors",
    "WorseThanBaselineWarning": "ebmark.errors",
    "compare": "ebmark.studies.comparison",
    "compose": "ebmark.estimator",
    "energy": "ebmark.energies",
    "evaluate": "ebmark.metrics.own_energy",
    "from_torch": "ebmark.metrics.own_energy",
    "estimate_log_z": "ebmark.partition_function",
    "load": "ebmark.estimator",
    "load_dataset": "ebmark.datasets",
    "method": "ebmark.methods",
    "plot": "ebmark.estimator",
    "show_versions": "ebmark.store.show_versions",
    "tunable": "ebmark.methods",
    "tune": "ebmark.studies.comparison",
    "twin": "ebmark.studies.twin",
    "train": "ebmark.training.loop",
}
__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ebmark' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
