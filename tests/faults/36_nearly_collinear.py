"""A user fits the Gaussian to two columns that differ by a thousandth (correlation .9999995): its energy is the covariance's own, or something warns."""

from case import *

CODE = r"""
import warnings
import jax, jax.numpy as jnp, jax.random as jr
import numpy as np
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.training.loop import train
rng = np.random.default_rng(20)
a = rng.normal(size=4000)
x = np.c_[a, a + 1e-3 * rng.normal(size=4000)]
z = (x - x.mean(0)) / x.std(0)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    fit = train(METHODS["gaussian"], Confined(FourierMLP(2, key=jr.key(1))), jnp.asarray(z, jnp.float32), key=jr.key(2))
if fit.divergence_reason is not None or told:
    print("TOLD", fit.divergence_reason or told[0].message); raise SystemExit
off = np.array([1e-3, -1e-3])
e = jax.vmap(fit.energy)(jnp.asarray([[0.0, 0.0], off], jnp.float32))
print("GOT", float(e[1] - e[0]), 0.5 * off @ np.linalg.inv(np.cov(z.T)) @ off)
"""
code, out, err = python(CODE)
if "TOLD" in out:
    end(None, "a warning", last(out))
if "GOT" not in out:
    end(f"exit status {code}: {last(err)}", "an energy")
got, want = map(float, out.split("GOT")[1].split())
end(
    None if abs(got - want) <= 0.05 * want else f"an energy gap of {got:.3g}",
    f"{want:.3g} within 5 %, or a warning",
)
