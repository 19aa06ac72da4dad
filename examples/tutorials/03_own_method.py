r"""
Add a training method
=====================

A method is a class with a loss. A field declared by ``eb.tunable`` is a hyperparameter with a range
that ``eb.tune`` searches.
"""

# %%
# A method of MCMC chains implements ``contrast``: the loss of a batch and of negatives, which are
# end points of short chains. This one is contrastive divergence with a penalty on the size of the
# energies (Du & Mordatch 2019).
import jax.numpy as jnp
import matplotlib.pyplot as plt

import ebmark as eb


class RegularizedCD(eb.ChainMethod):
    penalty: float = eb.tunable(0.1, low=0.01, high=1.0)

    def contrast(self, energy, batch, negatives):
        data, model = energy(batch), energy(negatives)
        return jnp.mean(data) - jnp.mean(model) + self.penalty * jnp.mean(data**2 + model**2)


# %%
# ``eb.compare`` trains it next to built-in methods, paired by seed: for each seed, all methods
# share training data, initial network and test data. Two seeds and 400 updates keep this page
# fast; a significance test needs at least 6 seeds.
study = eb.compare(
    [RegularizedCD(), "cd", "nce"],
    datasets=["half_moons"],
    seeds=2,
    updates=400,
    num_train=2_000,
    num_samples=300,
    langevin_steps=200,
    num_snapshots=4,
)
study.table("kl")

# %%
# ``frame`` has one row per value, at every snapshot of the training.
kl = study.frame.query("metric == 'kl'")
figure, ax = plt.subplots(figsize=(6, 3))
for name, rows in kl.groupby("method"):
    ax.plot(rows.groupby("step")["value"].mean(), marker="o", label=name)
ax.set(xlabel="updates", ylabel="KL(target || model), nats", yscale="log")
ax.legend()
plt.show()

# %%
# A loss without chains is a subclass of ``eb.Method``, or a function: ``eb.method(lambda energy,
# x, key: ...)``. The command line takes a file: ``ebmark run toy --plugin my_loss.py --methods
# mine nce``. How to add a method to ebmark itself is told in :doc:`Contributing
# </developers/contributing>`.
