r"""
Langevin chains
===============

A Langevin chain walks downhill in energy, with noise: :math:`x \leftarrow x - h \nabla E(x) +
\sqrt{2h}\, \xi`. For small steps h and many of them, its points follow :math:`e^{-E} / Z`.
"""

# %%
# **Step-size bias.** On a Gaussian of variance 1, the stationary variance is :math:`1 / (1 -
# h/2)`, not 1. The Metropolis-adjusted chain (MALA) has no such bias.
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

from ebmark.samplers import MALA, Langevin, run_chains, trace_chains


def gaussian(x):
    return 0.5 * x @ x


steps = np.array([0.1, 0.4, 0.8, 1.2])
start = jr.normal(jr.key(0), (20_000, 1))
figure, ax = plt.subplots(figsize=(5.5, 3.2))
for kind, name in ((Langevin, "unadjusted"), (MALA, "Metropolis-adjusted")):
    variances = [run_chains(kind(float(h)), gaussian, start, 60, jr.key(1)).x.var() for h in steps]
    ax.plot(steps, variances, "o", label=name)
line = np.linspace(0, 1.25, 50)
ax.plot(line, 1 / (1 - line / 2), color="0.5", label="$1 / (1 - h/2)$")
ax.set(title="step-size bias", xlabel="step size h", ylabel="variance of the chains")
ax.legend()
plt.show()


# %%
# **Mixing.** Between two wells a chain rarely crosses the barrier. Its point after a finite time
# depends on where it started: the *distribution of the chains* is not the model distribution.
def double_well(x):
    return jnp.sum(3 * (x**2 - 1) ** 2 + 0.5 * x)


sampler = Langevin(0.02)
left = run_chains(sampler, double_well, -jnp.ones((4_000, 1)), 1, jr.key(2))
_, trace = trace_chains(sampler, double_well, left, 60, jr.key(3), every=20)
fraction = np.asarray(trace.x > 0).mean(axis=(1, 2))
x = np.linspace(-3, 3, 2_000)
density = np.exp(-3 * (x**2 - 1) ** 2 - 0.5 * x)
figure, ax = plt.subplots(figsize=(5.5, 3.2))
ax.plot(20 * np.arange(1, 61), fraction, label="chains from the left well")
ax.axhline(density[x > 0].sum() / density.sum(), color="0.5", label="model distribution")
ax.set(title="mixing", xlabel="steps", ylabel="fraction on the right", ylim=(0, 0.5))
ax.legend()
plt.show()

# %%
# **Try it.** Start from noise, and see how the frequencies of the modes (bars) compare with the
# weights of the target (lines). Then start from exact samples of E, and lower the temperature or
# raise the step size. E / 4 and E / 16 have lower barriers: chains mix, but on another density.
#
# .. live:: langevin_chains

# %%
# Reports of ebmark give W1 of Langevin samples next to W1 of exact samples; the difference is the
# sampling error.
