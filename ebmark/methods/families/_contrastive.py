"""Noise-contrastive methods: the noise distribution, its cost, and its noise ESS."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, Offset, Point, gaussian_log_z
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT, POSITIVE
from ebmark.methods.noises import NOISES
from ebmark.methods.noises._base import NUM_ESS_POINTS, AbstractNoise, noise_ess
from ebmark.system.devices import shard


class AbstractContrastiveMethod(AbstractMethod):
    """A method that contrasts each data point with `ratio` points of a noise distribution.

    Its state is the noise distribution, fitted to the data and widened by `scale`. An offset is
    trained with the energy and learns log Z. It starts at 0; for d > 2, at the log Z of N(0, I).
    """

    limits = {"ratio": COUNT, "scale": POSITIVE}

    ratio: eqx.AbstractVar[int]
    scale: eqx.AbstractVar[float]
    noise: eqx.AbstractVar[str]

    def __check_init__(self):
        if self.noise not in NOISES:
            raise ValueError(f"'noise' must be one of {', '.join(NOISES)}, got '{self.noise}'.")

    def init(self, data, key):
        return NOISES[self.noise].fit(data, self.scale, key)

    def build_trainable(self, energy, data, key):
        dim = data.shape[1]
        return Offset(energy, jnp.array(gaussian_log_z(1.0, dim) if dim > 2 else 0.0))

    def network_evaluations(self, batch_size, dim):
        del dim
        return 3 * batch_size * (1 + self.ratio) + NOISES[self.noise].network_evaluations

    def diagnostics(self, trainable, state, data, key):
        return {"noise_ess": noise_ess(trainable, state, NUM_ESS_POINTS, key)}


def log_ratios(
    energy: Energy, noise: AbstractNoise, batch: Float[Array, "batch dim"], ratio: int, key: Key
) -> tuple[Float[Array, " batch"], Float[Array, " noise"]]:
    r"""Return log-density ratios of model and noise at data points and at new noise points.

    $$ u(x) = -E(x) - \log q(x) $$

    Args:
        energy: The energy E.
        noise: The noise distribution q.
        batch: Data points.
        ratio: Noise points per data point.
        key: Random key.

    Returns:
        u at the data points, and at `ratio` times as many noise points.
    """

    def log_ratio(x: Point) -> Scalar:
        return -energy(x) - noise.log_prob(x)

    noise_points = shard(noise.sample(ratio * batch.shape[0], key))
    return jax.vmap(log_ratio)(batch), jax.vmap(log_ratio)(noise_points)
