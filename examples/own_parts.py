"""An own loss, network and target, tuned with the same effort: [TRIALS SEEDS UPDATES]."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ebmark as eb


class PseudoSphericalCD(eb.ChainMethod):
    r"""Contrastive divergence with points weighted by a power of their density.

    $$ \mathcal{L} = \sum_i w_i E(x_i) - \sum_i w_i^- E(x_i^-), \quad w \propto e^{-\gamma E} $$
    """

    gamma: float = eb.tunable(0.5, low=0.1, high=1.0)

    def contrast(self, energy, batch, negatives):
        def weighted(e):
            return jax.nn.softmax(-self.gamma * jax.lax.stop_gradient(e)) @ e

        return weighted(energy(batch)) - weighted(energy(negatives))


class Network(eqx.Module):
    """Two hidden layers of tanh units; soft walls and a Gaussian are added."""

    layers: eqx.nn.MLP

    def __init__(self, dim, key):
        self.layers = eqx.nn.MLP(dim, "scalar", 32, 2, jnp.tanh, key=key)

    def __call__(self, x):
        return self.layers(x)


def log_prob(x):
    return -0.5 * (x[:, 0] ** 2 + (x[:, 1] - x[:, 0] ** 2) ** 2) - np.log(2 * np.pi)


def sampler(num, seed):
    z = np.random.default_rng(seed).normal(size=(num, 2))
    return np.column_stack([z[:, 0], z[:, 0] ** 2 + z[:, 1]])


banana = eb.Dataset.from_functions(log_prob, sampler, dim=2, name="my_banana")
METHODS = {"pseudo_spherical_cd": eb.Recipe(method=PseudoSphericalCD())}
DATASETS = {"my_banana": banana}  # of --plugin; the network: --network own_parts.py:Network

if __name__ == "__main__":
    trials, seeds, updates = map(int, sys.argv[1:] or ("10", "10", "1000"))
    assert banana.check().passed
    parts = {"datasets": [banana], "energy": Network, "num_train": 1_000}
    budget = {"trials": trials, "network_evaluations": updates * 2_000}
    tuned = eb.tune([PseudoSphericalCD(), "cd", "nce"], **budget, **parts)
    print(tuned.compare(seeds=seeds).table("kl").to_latex())
