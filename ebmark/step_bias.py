"""What Langevin's step alone does to a learned density: its bias, and its limit at step 0.

python -m ebmark.step_bias RUNS/cells/CELL ...      finished cells of a study
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd

from ebmark._types import Energy, Key
from ebmark.arrays import read_cell_arrays
from ebmark.devices import full_products
from ebmark.errors import UserError
from ebmark.model import load_model
from ebmark.quadrature import Grid, exact_samples, normalise
from ebmark.samplers import Langevin
from ebmark.statistics import final, metric_of, middle_seed

_CHAINS, _STEPS = 1_000, 300
_FINEST = 4  # steps of h / 4 make one of h
_LEAST = 2_000  # Langevin steps of a study that asks what they do
_MOST = 60  # cells that are measured of a study: a second or two each


class StepBias(NamedTuple):
    """The mean energy under Langevin chains at three steps, at step 0, and the truth, in nats."""

    steps: tuple[float, float, float]
    means: tuple[float, float, float]
    errors: tuple[float, float, float]  # standard errors
    biases: tuple[float, float, float]  # the means less the limit
    bias_errors: tuple[float, float, float]
    limit: float
    limit_error: float
    exact: float  # by quadrature; above the plane the mean over tempered chains
    exact_error: float  # 0 by quadrature

    @property
    def agrees(self) -> bool:
        """Whether the limit is the truth, within 3 standard errors."""
        error = np.hypot(self.limit_error, self.exact_error)
        return bool(abs(self.limit - self.exact) < 3 * error)


def richardson(a, half, quarter):
    r"""The value at step 0 of one that is smooth in the step, from three steps.

    $$ a(0) = \tfrac13 (a(h) - 6 a(h/2) + 8 a(h/4)) + O(h^3) $$

    Richardson (1911), The approximate arithmetical solution by finite differences.
    """
    return (a - 6 * half + 8 * quarter) / 3


def step_bias(
    energy: Energy, x, exact: float, h: float, num_steps: int, key: Key, exact_error: float = 0.0
) -> StepBias:
    r"""The mean of E over unadjusted Langevin chains at h, h/2, h/4, all for the same time.

    $$ x \leftarrow x - h \nabla E + \sqrt{2h}\, \xi; \qquad
       \mathbb{E}_h[E] = \mathbb{E}[E] + O(h) $$

    The chains start at exact samples `x`, so that the masses of the modes are right and only the
    step is at fault; the first half of the time is for settling. The three move by one Brownian
    motion: their differences have far less noise than they. `exact` is E's mean by quadrature.

    Durmus & Moulines (2017), Nonasymptotic convergence analysis for the unadjusted Langevin
    algorithm; Giles (2008), Multilevel Monte Carlo path simulation, for the common noise.
    """
    step = jnp.asarray(h, jnp.float32)
    means = np.asarray(_mean_energies(energy, x, step, num_steps, key), np.float64)  # (3, chains)
    limits = richardson(*means)
    errors, bias_errors = (_error(values).tolist() for values in (means, means - limits))
    limit = float(limits.mean())
    biases = (means.mean(axis=1) - limit).tolist()
    steps, found = [h, h / 2, h / 4], means.mean(axis=1).tolist()
    three = (tuple(one) for one in (steps, found, errors, biases, bias_errors))
    return StepBias(*three, limit, float(_error(limits)), exact, exact_error)


def _error(values: np.ndarray) -> np.ndarray:
    return values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


@full_products
@eqx.filter_jit
def _mean_energies(energy: Energy, x, h, num_steps: int, key: Key):
    """Each chain's mean of E over the latter half of the time, at h, h/2 and h/4."""

    def moved(x, noise):
        """As many steps as there are noises, in the time of one of h."""
        kernel = Langevin(h / len(noise))
        for one in noise:
            states = jax.vmap(kernel.init, in_axes=(None, 0))(energy, x)
            x = jax.vmap(kernel.step, in_axes=(None, 0, 0))(energy, states, one).x
        return x

    def body(carry, numbered):
        chains, totals = carry
        number, step_key = numbered
        fine = jr.normal(step_key, (_FINEST, *x.shape))
        halves = (fine[::2] + fine[1::2]) / jnp.sqrt(2.0)
        whole = (halves[:1] + halves[1:]) / jnp.sqrt(2.0)
        noises = (whole, halves, fine)
        chains = jnp.stack([moved(*pair) for pair in zip(chains, noises, strict=True)])
        energies = jax.vmap(jax.vmap(energy))(chains)
        return (chains, totals + jnp.where(number >= num_steps // 2, energies, 0.0)), None

    start = (jnp.stack([x] * 3), jnp.zeros((3, x.shape[0])))
    numbers = (jnp.arange(num_steps), jr.split(key, num_steps))
    return jax.lax.scan(body, start, numbers)[0][1] / (num_steps - num_steps // 2)


def of_cell(folder: Path, num_steps: int = _STEPS) -> StepBias:
    """The step bias of a finished cell's energy, at the study's own step.

    Above the plane the chains start at the cell's tempered samples, if these had mixed.
    """
    model = load_model(folder / "energy.ebm")
    h = float(model.spec["langevin"]["step_size"])
    if model.dim > 2:
        drawn = read_cell_arrays(folder / "samples.npz").get("tempered")
        if drawn is None:
            raise UserError(f"{folder}: has no tempered samples for chains to start from")
        x = jnp.asarray(model.units.standardise(drawn), jnp.float32)
        energies = np.asarray(jax.vmap(model.energy)(x), np.float64)
        x, exact = x[:_CHAINS], (float(energies.mean()), float(_error(energies)))
    else:
        mean, scale = np.asarray(model.units.mean), np.asarray(model.units.scale)
        grid = Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), 256)
        density = normalise(model.energy, grid, model.units)
        drawn = exact_samples(density, _CHAINS, jr.key(0))
        x = jnp.asarray(model.units.standardise(drawn), jnp.float32)
        log_q = density.log_density
        here = np.isfinite(log_q)
        shares = np.exp(log_q[here]) * density.grid.cell
        # the mean of E: that of -log q, less what normalising and the user's units added to E
        total = -float(np.sum(shares * log_q[here])) - density.log_z - model.units.log_jacobian
        exact = (total, 0.0)
    return step_bias(model.energy, x, exact[0], h, num_steps, jr.key(1), exact[1])


def of_study(
    folder: Path, study: Mapping[str, Any], table: pd.DataFrame
) -> dict[str, dict[str, dict[str, Any]]]:
    """Dataset -> entry -> the step bias of its run of median KL, as plain data.

    `study` and `table` hold entries for methods. What the study says already is not measured
    again. Nothing of a first look, of a sweep, or of a study of very many entries.
    """
    cells = study["cells"]
    wanted = {(cell["dataset"], cell["method"]) for cell in cells.values()}
    steps = study["settings"].get("langevin_steps", 0)
    if steps < _LEAST or study["axes"] or len(wanted) > _MOST:
        return {}
    names = {(c["dataset"], c["method"], c["seed"]): name for name, c in cells.items()}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for dataset, entry in sorted(wanted):
        metric = metric_of(table, [dataset])
        seed = middle_seed(final(table, dataset, metric).get(entry)) if metric else None
        if seed is None:
            continue
        cell = names[dataset, entry, seed]
        known = study["step_bias"].get(dataset, {}).get(entry)
        if known is None or known["cell"] != cell:
            place = Path(folder) / "cells" / cell
            if not (place / "energy.ebm").exists():
                continue
            known = {"cell": cell, "seed": seed} | _plain(of_cell(place))
        found.setdefault(dataset, {})[entry] = known
    return found


def _plain(found: StepBias) -> dict[str, Any]:
    """With the digits that its noise leaves it."""
    numbers = {k: list(v) if isinstance(v, tuple) else v for k, v in found._asdict().items()}
    return {
        k: [float(f"{one:.6g}") for one in v] if isinstance(v, list) else float(f"{v:.6g}")
        for k, v in numbers.items()
    }


def main() -> int:
    print("| cell | method | h | bias of mean E at h, h/2, h/4, nats | at step 0 | error |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:]:
        found, method = of_cell(Path(name)), load_model(Path(name) / "energy.ebm").spec["method"]
        biases = ", ".join(f"{bias:+.4f}" for bias in found.biases)
        limit = f"{found.limit - found.exact:+.4f} | {found.limit_error:.4f}"
        print(f"| {Path(name).name} | {method} | {found.steps[0]:.3g} | {biases} | {limit} |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"step_bias: {error}")
