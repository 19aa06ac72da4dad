"""What methods that contrast data with noise share: the noise, its cost, and how far it lies."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, Offset
from ebmark.methods._base import AbstractMethod
from ebmark.methods.noises import NOISES
from ebmark.methods.noises._base import OVERLAP_POINTS, AbstractNoise, overlap
from ebmark.system.devices import shard


class AbstractContrastiveMethod(AbstractMethod):
    """A method that draws `ratio` noise points a datum from a `noise` that it also can weigh.

    Its state is the noise, `scale` times as wide as the one fitted to the data. The offset that is
    trained beside the energy is its log Z.
    """

    ratio: eqx.AbstractVar[int]
    scale: eqx.AbstractVar[float]
    noise: eqx.AbstractVar[str]

    def __check_init__(self):
        if self.noise not in NOISES:
            raise ValueError(f'noise must be one of {", ".join(NOISES)}, not "{self.noise}"')

    def init(self, data, key):
        return NOISES[self.noise].fit(data, self.scale, key)

    def build_trainable(self, energy, data, key):
        return Offset(energy, jnp.zeros(()))

    def network_evaluations(self, batch, dim):
        del dim
        return 3 * batch * (1 + self.ratio) + NOISES[self.noise].network_evaluations

    def diagnostics(self, trainable, state, data, key):
        return {"noise_ess": overlap(trainable, state, OVERLAP_POINTS, key)}


def log_ratios(
    energy: Energy, noise: AbstractNoise, batch: Float[Array, "batch dim"], ratio: int, key: Key
) -> tuple[Float[Array, " batch"], Float[Array, " noise"]]:
    r"""$u(x) = -E(x) - \log q(x)$ of the data, and of `ratio` noise points for each."""

    def log_ratio(x) -> Scalar:
        return -energy(x) - noise.log_prob(x)

    drawn = shard(noise.sample(ratio * batch.shape[0], key))
    return jax.vmap(log_ratio)(batch), jax.vmap(log_ratio)(drawn)
