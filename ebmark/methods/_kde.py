"""A kernel density estimate with cross-validated bandwidth."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import SMALLEST
from ebmark.methods._limits import COUNT, Interval
from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises._kde import Kernels


class KernelDensityEstimate(AbstractBaseline):
    r"""Baseline: kernel density estimate.

    $$ q(x) = \frac1n \sum_i N(x; x_i, b^2 I), \quad
       b = \arg\max_b \sum_i \log \frac{1}{n - 1} \sum_{j \ne i} N(x_i; x_j, b^2 I) $$

    The bandwidth b maximizes the leave-one-out likelihood over a geometric grid from 0.02 to 1.
    The network is not used.

    Attributes:
        num_centers: Data points n that kernels are centered on.
        num_bandwidths: Bandwidths of the grid.

    Requires: distances between the data.
    Use when: a fit without any training is needed for comparison.
    Avoid when: data have more than about five dimensions, or are few.
    References: Parzen (1962), On estimation of a probability density function and mode; Habbema,
        Hermans & van den Broek (1974), A stepwise discriminant analysis program using density
        estimation.
    """

    limits = {"num_centers": Interval(2, integer=True), "num_bandwidths": COUNT}

    num_centers: int = eqx.field(static=True, default=1_500)
    num_bandwidths: int = eqx.field(static=True, default=40)

    def build_trainable(self, energy, data, key):
        centers = data[jr.permutation(key, data.shape[0])[: self.num_centers]]
        bandwidths = jnp.geomspace(SMALLEST, 1.0, self.num_bandwidths)
        scores = jax.lax.map(lambda b: leave_one_out_score(centers, b), bandwidths)
        return Kernels(centers, bandwidths[jnp.argmax(scores)])


def leave_one_out_score(points: Float[Array, "n dim"], bandwidth: float | Scalar) -> Scalar:
    """Compute the mean log-likelihood of each point under the kernels of the others.

    A constant that does not depend on the bandwidth is left out.
    """
    num, dim = points.shape

    def log_sum_of_others(i):
        squares = jnp.sum((points[i][:, None] - points.T) ** 2, axis=0) / bandwidth**2
        return jax.nn.logsumexp(jnp.where(jnp.arange(num) == i, -jnp.inf, -0.5 * squares))

    log_sums = jax.lax.map(log_sum_of_others, jnp.arange(num), batch_size=256)
    return jnp.mean(log_sums) - dim * jnp.log(bandwidth)
