r"""
The partition function
======================

An energy defines a density up to a constant: :math:`p(x) = e^{-E(x)} / Z` with :math:`Z = \int
e^{-E(x)} dx`. Adding a constant to E changes nothing but Z.
"""

# %%
# In 1-D and 2-D, Z is a sum over a grid (quadrature). In d dimensions a grid of n points per axis
# has :math:`n^d` points, so that Z is intractable from about d = 4. The energy of a double well:
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb
from ebmark.partition_function import QUICK


def energy(x):
    return jnp.sum((x**2 - 1) ** 2 + 0.3 * x, axis=-1)


x = np.linspace(-2.2, 2.2, 400)
values = np.asarray(energy(x[:, None]))
z = np.trapezoid(np.exp(-values), x)

figure, axes = plt.subplots(1, 2, figsize=(8, 2.8))
axes[0].plot(x, values)
axes[0].set(title="energy E", ylim=(-0.5, 5))
axes[1].plot(x, np.exp(-values) / z)
axes[1].set(title=f"density, log Z = {np.log(z):.3f}", ylim=(0, None))
plt.show()

# %%
# A sum of independent coordinates has :math:`\log Z_d = d \log Z_1`, which tests an estimator for
# d > 2. ``estimate_log_z`` uses annealed importance sampling in both directions, with a standard
# error.
dim = 4
p = np.exp(-values) / np.exp(-values).sum()
points = np.random.default_rng(0).choice(x, size=(500, dim), p=p)
estimate = eb.estimate_log_z(energy, points, jr.key(0), effort=QUICK)
print(f"{estimate.value:.3f} +- {estimate.error:.3f}, exact {dim * np.log(z):.3f}")

# %%
# **Consequences.** Maximum likelihood needs the gradient of log Z. Contrastive divergence
# estimates it with chains, score matching avoids it, noise-contrastive estimation learns Z as a
# parameter.
