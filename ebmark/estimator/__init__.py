"""A trained energy as a scikit-learn estimator, and what can be asked of it.

May import errors, system, the mathematics (energies to methods) and training.
To add a question, write a function of a fitted model in one file and a method of `EnergyModel`.
"""

from ebmark.estimator import plot as plot
from ebmark.estimator._baselines import Comparison as Comparison
from ebmark.estimator._baselines import compare_baselines as compare_baselines
from ebmark.estimator._baselines import fit_baselines as fit_baselines
from ebmark.estimator._baselines import is_better as is_better
from ebmark.estimator._composition import ComposedModel as ComposedModel
from ebmark.estimator._composition import compose as compose
from ebmark.estimator._energy_model import EnergyModel as EnergyModel
from ebmark.estimator._files import load as load
from ebmark.estimator._synthetic_rows import Fidelity as Fidelity
