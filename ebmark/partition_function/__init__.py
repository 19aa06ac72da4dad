"""The normalizing constant Z: quadrature, annealed importance sampling, tempering.

May import `energies`, `datasets`, `samplers` and `system`. A new estimator is one file `_name.py`
that returns log Z with its error, and one line here.
"""

from ebmark.partition_function._ais import log_z_annealed as log_z_annealed
from ebmark.partition_function._ais import log_z_bracket as log_z_bracket
from ebmark.partition_function._quadrature import GridDensity as GridDensity
from ebmark.partition_function._quadrature import evaluate as evaluate
from ebmark.partition_function._quadrature import exact_samples as exact_samples
from ebmark.partition_function._quadrature import normalize_on_grid as normalize_on_grid
from ebmark.partition_function._quadrature import (
    normalize_values_on_grid as normalize_values_on_grid,
)
from ebmark.partition_function._tempered import exact_reference as exact_reference
from ebmark.partition_function._tempered import reference as reference
