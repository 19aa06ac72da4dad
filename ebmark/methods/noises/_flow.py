"""A normalizing flow, of the library flowjax."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, PyTree, Scalar

from ebmark.energies import Key
from ebmark.methods.noises._base import AbstractNoise

_LAYERS, _KNOTS, _REACH, _WIDTH = 6, 8, 4.0, 32
_UPDATES, _BATCH, _LEARNING_RATE = 500, 256, 5e-3  # of the fit as a noise


class CouplingFlow(AbstractNoise):
    r"""A normal pushed through invertible layers: rational quadratic splines in a coupling.

    $$ \log q(x) = \log N(z; 0, \mathrm{scale}^2 I)
       + \log \left|\det \frac{\partial z}{\partial x}\right|, \quad z = f^{-1}(x) $$

    `fit` maximises the likelihood with `scale` 1 and then widens the normal. It holds arrays
    only; the layers' structure is rebuilt where it is needed (in a trace, for nothing).

    Durkan, Bekasov, Murray & Papamakarios (2019), Neural spline flows; Ward's flowjax.
    """

    arrays: PyTree[Array]
    dim: int = eqx.field(static=True)
    scale: float | Scalar = 1.0

    @classmethod
    def untrained(cls, dim: int, key: Key) -> "CouplingFlow":
        return cls(eqx.filter(_layers(dim, key), eqx.is_array), dim)

    @classmethod
    def fit(cls, data, scale, key):
        start_key, loop_key = jr.split(key)
        arrays, rest = eqx.partition(cls.untrained(data.shape[1], start_key), eqx.is_inexact_array)
        schedule = optax.cosine_decay_schedule(_LEARNING_RATE, _UPDATES)
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

        def loss(arrays, batch):
            return jnp.mean(jax.vmap(eqx.combine(arrays, rest))(batch))

        def update(carry, key):
            arrays, memory = carry
            batch = data[jr.randint(key, (_BATCH,), 0, data.shape[0])]
            steps, memory = optimizer.update(jax.grad(loss)(arrays, batch), memory)
            return (optax.apply_updates(arrays, steps), memory), None

        start = (arrays, optimizer.init(arrays))
        (arrays, _), _ = jax.lax.scan(update, start, jr.split(loop_key, _UPDATES))
        return cls(eqx.combine(arrays, rest).arrays, data.shape[1], jnp.asarray(scale))

    def sample(self, num, key):
        normal = self._width * jr.normal(key, (num, self.dim))
        return jax.vmap(self.bijection.transform)(normal)

    def log_prob(self, x):
        z, log_det = self.bijection.inverse_and_log_det(x)
        return jnp.sum(norm.logpdf(z, scale=self._width)) + log_det

    @property
    def _width(self):
        return jax.lax.stop_gradient(self.scale)  # it is chosen, not learned

    @property
    def bijection(self):
        from paramax import unwrap

        structure = eqx.filter(_layers(self.dim, jr.key(0)), eqx.is_array, inverse=True)
        return unwrap(eqx.combine(self.arrays, structure))


def _layers(dim: int, key: Key) -> PyTree:
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import StandardNormal
    from flowjax.flows import coupling_flow

    return coupling_flow(
        key,
        base_dist=StandardNormal((dim,)),
        transformer=RationalQuadraticSpline(knots=_KNOTS, interval=_REACH),
        flow_layers=_LAYERS,
        nn_width=_WIDTH,
    ).bijection
