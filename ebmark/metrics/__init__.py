"""Metrics: functions of arrays that know nothing of methods."""

from collections.abc import Callable

from ebmark.metrics._density import Truth as Truth
from ebmark.metrics._density import density_metrics as density_metrics
from ebmark.metrics._density import truth_on as truth_on
from ebmark.metrics._mmd import mmd as mmd
from ebmark.metrics._transport import sliced_wasserstein as sliced_wasserstein
from ebmark.metrics._transport import wasserstein as wasserstein

SAMPLE_METRICS: dict[str, Callable[..., float]] = {
    "w1": lambda x, y: wasserstein(x, y, order=1),
    "w2": lambda x, y: wasserstein(x, y, order=2),
    "sliced_w2": sliced_wasserstein,
    "mmd": mmd,
}
