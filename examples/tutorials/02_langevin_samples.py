r"""
Why Langevin samples mislead
============================

Samples of short Langevin chains can look right although the density is wrong. ebmark therefore
judges a model by KL, which needs no sampler.
"""

# %%
# The target has eight well-separated modes with weights proportional to 1, 2, ..., 8. Denoising
# score matching (DSM) learns the gradient of the energy within each mode, but hardly their
# weights.
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb
from ebmark.samplers import Langevin, run_chains

target = eb.load_dataset("eight_gaussians_unequal_separated")
X = target.sample(5_000, random_state=0)
options = {"early_stopping": False, "baselines": False, "random_state": 0}
models = {
    "dsm": eb.EnergyModel("dsm", updates=2_000, **options).fit(X),
    "nce": eb.EnergyModel("nce", updates=2_000, **options).fit(X),
}
for name, model in models.items():
    scores = eb.evaluate(model, target)
    print(f"{name}: KL {scores.kl:.3f} nats, mode-weight TV {scores.mode_weight_tv:.3f}")


# %%
# We start chains of unadjusted Langevin dynamics at the data. They stay in the mode where they
# start, so that their frequencies are those of the data, whatever the model has learned.
@eqx.filter_jit
def chains(energy, x, key):
    return run_chains(Langevin(step_size=0.005), energy, x, 500, key).x


def frequencies(points):
    """Fraction of points in each mode, by angle."""
    angles = np.arctan2(points[:, 1], points[:, 0])
    return np.bincount(np.round(angles / (np.pi / 4)).astype(int) % 8, minlength=8) / len(points)


energy, units = models["dsm"].model_.energy, models["dsm"].model_.units
start = jnp.asarray(units.transform(X[:2_000]), jnp.float32)
noise = jr.normal(jr.key(1), start.shape)
samples = {
    "target": target.sample(2_000, random_state=1),
    "chains from data": units.inverse_transform(np.asarray(chains(energy, start, jr.key(0)))),
    "chains from noise": units.inverse_transform(np.asarray(chains(energy, noise, jr.key(0)))),
    "exact samples": models["dsm"].sample(2_000, random_state=0),
}

# %%
# The chains from the data show the weights of the target. Chains from noise show those of the
# basins around the start. The exact samples show what the model has learned.
figure, axes = plt.subplots(2, 4, figsize=(10, 4.6), height_ratios=(2, 1))
for (name, points), ax, bar in zip(samples.items(), *axes, strict=True):
    ax.scatter(*points.T, s=2)
    ax.set(title=name, aspect="equal", xlim=(-5.5, 5.5), ylim=(-5.5, 5.5), xticks=[], yticks=[])
    bar.bar(range(8), frequencies(points))
    bar.set(ylim=(0, 0.8), xlabel="mode", xticks=range(8))
axes[1, 0].set_ylabel("frequency")
plt.show()

# %%
# **What to do.** Compare densities by KL and by mode-weight TV; report W1 of Langevin samples
# beside W1 of exact samples, as every report of ebmark does. For d > 2 inspect the weights of
# modes, and start chains away from the data.
