"""What Langevin's step alone does to a learned density: its bias, and its limit at step 0.

python -m ebmark.studies.step_bias RUNS/runs/CELL ...      finished cells of a study
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd

from ebmark.datasets import Grid
from ebmark.errors import UserError
from ebmark.partition_function import exact_samples, normalize_on_grid
from ebmark.samplers import StepBias, step_bias
from ebmark.samplers._step_bias import _error
from ebmark.statistics import final_values, median_seed, metric_of
from ebmark.system.array_files import read_run_arrays
from ebmark.training.model import load_model

_CHAINS, _STEPS = 1_000, 300

_LEAST = 2_000  # Langevin steps of a study that asks what they do
_MOST = 60  # cells that are measured of a study: a second or two each


def of_cell(folder: Path, num_steps: int = _STEPS) -> StepBias:
    """The step bias of a finished cell's energy, at the study's own step.

    Above the plane the chains start at the cell's tempered samples, if these had mixed.
    """
    model = load_model(folder / "energy.ebm")
    h = float(model.spec["langevin"]["step_size"])
    if model.dim > 2:
        drawn = read_run_arrays(folder / "samples.npz").get("tempered")
        if drawn is None:
            raise UserError(f"{folder}: has no tempered samples for chains to start from")
        x = jnp.asarray(model.units.transform(drawn), jnp.float32)
        energies = np.asarray(jax.vmap(model.energy)(x), np.float64)
        x, exact = x[:_CHAINS], (float(energies.mean()), float(_error(energies)))
    else:
        mean, scale = np.asarray(model.units.mean), np.asarray(model.units.scale)
        grid = Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), 256)
        density = normalize_on_grid(model.energy, grid, model.units)
        drawn = exact_samples(density, _CHAINS, jr.key(0))
        x = jnp.asarray(model.units.transform(drawn), jnp.float32)
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
    cells = study["runs"]
    wanted = {(cell["dataset"], cell["method"]) for cell in cells.values()}
    steps = study["settings"].get("langevin_steps", 0)
    if steps < _LEAST or study["axes"] or len(wanted) > _MOST:
        return {}
    names = {(c["dataset"], c["method"], c["seed"]): name for name, c in cells.items()}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for dataset, entry in sorted(wanted):
        metric = metric_of(table, [dataset])
        seed = median_seed(final_values(table, dataset, metric).get(entry)) if metric else None
        if seed is None:
            continue
        cell = names[dataset, entry, seed]
        known = study["step_bias"].get(dataset, {}).get(entry)
        if known is None or known["run_id"] != cell:
            place = Path(folder) / "runs" / cell
            if not (place / "energy.ebm").exists():
                continue
            known = {"run_id": cell, "seed": seed} | _plain(of_cell(place))
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
