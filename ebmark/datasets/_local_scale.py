"""The smallest length on which data vary: what a safe step and a fine blur are measured by."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Key

SMALLEST = 0.02  # in standardised units: below it data count as points on a line, or discrete


def local_scale(
    data: Float[Array, "n dim"], key: Key, *, num_anchors: int = 256, num_points: int = 4096
) -> Scalar:
    r"""The smallest local standard deviation $s_{min}$ of standardised data.

    Around an anchor $a$, weights $w_i \propto \exp(-\|x_i - a\|^2 / 2 t^2)$ give a covariance $C$;
    where the data are locally Gaussian with covariance $S$, $C^{-1} = S^{-1} + I / t^2$ for every
    $t$, so that

    $$ s^2 = \left(\lambda_{min}(C)^{-1} - t^{-2}\right)^{-1} $$

    $t$ is the median distance of an anchor to its $k$-th neighbour, $k = n^{4/(4+d)} / 4$, as for
    the bandwidth of a density estimate (Silverman 1986). The result is the lower quartile over the
    anchors, between `SMALLEST` and 1. If, in two dimensions and more, a quarter of the neighbours
    see less than a third of it (as where a neighbourhood holds two rings), theirs is taken.
    """
    crowd = data[jr.permutation(key, data.shape[0])[:num_points]]
    num, dim = crowd.shape
    anchors = crowd[:num_anchors]
    squares = jax.vmap(lambda a: jnp.sum((crowd - a) ** 2, axis=-1))(anchors)  # (anchors, crowd)
    wanted = round(num ** (4 / (4 + dim)) / 4)
    fewer = wanted // 4 if dim > 1 else wanted
    many, few = (min(max(count, 2 * dim, 8), num - 1) for count in (wanted, fewer))
    nearest = -jax.lax.top_k(-squares, many + 1)[0]

    def smallest_variance(square, t2):
        weights = jax.nn.softmax(-square / (2 * t2))
        centred = crowd - weights @ crowd
        smallest = jnp.linalg.eigvalsh((centred * weights[:, None]).T @ centred)[0]
        return 1 / jnp.maximum(1 / jnp.maximum(smallest, 1e-12) - 1 / t2, 1e-12)

    def scale(neighbours):
        t2 = jnp.maximum(jnp.median(nearest[:, neighbours]), SMALLEST**2)
        variances = jax.vmap(smallest_variance, in_axes=(0, None))(squares, t2)
        return jnp.clip(jnp.sqrt(jnp.quantile(variances, 0.25)), SMALLEST, 1.0)

    coarse, fine = jax.vmap(scale)(jnp.array([many, few]))
    return jnp.where(fine < coarse / 3, fine, coarse)


def default_step_size(scale: Scalar, step_size: float | None = None) -> Scalar:
    r"""The Langevin step $h = s_{min}^2 / 10$, or the one that was asked for.

    At $s^2 / 10$ unadjusted Langevin's variance is 5.3 % too large; near $2 s^2$ it explodes.
    """
    return scale**2 / 10 if step_size is None else jnp.asarray(step_size)
