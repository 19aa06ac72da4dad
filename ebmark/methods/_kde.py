"""A kernel density estimate: the anchor that needs no training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets import MIN_LOCAL_SCALE
from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises._kde import Kernels


class KernelDensityEstimate(AbstractBaseline):
    r"""A Gaussian around each of `centres` data points; the network is not used.

    $$ q(x) = \frac1n \sum_i N(x; x_i, b^2 I), \quad
       b = \arg\max_b \sum_i \log \frac{1}{n - 1} \sum_{j \ne i} N(x_i; x_j, b^2 I) $$

    The bandwidth maximises the leave-one-out likelihood over `bandwidths` values between .02 and 1,
    evenly in their logarithm.

    Needs the data's distances. Use it as an anchor, when asking what no training at all can reach.
    Not in more than some five dimensions, nor when data are few.

    Parzen (1962), On estimation of a probability density function and mode; Habbema, Hermans & van
    den Broek (1974), A stepwise discriminant analysis program using density estimation.
    """

    num_centers: int = eqx.field(static=True, default=1_500)
    num_bandwidths: int = eqx.field(static=True, default=40)

    def build_trainable(self, energy, data, key):
        centers = data[jr.permutation(key, data.shape[0])[: self.num_centers]]
        grid = jnp.geomspace(MIN_LOCAL_SCALE, 1.0, self.num_bandwidths)
        scores = jax.lax.map(lambda b: left_out(centers, b), grid)
        return Kernels(centers, grid[jnp.argmax(scores)])


def left_out(points, bandwidth):
    """The mean log-likelihood of each point under the kernels of all others, less a constant."""
    num, dim = points.shape

    def of_one(i):
        squares = jnp.sum((points[i][:, None] - points.T) ** 2, axis=0) / bandwidth**2
        return jax.nn.logsumexp(jnp.where(jnp.arange(num) == i, -jnp.inf, -0.5 * squares))

    sums = jax.lax.map(of_one, jnp.arange(num), batch_size=256)
    return jnp.mean(sums) - dim * jnp.log(bandwidth)
