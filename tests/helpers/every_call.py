"""Train methods, and sample by every sampler, under the JAX flags of the environment.

python tests/helpers/every_call.py NAME...     names of methods and samplers; prints what fails
"""

import dataclasses
import sys
import traceback

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS, AbstractBaseline
from ebmark.samplers import SAMPLERS, adapt, run_chains, trace_chains
from ebmark.training.divergence import is_finite
from ebmark.training.loop import train

POINTS = SyntheticDataset("half_moons").draw(500, jr.key(0))
Z = Standardizer.fit(POINTS).transform(POINTS)


def new_energy(recipe) -> Confined:
    return Confined(FourierMLP(2 + recipe.method.num_extra_inputs, width=16, key=jr.key(1)))


def train_and_sample(name: str, dtype) -> None:
    recipe = METHODS[name]
    method = recipe.method
    if not isinstance(method, AbstractBaseline):
        recipe = dataclasses.replace(recipe, num_updates=3, batch_size=32)
    z = jnp.asarray(Z, dtype)
    fit = train(recipe, new_energy(recipe), z, key=jr.key(2))
    assert fit.divergence_reason is None, fit.divergence_reason
    last = fit.snapshots[-1]
    native = method.sample(last.trainable, last.state, 20, jr.key(3))
    diagnostics = method.diagnostics(last.trainable, last.state, z, jr.key(4))
    assert is_finite((jax.vmap(fit.energy)(z), native, diagnostics, fit.losses))


def sample(name: str, dtype) -> None:
    energy = new_energy(METHODS["nce"])
    sampler = SAMPLERS[name](0.01)
    x = jnp.asarray(Z[:20], dtype)
    if name in ("mala", "hmc", "tempering"):
        sampler, x = adapt(sampler, energy, x, 5, jr.key(5))
    states = run_chains(sampler, energy, x, 5, jr.key(6))
    _, kept = trace_chains(sampler, energy, states, 2, jr.key(7), every=2)
    assert is_finite((states, kept)) and kept.x.shape == (2, 20, 2)


def main(names: list[str]) -> None:
    for name in names:
        for dtype in (jnp.float32, np.float64):
            try:
                (sample if name in SAMPLERS else train_and_sample)(name, dtype)
            except Exception as error:
                traceback.print_exc()
                text = (str(error).splitlines() or [""])[0]
                print(f"{name}, {jnp.dtype(dtype)}: {type(error).__name__}: {text:.150}")


if __name__ == "__main__":
    main(sys.argv[1:] or [*SAMPLERS, *METHODS])
