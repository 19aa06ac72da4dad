"""What Langevin's step alone does to a learned density: its bias, and its limit at step 0.

python -m ebmark.step_bias RUNS/cells/CELL ...      finished cells of a study in the plane
"""

import sys
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark._types import Energy, Key
from ebmark.errors import UserError
from ebmark.model import load_model
from ebmark.quadrature import Grid, exact_samples, normalise
from ebmark.samplers import Langevin, run_chains

_CHAINS = 4_000


class StepBias(NamedTuple):
    """The mean energy under Langevin chains at three steps, at step 0, and the truth."""

    steps: tuple[float, float, float]
    means: tuple[float, float, float]
    errors: tuple[float, float, float]  # standard errors
    limit: float
    limit_error: float
    exact: float  # by quadrature

    @property
    def agrees(self) -> bool:
        """Whether the limit is the truth, within 3 standard errors."""
        return abs(self.limit - self.exact) < 3 * self.limit_error


def richardson(a: float, half: float, quarter: float) -> float:
    r"""The value at step 0 of one that is smooth in the step, from three steps.

    $$ a(0) = \tfrac13 (a(h) - 6 a(h/2) + 8 a(h/4)) + O(h^3) $$

    Richardson (1911), The approximate arithmetical solution by finite differences.
    """
    return (a - 6 * half + 8 * quarter) / 3


def step_bias(energy: Energy, x, exact: float, h: float, num_steps: int, key: Key) -> StepBias:
    r"""The mean of E over unadjusted Langevin chains at h, h/2, h/4, all for the same time.

    $$ x \leftarrow x - h \nabla E + \sqrt{2h}\, \xi; \qquad
       \mathbb{E}_h[E] = \mathbb{E}[E] + O(h) $$

    The chains start at exact samples `x`, so that the masses of the modes are right and only the
    step is at fault; the first half of the time is for settling. `exact` is E's mean by quadrature.

    Durmus & Moulines (2017), Nonasymptotic convergence analysis for the unadjusted Langevin
    algorithm.
    """
    steps = (h, h / 2, h / 4)
    made = []
    for i, step in enumerate(steps):
        arguments = (jnp.asarray(step, jnp.float32), num_steps * 2**i, jr.fold_in(key, i))
        per_chain = np.asarray(_mean_energies(energy, x, *arguments), np.float64)
        made.append((per_chain.mean(), per_chain.std(ddof=1) / np.sqrt(len(per_chain))))
    means, errors = zip(*((float(m), float(e)) for m, e in made), strict=True)
    spread = float(np.sqrt(errors[0] ** 2 + 36 * errors[1] ** 2 + 64 * errors[2] ** 2)) / 3
    return StepBias(steps, means, errors, richardson(*means), spread, exact)


@eqx.filter_jit
def _mean_energies(energy: Energy, x, step_size, num_steps: int, key: Key):
    """Each chain's mean of E over the latter half of its steps."""
    kernel = Langevin(step_size)

    def body(carry, numbered):
        x, total = carry
        number, step_key = numbered
        x = run_chains(kernel, energy, x, 1, step_key).x
        return (x, total + jnp.where(number >= num_steps // 2, jax.vmap(energy)(x), 0.0)), None

    start = (x, jnp.zeros(x.shape[0]))
    numbers = (jnp.arange(num_steps), jr.split(key, num_steps))
    return jax.lax.scan(body, start, numbers)[0][1] / (num_steps - num_steps // 2)


def of_cell(folder: Path, num_steps: int = 400) -> StepBias:
    """The step bias of a finished cell's energy, at the study's own step."""
    model = load_model(folder / "energy.ebm")
    if model.dim > 2:
        raise UserError(f"{folder}: has {model.dim} columns; exact samples need 1 or 2")
    mean, scale = np.asarray(model.units.mean), np.asarray(model.units.scale)
    grid = Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), 256)
    density = normalise(model.energy, grid, model.units)
    x = model.units.standardise(exact_samples(density, _CHAINS, jr.key(0)))
    log_q = density.log_density
    here = np.isfinite(log_q)
    shares = np.exp(log_q[here]) * density.grid.cell
    # the mean of E: that of -log q, less what normalising and the user's units added to E
    exact = -float(np.sum(shares * log_q[here])) - density.log_z - model.units.log_jacobian
    h = float(model.spec["langevin"]["step_size"])
    return step_bias(model.energy, jnp.asarray(x, jnp.float32), exact, h, num_steps, jr.key(1))


def main() -> int:
    print("| cell | method | h | bias of mean E at h, h/2, h/4, nats | at step 0 | error |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:]:
        found, method = of_cell(Path(name)), load_model(Path(name) / "energy.ebm").spec["method"]
        biases = ", ".join(f"{mean - found.exact:+.4f}" for mean in found.means)
        limit = f"{found.limit - found.exact:+.4f} | {found.limit_error:.4f}"
        print(f"| {Path(name).name} | {method} | {found.steps[0]:.3g} | {biases} | {limit} |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"step_bias: {error}")
