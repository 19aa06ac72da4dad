"""The step-size bias of Langevin sampling on the energies that a study learned.

python -m ebmark.studies.step_bias STUDY/runs/RUN_ID ...      completed runs
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
from jaxtyping import Array, Float

from ebmark.errors import UserError
from ebmark.partition_function import exact_samples
from ebmark.samplers import StepBias, step_bias
from ebmark.store.table import load_arrays
from ebmark.studies.median_runs import median_runs
from ebmark.system import flags
from ebmark.training.model import Model, load_model
from ebmark.training.sampling import normalize_model

_NUM_CHAINS = 1_000
_NUM_STEPS = 300
_MIN_LANGEVIN_STEPS = 2_000  # of a study whose step-size bias is measured
_MAX_MEASURED = 60  # configurations and datasets of a study; each takes a second or two

_Biases = dict[str, dict[str, dict[str, Any]]]  # dataset -> configuration -> bias


def measure_run(folder: Path, num_steps: int = _NUM_STEPS) -> StepBias:
    """Measure the step-size bias of a completed run's energy, at the step size of its study.

    For d > 2 the chains start at the run's SMC samples.

    Args:
        folder: the run's folder.
        num_steps: steps of the chains at the study's step size.

    Raises:
        UserError: if d > 2 and the run has no SMC samples.
    """
    model = load_model(folder / "energy.ebm")
    step_size = float(model.spec["langevin"]["step_size"])
    starts = _smc_starts if model.dim > 2 else _exact_starts
    x, mean, error = starts(model, folder)
    return step_bias(model.energy, x, mean, step_size, num_steps, jr.key(1), error)


_Starts = tuple[Float[Array, "chains dim"], float, float]  # points, mean energy, its error


def _smc_starts(model: Model, folder: Path) -> _Starts:
    samples = load_arrays(folder.parents[1], folder.name).get("smc")
    if samples is None:
        raise UserError(f"{folder}: has no SMC samples, at which the chains would start.")
    x = jnp.asarray(model.units.transform(samples), jnp.float32)
    energies = np.asarray(jax.vmap(model.energy)(x), np.float64)
    error = energies.std(ddof=1) / np.sqrt(len(energies))
    return x[:_NUM_CHAINS], float(energies.mean()), float(error)


def _exact_starts(model: Model, folder: Path) -> _Starts:
    del folder
    density = normalize_model(model)
    samples = exact_samples(density, _NUM_CHAINS, jr.key(0))
    x = jnp.asarray(model.units.transform(samples), jnp.float32)
    log_q = density.log_density
    is_positive = np.isfinite(log_q)
    weights = np.exp(log_q[is_positive]) * density.grid.cell
    # -log q is the energy plus log Z and the log-Jacobian of the data units.
    entropy = -float(np.sum(weights * log_q[is_positive]))
    mean_energy = entropy - density.log_z - model.units.log_jacobian
    return x, mean_energy, 0.0


def measure_study(folder: Path, study: Mapping[str, Any], table: pd.DataFrame) -> _Biases:
    """Measure the step-size bias of the run of median KL of each dataset and configuration.

    What the study contains already is not measured again. Quick runs, sweeps and studies of very
    many configurations are not measured.

    Args:
        folder: the study's folder.
        study: its description, with configurations for methods.
        table: its results, likewise.

    Returns:
        Dataset -> configuration -> bias, as plain data.
    """
    runs = study["runs"]
    pairs = {(run["dataset"], run["method"]) for run in runs.values()}
    num_steps = study["settings"].get("langevin_steps", 0)
    if num_steps < _MIN_LANGEVIN_STEPS or study["axes"] or len(pairs) > _MAX_MEASURED:
        return {}
    biases: _Biases = {}
    for dataset, configuration, seed, name in median_runs(study, table):
        bias = study["step_bias"].get(dataset, {}).get(configuration)
        if bias is None or bias["run_id"] != name:
            place = Path(folder) / "runs" / name
            if not (place / "energy.ebm").exists():
                continue
            bias = {"run_id": name, "seed": seed} | _as_plain_data(measure_run(place))
        biases.setdefault(dataset, {})[configuration] = bias
    return biases


def _as_plain_data(bias: StepBias) -> dict[str, Any]:
    """Return the bias with six digits, more than its noise allows."""
    return {
        name: [_round(number) for number in value] if isinstance(value, tuple) else _round(value)
        for name, value in bias._asdict().items()
    }


def _round(number: float) -> float:
    return float(f"{number:.6g}")


def main() -> int:
    """Print a table of the step-size biases of the runs given on the command line."""
    flags.pin_flags()
    print("| run | method | h | bias of mean E at h, h/2, h/4, nats | at step 0 | error |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:]:
        folder = Path(name)
        bias = measure_run(folder)
        method = load_model(folder / "energy.ebm").spec["method"]
        biases = ", ".join(f"{value:+.4f}" for value in bias.biases)
        limit = f"{bias.limit - bias.exact:+.4f} | {bias.limit_error:.4f}"
        print(f"| {folder.name} | {method} | {bias.steps[0]:.3g} | {biases} | {limit} |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"step_bias: {error}")
