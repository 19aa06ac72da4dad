r"""
Energy discrepancy
==================

Energy discrepancy (ED) compares the energy of a data point with those of perturbed copies. It needs
neither chains, nor gradients in x, nor a noise distribution.
"""

# %%
# The variance t of the perturbation interpolates: as t tends to 0, ED is score matching; as t
# grows, it tends to maximum likelihood (Schröder et al. 2023). We use two modes 8 standard
# deviations apart, with the weight w of the right one as the only parameter; the data have w =
# 0.25.
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

from ebmark.methods import EnergyDiscrepancy

weights = jnp.linspace(0.02, 0.98, 33)
rng = np.random.default_rng(0)
signs = np.where(rng.random((10_000, 1)) < 0.25, 1, -1)
data = jnp.asarray(4 * signs + rng.normal(size=(10_000, 1)))


def mixture_energy(weight):
    def energy(x):
        left, right = -0.5 * (x + 4) ** 2, -0.5 * (x - 4) ** 2
        parts = jnp.stack([jnp.log1p(-weight) + left, jnp.log(weight) + right])
        return -jnp.sum(jax.nn.logsumexp(parts, axis=0))

    return energy


figure, ax = plt.subplots(figsize=(6, 3.4))
for time in (0.5, 4.0, 16.0, 64.0):
    method = EnergyDiscrepancy(time=time, samples=64)
    loss = jax.jit(lambda w, m=method: m.loss(mixture_energy(w), data, None, jr.key(0))[0])
    values = np.array([loss(w) for w in weights])
    ax.plot(weights, values - values.min(), label=f"t = {time:g}")
likelihood = np.array([jax.vmap(mixture_energy(w))(data).mean() for w in weights])
ax.plot(weights, likelihood - likelihood.min(), "--", color="0.5", label="maximum likelihood")
ax.axvline(0.25, color="0.5", linewidth=1)
ax.set(xlabel="weight w of the right mode", ylabel="loss minus its minimum", ylim=(-0.02, 0.8))
ax.legend()
plt.show()

# %%
# Perturbed copies must reach the other mode for its weight to matter. In many dimensions they
# seldom return to the data, which is where ED is weak.
