"""The metrics of two samples, by name."""

from collections.abc import Callable

from ebmark.metrics._c2st import classifier_accuracy
from ebmark.metrics._energy_distance import energy_distance
from ebmark.metrics._mmd import mmd
from ebmark.metrics._precision_recall import coverage, density, precision, recall
from ebmark.metrics._sinkhorn import sinkhorn_divergence
from ebmark.metrics._sinkhorn_lazy import sinkhorn_on_the_fly
from ebmark.metrics._wasserstein import minibatch_wasserstein, sliced_wasserstein, wasserstein

# of two samples, the model's and the truth's: in every cell of a study
SAMPLE_METRICS: dict[str, Callable[..., float]] = {
    "w1": lambda x, y: wasserstein(x, y, order=1),
    "w2": lambda x, y: wasserstein(x, y, order=2),
    "sliced_w2": sliced_wasserstein,
    "mmd_sq": mmd,
}

# and these where they are asked for: `ebmark evaluate --all-metrics`
ADDITIONAL_SAMPLE_METRICS: dict[str, Callable[..., float]] = {
    "energy_distance_sq": energy_distance,
    "sinkhorn": sinkhorn_divergence,
    "c2st": classifier_accuracy,
    "precision": precision,
    "recall": recall,
    "density": density,
    "coverage": coverage,
}

# what stands for them where there are too many points for a matrix of all distances
MANY_POINTS = 5_000
OF_MANY_POINTS: dict[str, tuple[str, Callable[..., float]]] = {
    "w1": ("minibatch_w1", lambda x, y: minibatch_wasserstein(x, y, order=1)),
    "w2": ("minibatch_w2", lambda x, y: minibatch_wasserstein(x, y, order=2)),
    "sinkhorn": ("sinkhorn", sinkhorn_on_the_fly),
}
