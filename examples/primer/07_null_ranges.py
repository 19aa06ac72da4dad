r"""
Null ranges
===========

Two samples of the same distribution have a positive Wasserstein distance. The null range says how
large it is: what a perfect model with a perfect sampler scores.
"""

# %%
# W1 between 500 target samples and 500 samples of: the target, again and again (the null
# distribution); a trained model, drawn exactly; and a Gaussian with the moments of the data.
import matplotlib.pyplot as plt
import numpy as np

import ebmark as eb
from ebmark.metrics import wasserstein

moons = eb.load_dataset("half_moons")
null = [
    wasserstein(
        moons.sample(500, random_state=2 * i), moons.sample(500, random_state=2 * i + 1), order=1
    )
    for i in range(100)
]
X, reference = moons.sample(5_000, random_state=1_000), moons.sample(500, random_state=1_001)
options = {"baselines": False, "early_stopping": False, "random_state": 0}
models = {
    "nce, 1,500 updates": eb.EnergyModel("nce", updates=1_500, **options).fit(X),
    "nce, 150 updates": eb.EnergyModel("nce", updates=150, **options).fit(X),
    "Gaussian": eb.EnergyModel("gaussian", **options).fit(X),
}
w1 = {name: wasserstein(m.sample(500, 0), reference, order=1) for name, m in models.items()}

figure, ax = plt.subplots(figsize=(7, 3))
ax.hist(null, bins=20, color="0.6", label="target against target")
for (name, value), color in zip(w1.items(), ("C2", "C1", "C0"), strict=True):
    ax.axvline(value, label=f"{name}: {value:.3f}", color=color)
ax.set(xlabel="W1 of 500 samples", ylabel="pairs of samples")
ax.legend()
plt.show()

low, high = np.quantile(null, [0.025, 0.975])
print(f"null range of W1: mean {np.mean(null):.3f}, 95% range {low:.3f} to {high:.3f}")

# %%
# A value inside the null range says that these samples do not show a difference, not that there
# is none: more samples have more power, and KL by quadrature has no sampling noise at all.
# :doc:`Power of the sample metrics </metrics/power>` lists which errors each metric detects.
