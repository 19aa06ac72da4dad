"""A user samples Gaussians by HMC with one step size: no width of the Gaussian may be one at which the chains do not forget their start."""

import sys

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from ebmark.samplers import HMC, run_chains

NAME = "hmc_resonance"
WANT = (
    "the Gaussian's own variance within 25 % at every width: trajectories of a length that varies"
)


def end(fault, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {fault}, want {WANT}" if fault else f"ok {NAME}: {said}")
    sys.exit(bool(fault))


class Gaussian(eqx.Module):
    """The energy of N(0, sd^2)."""

    sd: Array

    def __call__(self, x):
        return 0.5 * jnp.sum((x / self.sd) ** 2)


def variance(sd, start, key):
    """What 2,000 chains have after 300 steps, in parts of the Gaussian's own variance."""
    x = run_chains(HMC(0.02), Gaussian(sd), start * sd, 300, key).x
    return jnp.mean(x**2) / sd**2


# Chains start at four times the variance. A trajectory that is half a period long, or a whole one, only
# turns a point over: the widths are close enough to each other that one of them has such a period.
widths = np.geomspace(0.3, 1.0, 61)
start = 2 * jr.normal(jr.key(1), (2_000, 1))
got = eqx.filter_vmap(variance, in_axes=(0, None, None))(
    jnp.asarray(widths, jnp.float32), start, jr.key(2)
)
got = np.asarray(got)
wrong = ~(np.abs(got - 1) <= 0.25)  # 8 standard errors; NaN is wrong, too
worst = int(np.nanargmax(np.abs(got - 1)))
line = f"{got[worst]:.2f} times the variance at width {widths[worst]:.3f}"
end(
    f"{line}, wrong at {wrong.sum()} widths of {len(widths)}" if wrong.any() else None,
    f"at most {line}",
)
