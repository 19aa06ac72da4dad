r"""
Bring your own network and target
=================================

Any callable that maps one point to a scalar is an energy. Any log-density with a sampler is a
target.
"""

# %%
# **Target.** The functions take and return batches, in NumPy, JAX or PyTorch. ``check`` tests
# that the density integrates to 1 and that samples follow it.
import equinox as eqx
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb


def log_prob(x):
    return -0.5 * (x[:, 0] ** 2 + (x[:, 1] - x[:, 0] ** 2) ** 2) - np.log(2 * np.pi)


def sampler(num, seed):
    z = np.random.default_rng(seed).normal(size=(num, 2))
    return np.column_stack([z[:, 0], z[:, 0] ** 2 + z[:, 1]])


banana = eb.Dataset.from_functions(log_prob, sampler, dim=2, name="my_banana")
banana.check()


# %%
# **Network.** An Equinox module, or a function of parameters by ``eb.energy``. A class or
# function ``make(dim, key)`` gives every seed its own initial network.
class Network(eqx.Module):
    layers: eqx.nn.MLP

    def __init__(self, dim, key):
        self.layers = eqx.nn.MLP(dim, "scalar", 32, 2, jnp.tanh, key=key)

    def __call__(self, x):
        return self.layers(x)


X = banana.sample(3_000, random_state=0)
model = eb.EnergyModel("ed", network=Network, updates=800, baselines=False, random_state=0).fit(X)
scores = eb.evaluate(model, banana)
print({name: round(scores[name], 4) for name in ("kl", "tv", "kl_off_support", "kl_within_mode")})

# %%
# The error map, log p(model) / p(target), shows where a model is wrong although densities look
# alike.
grid_x, grid_y = np.meshgrid(np.linspace(-2.6, 2.6, 140), np.linspace(-2, 6, 140))
points = np.column_stack([grid_x.ravel(), grid_y.ravel()])
log_p = banana.log_prob(points)
errors = np.where(log_p > -7, model.score_samples(points) - log_p, np.nan).reshape(grid_x.shape)

figure, ax = plt.subplots(figsize=(4.6, 3.6))
image = ax.pcolormesh(grid_x, grid_y, errors, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
figure.colorbar(image, label="log p(model) / p(target), nats")
ax.set_title("red: too dense, blue: too thin")
plt.show()

# %%
# Both work in studies, too: ``eb.compare(["ed", "nce"], datasets=[banana], energy=Network)``. An
# energy trained elsewhere, such as a PyTorch module, is judged by
# ``eb.evaluate(eb.from_torch(module), "half_moons")``.
