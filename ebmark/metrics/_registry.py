"""Metrics of two samples, by name."""

from collections.abc import Callable

from ebmark.metrics._c2st import classifier_accuracy
from ebmark.metrics._energy_distance import energy_distance
from ebmark.metrics._mmd import mmd
from ebmark.metrics._precision_recall import coverage, density, precision, recall
from ebmark.metrics._sinkhorn import sinkhorn_divergence
from ebmark.metrics._sinkhorn_lazy import sinkhorn_on_the_fly
from ebmark.metrics._wasserstein import minibatch_wasserstein, sliced_wasserstein, wasserstein

# A function of samples of the model and target samples.
SampleMetric = Callable[..., float]

# Computed in every run.
SAMPLE_METRICS: dict[str, SampleMetric] = {
    "w1": lambda x, y: wasserstein(x, y, order=1),
    "w2": lambda x, y: wasserstein(x, y, order=2),
    "sliced_w2": sliced_wasserstein,
    "mmd_sq": mmd,
}

# Computed by `ebmark evaluate --all-metrics`.
ADDITIONAL_SAMPLE_METRICS: dict[str, SampleMetric] = {
    "energy_distance_sq": energy_distance,
    "sinkhorn": sinkhorn_divergence,
    "c2st": classifier_accuracy,
    "precision": precision,
    "recall": recall,
    "density": density,
    "coverage": coverage,
}

# With more points than this, the matrix of all distances is too large: metric -> replacement.
MANY_POINTS = 5_000
OF_MANY_POINTS: dict[str, tuple[str, SampleMetric]] = {
    "w1": ("minibatch_w1", lambda x, y: minibatch_wasserstein(x, y, order=1)),
    "w2": ("minibatch_w2", lambda x, y: minibatch_wasserstein(x, y, order=2)),
    "sinkhorn": ("sinkhorn", sinkhorn_on_the_fly),
}
