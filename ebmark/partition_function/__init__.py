"""The normalizing constant Z: by quadrature in 1-D and 2-D, by annealing for d > 2.

May import `energies`, `datasets`, `samplers` and `system`. A new estimator is one file `_name.py`
that returns log Z with its error, and one line here.
"""

from ebmark.partition_function._conditional import RowMaps as RowMaps
from ebmark.partition_function._conditional import draw_rows as draw_rows
from ebmark.partition_function._log_z import MAX_ERROR as MAX_ERROR
from ebmark.partition_function._log_z import QUICK as QUICK
from ebmark.partition_function._log_z import SINGLE as SINGLE
from ebmark.partition_function._log_z import STUDY as STUDY
from ebmark.partition_function._log_z import Effort as Effort
from ebmark.partition_function._log_z import LogZ as LogZ
from ebmark.partition_function._log_z import estimate_log_z as estimate_log_z
from ebmark.partition_function._log_z import study_effort as study_effort
from ebmark.partition_function._normalize import normalize as normalize
from ebmark.partition_function._quadrature import GridDensity as GridDensity
from ebmark.partition_function._quadrature import evaluate as evaluate
from ebmark.partition_function._quadrature import exact_samples as exact_samples
from ebmark.partition_function._quadrature import normalize_on_grid as normalize_on_grid
from ebmark.partition_function._quadrature import (
    normalize_values_on_grid as normalize_values_on_grid,
)
