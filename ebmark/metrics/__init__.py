"""Metrics of samples and densities relative to the target, and their null ranges.

May import `energies`, `datasets`, `samplers`, `partition_function`, `system`. A new metric is a
function of two samples in one file `_name.py` and one line in `_registry.py`; see CONTRIBUTING.md.
"""

from ebmark.metrics._c2st import classifier_accuracy as classifier_accuracy
from ebmark.metrics._divergences import TargetGrid as TargetGrid
from ebmark.metrics._divergences import density_metrics as density_metrics
from ebmark.metrics._divergences import target_on_grid as target_on_grid
from ebmark.metrics._energy_distance import energy_distance as energy_distance
from ebmark.metrics._ksd import kernel_stein_discrepancy as kernel_stein_discrepancy
from ebmark.metrics._mmd import mmd as mmd
from ebmark.metrics._modes import high_quality_fraction as high_quality_fraction
from ebmark.metrics._modes import mode_frequency_tv as mode_frequency_tv
from ebmark.metrics._precision_recall import coverage as coverage
from ebmark.metrics._precision_recall import density as density
from ebmark.metrics._precision_recall import precision as precision
from ebmark.metrics._precision_recall import recall as recall
from ebmark.metrics._registry import ADDITIONAL_SAMPLE_METRICS as ADDITIONAL_SAMPLE_METRICS
from ebmark.metrics._registry import MANY_POINTS as MANY_POINTS
from ebmark.metrics._registry import OF_MANY_POINTS as OF_MANY_POINTS
from ebmark.metrics._registry import SAMPLE_METRICS as SAMPLE_METRICS
from ebmark.metrics._registry import SampleMetric as SampleMetric
from ebmark.metrics._sinkhorn import sinkhorn_divergence as sinkhorn_divergence
from ebmark.metrics._sinkhorn_lazy import sinkhorn_on_the_fly as sinkhorn_on_the_fly
from ebmark.metrics._suite import additional_metrics as additional_metrics
from ebmark.metrics._suite import metrics_of_many_points as metrics_of_many_points
from ebmark.metrics._suite import sample_metrics as sample_metrics
from ebmark.metrics._suite import target as target
from ebmark.metrics._wasserstein import minibatch_wasserstein as minibatch_wasserstein
from ebmark.metrics._wasserstein import sliced_wasserstein as sliced_wasserstein
from ebmark.metrics._wasserstein import wasserstein as wasserstein
