"""A normalizing flow, from the library flowjax."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, PyTree, Scalar

from ebmark.energies import Key
from ebmark.methods.noises._base import AbstractNoise

NUM_LAYERS = 6
NUM_KNOTS = 8
# The splines act on [-SPLINE_RANGE, SPLINE_RANGE] and are the identity outside.
SPLINE_RANGE = 4.0
WIDTH = 32
# Of the fit as a noise distribution.
NUM_UPDATES = 500
BATCH_SIZE = 256
LEARNING_RATE = 5e-3


class CouplingFlow(AbstractNoise):
    r"""A normal distribution transformed by invertible layers: rational quadratic splines.

    $$ \log q(x) = \log N(z; 0, \mathrm{scale}^2 I)
       + \log \left|\det \frac{\partial z}{\partial x}\right|, \quad z = f^{-1}(x) $$

    `fit` maximizes the likelihood with `scale` 1 and then widens the normal. The module holds
    arrays only; the structure of the layers is rebuilt when needed, which costs only tracing time.

    References: Durkan, Bekasov, Murray & Papamakarios (2019), Neural spline flows; Ward, flowjax.
    """

    arrays: PyTree[Array]
    dim: int = eqx.field(static=True)
    scale: float | Scalar = 1.0

    @classmethod
    def untrained(cls, dim: int, key: Key) -> "CouplingFlow":
        """Return a flow with random parameters."""
        return cls(eqx.filter(_new_layers(dim, key), eqx.is_array), dim)

    @classmethod
    def fit(cls, data, scale, key):
        start_key, loop_key = jr.split(key)
        dim = data.shape[1]
        params, static = eqx.partition(cls.untrained(dim, start_key), eqx.is_inexact_array)
        schedule = optax.cosine_decay_schedule(LEARNING_RATE, NUM_UPDATES)
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

        def loss(params: PyTree, batch: Array) -> Scalar:
            return jnp.mean(jax.vmap(eqx.combine(params, static))(batch))

        def update(params_and_state: tuple, key: Key) -> tuple[tuple[PyTree, PyTree], None]:
            params, optimizer_state = params_and_state
            batch = data[jr.randint(key, (BATCH_SIZE,), 0, data.shape[0])]
            gradient = jax.grad(loss)(params, batch)
            steps, optimizer_state = optimizer.update(gradient, optimizer_state)
            return (optax.apply_updates(params, steps), optimizer_state), None

        start = (params, optimizer.init(params))
        (params, _), _ = jax.lax.scan(update, start, jr.split(loop_key, NUM_UPDATES))
        return cls(eqx.combine(params, static).arrays, dim, jnp.asarray(scale))

    def sample(self, num, key):
        normal = self._fixed_scale * jr.normal(key, (num, self.dim))
        return jax.vmap(self.bijection.transform)(normal)

    def log_prob(self, x):
        # flowjax requires points of the dtype of its parameters
        dtype = jax.tree.leaves(self.arrays)[0].dtype
        z, log_det = self.bijection.inverse_and_log_det(x.astype(dtype))
        return (jnp.sum(norm.logpdf(z, scale=self._fixed_scale)) + log_det).astype(x.dtype)

    @property
    def _fixed_scale(self) -> float | Array:
        """The scale, which is a hyperparameter and not learned."""
        return jax.lax.stop_gradient(self.scale)

    @property
    def bijection(self) -> PyTree:
        """The transformation f from z to x, a bijection of flowjax."""
        from paramax import unwrap

        structure = eqx.filter(_new_layers(self.dim, jr.key(0)), eqx.is_array, inverse=True)
        return unwrap(eqx.combine(self.arrays, structure))


def _new_layers(dim: int, key: Key) -> PyTree:
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import StandardNormal
    from flowjax.flows import coupling_flow

    return coupling_flow(
        key,
        base_dist=StandardNormal((dim,)),
        transformer=RationalQuadraticSpline(knots=NUM_KNOTS, interval=SPLINE_RANGE),
        flow_layers=NUM_LAYERS,
        nn_width=WIDTH,
    ).bijection
