"""Metrics: functions of arrays that know nothing of methods."""

from collections.abc import Callable

from ebmark.metrics._classifier import classifier_accuracy as classifier_accuracy
from ebmark.metrics._density import Truth as Truth
from ebmark.metrics._density import density_metrics as density_metrics
from ebmark.metrics._density import truth_on as truth_on
from ebmark.metrics._energy_distance import energy_distance as energy_distance
from ebmark.metrics._mmd import mmd as mmd
from ebmark.metrics._modes import mode_shares as mode_shares
from ebmark.metrics._modes import quality as quality
from ebmark.metrics._neighbours import coverage as coverage
from ebmark.metrics._neighbours import density as density
from ebmark.metrics._neighbours import precision as precision
from ebmark.metrics._neighbours import recall as recall
from ebmark.metrics._sinkhorn import sinkhorn_divergence as sinkhorn_divergence
from ebmark.metrics._sinkhorn_lazy import sinkhorn_on_the_fly as sinkhorn_on_the_fly
from ebmark.metrics._stein import kernel_stein_discrepancy as kernel_stein_discrepancy
from ebmark.metrics._transport import minibatch_wasserstein as minibatch_wasserstein
from ebmark.metrics._transport import sliced_wasserstein as sliced_wasserstein
from ebmark.metrics._transport import wasserstein as wasserstein

# of two samples, the model's and the truth's: in every cell of a study
SAMPLE_METRICS: dict[str, Callable[..., float]] = {
    "w1": lambda x, y: wasserstein(x, y, order=1),
    "w2": lambda x, y: wasserstein(x, y, order=2),
    "sliced_w2": sliced_wasserstein,
    "mmd": mmd,
}

# and these where they are asked for: `ebmark evaluate --more`
MORE_SAMPLE_METRICS: dict[str, Callable[..., float]] = {
    "energy_distance": energy_distance,
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
