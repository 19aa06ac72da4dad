r"""
Train your first energy-based model
===================================

An energy-based model (EBM) is a density :math:`p(x) = e^{-E(x)} / Z` whose energy E is a neural
network. ``EnergyModel`` trains one on the rows of a table, in the style of scikit-learn.
"""

# %%
# The data are 5,000 points of a built-in dataset, whose density is known.
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb

moons = eb.load_dataset("half_moons")
X = moons.sample(5_000, random_state=0)
model = eb.EnergyModel("nce", updates=1_500, random_state=0).fit(X)

# %%
# ``score_samples`` returns log-densities, as log Z is computed after the training. Their mean on
# new points is the log-likelihood. The KL divergence from the target is what it lacks to that of
# the target itself.
x = moons.sample(20_000, random_state=1)
kl = moons.log_prob(x).mean() - model.score(x)
print(f"KL(target || model) = {kl:.4f} nats, log Z = {model.log_z_:.3f}")

# %%
# Is a network needed? Baselines were fitted to the same rows. This is the mean log-likelihood of
# held-out rows, in nats; larger is better.
for name, value in sorted(model.held_out_.items(), key=lambda item: -item[1]):
    print(f"{name:>10} {value:.3f}")

# %%
# Density and samples. Samples are drawn exactly, from a grid, in 1-D and 2-D.
grid_x, grid_y = np.meshgrid(np.linspace(-1.6, 2.6, 160), np.linspace(-1.2, 1.7, 130))
points = np.column_stack([grid_x.ravel(), grid_y.ravel()])
samples = model.sample(1_000, random_state=0)

figure, axes = plt.subplots(1, 3, figsize=(10, 2.9), sharex=True, sharey=True)
for ax, title, log_prob in zip(
    axes, ("target", "model"), (moons.log_prob(points), model.score_samples(points)), strict=False
):
    ax.pcolormesh(grid_x, grid_y, np.exp(log_prob).reshape(grid_x.shape), rasterized=True)
    ax.set_title(f"density of the {title}")
axes[2].scatter(*samples.T, s=3)
axes[2].set_title("samples of the model")
plt.show()

# %%
# A model also marks outliers: ``contamination`` is the fraction of rows below the threshold.
print(model.predict([[0.0, 1.0], [2.0, 1.5]]))
