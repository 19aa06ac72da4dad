r"""
The KL decomposition
====================

One number says how wrong a density is, three say why: KL = off-support + mode-weight + within-mode
KL, exactly, by the chain rule over the regions {outside the 99.9% highest-density region, mode 1,
..., mode K}.
"""

# %%
# Four energies with one error each, judged by ``eb.evaluate`` on eight Gaussians. The first is
# the target itself.
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb

target = eb.load_dataset("eight_gaussians")


def unequal(x):
    """Modes of weights 1 to 8."""
    return -eb.load_dataset("eight_gaussians_unequal").log_prob(x)


def wide(x):
    """A mixture with one tenth of a broad Gaussian."""
    broad = -0.5 * (x**2).sum(axis=1) / 9 - np.log(2 * np.pi * 9)
    return -np.logaddexp(np.log(0.9) + target.log_prob(x), np.log(0.1) + broad)


def narrow(x):
    """Modes that are too narrow."""
    return -1.5 * target.log_prob(x)


energies = {
    "the target": lambda x: -target.log_prob(x),
    "wrong weights": unequal,
    "10% between the modes": wide,
    "too narrow": narrow,
}
scores = {name: eb.evaluate(energy, target) for name, energy in energies.items()}

figure, ax = plt.subplots(figsize=(7.5, 2.8))
start = np.zeros(len(scores))
for part in ("off_support", "mode_weights", "within_mode"):
    values = np.array([score[f"kl_{part}"] for score in scores.values()])
    ax.barh([*scores], values, left=start, label=part.replace("_", " "))
    start += values
ax.invert_yaxis()
ax.set_xlabel("KL(target || model), nats")
ax.legend()
plt.show()

# %%
# Reports show this chart for every method. Mode-weight KL points to score matching or unmixed
# chains, off-support KL to spurious low-energy regions, within-mode KL to noise levels, few data
# or few updates.

# %%
# **Try it.** The error maps of three of the energies. Red: denser than the target; blue: less
# dense.
#
# .. live:: kl_decomposition
