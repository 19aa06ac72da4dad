"""The smallest local standard deviation of the data, which sets step sizes and noise levels."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Scalar

from ebmark.energies import Key

# in standardized units; data of a smaller scale count as discrete, or as points on a line
MIN_LOCAL_SCALE = 0.02


@functools.partial(jax.jit, static_argnames=("num_query_points", "num_points"))
def local_scale(
    data: Float[Array, "n dim"], key: Key, *, num_query_points: int = 256, num_points: int = 4096
) -> Scalar:
    r"""Estimate the smallest local standard deviation $s_{min}$ of standardized data.

    Around a query point $a$, weights $w_i \propto \exp(-\|x_i - a\|^2 / 2 t^2)$ give a covariance
    $C$. Where the data are locally Gaussian with covariance $S$, $C^{-1} = S^{-1} + I / t^2$ for
    every $t$, so that

    $$ s^2 = \left(\lambda_{min}(C)^{-1} - t^{-2}\right)^{-1} $$

    $t$ is the median distance of a query point to its $k$-th neighbor, $k = n^{4/(4+d)} / 4$, as
    for the bandwidth of a density estimate. The estimate is the lower quartile over the query
    points, between `MIN_LOCAL_SCALE` and 1. For d > 1 it is computed again with $k / 4$ neighbors;
    if that is less than a third (as where a neighborhood holds two rings), that is the result.
    In many whitened dimensions, where all points are far apart, the estimate is an upper bound.

    Args:
        data: Standardized points.
        key: Random key of the subset of points.
        num_query_points: Number of query points.
        num_points: Number of points used, at most.

    Returns:
        $s_{min}$, in standardized units.

    Raises:
        ValueError: If `data` is not of shape (n, dim) with n of 2 or more.

    References: Silverman (1986), Density estimation for statistics and data analysis.

    Example:
        >>> scale = local_scale(jr.normal(jr.key(0), (4_000, 2)), jr.key(1))
        >>> bool(0.5 < scale <= 1)
        True
    """
    if data.ndim != 2 or data.shape[0] < 2:
        raise ValueError(f"'data' must have shape (n, dim) with n >= 2, got {data.shape}.")
    points = data[jr.permutation(key, data.shape[0])[:num_points]]
    num, dim = points.shape
    query_points = points[:num_query_points]
    squares = jax.vmap(lambda a: jnp.sum((points - a) ** 2, axis=-1))(query_points)
    k = round(num ** (4 / (4 + dim)) / 4)
    num_coarse = _clip_count(k, num, dim)
    num_fine = _clip_count(k // 4, num, dim) if dim > 1 else num_coarse
    nearest = -jax.lax.top_k(-squares, num_coarse + 1)[0]

    def smallest_variance(square: Float[Array, " n"], t2: Scalar) -> Scalar:
        weights = jax.nn.softmax(-square / (2 * t2))
        centered = points - weights @ points
        smallest = jnp.linalg.eigvalsh((centered * weights[:, None]).T @ centered)[0]
        return 1 / jnp.maximum(1 / jnp.maximum(smallest, 1e-12) - 1 / t2, 1e-12)

    def scale(num_neighbors: Int[Array, ""]) -> Scalar:
        t2 = jnp.maximum(jnp.median(nearest[:, num_neighbors]), MIN_LOCAL_SCALE**2)
        variances = jax.vmap(smallest_variance, in_axes=(0, None))(squares, t2)
        return jnp.clip(jnp.sqrt(jnp.quantile(variances, 0.25)), MIN_LOCAL_SCALE, 1.0)

    coarse, fine = jax.vmap(scale)(jnp.array([num_coarse, num_fine]))
    return jnp.where(fine < coarse / 3, fine, coarse)


def _clip_count(num_neighbors: int, num: int, dim: int) -> int:
    return min(max(num_neighbors, 2 * dim, 8), num - 1)


def default_step_size(scale: Scalar, step_size: float | Scalar | None = None) -> Scalar:
    r"""Return the Langevin step size $h = s_{min}^2 / 10$, or the given one.

    At $s^2 / 10$ the variance of unadjusted Langevin dynamics is 5.3% too large; near $2 s^2$ the
    chains diverge.

    Args:
        scale: $s_{min}$.
        step_size: A step size that replaces the default.

    Returns:
        The step size, an array.
    """
    return scale**2 / 10 if step_size is None else jnp.asarray(step_size)
