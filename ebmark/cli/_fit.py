"""The work of `ebmark fit`, behind the imports of JAX."""

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.cli._common import MAX_COMPARED, print_notes
from ebmark.cli._sample import describe_chains
from ebmark.cli.terminal_tables import (
    Likelihood,
    print_columns,
    print_likelihoods,
    print_scores,
    unit_of,
)
from ebmark.datasets import UserDataset
from ebmark.datasets.preprocessing import fit_units
from ebmark.datasets.tables import read_points
from ebmark.energies import Key, Network, new_energy
from ebmark.errors import UserError
from ebmark.estimator import compare_baselines, fit_baselines
from ebmark.methods import AbstractBaseline, AbstractMethod, Recipe
from ebmark.metrics import sample_metrics
from ebmark.metrics.columns import compare_columns
from ebmark.metrics.scores import score_samples
from ebmark.partition_function import (
    SINGLE,
    exact_samples,
    normalize,
)
from ebmark.store.metric_info import MIN_ACCEPTANCE_RATE, MIN_NOISE_ESS
from ebmark.studies.spec import langevin_step_size
from ebmark.system.distributed import join, leave
from ebmark.system.threads import keep_compiled_programs
from ebmark.system.writing import check_writable
from ebmark.training import recipes
from ebmark.training.early_stopping import train_with_early_stopping
from ebmark.training.model import Model, save_model
from ebmark.training.sampling import sample_chains
from ebmark.training.snapshots import Fit

_NUM_SNAPSHOTS = 10  # validated by early stopping, besides some at the start
_NUM_CHAIN_STEPS = 2_000


def fit_points(
    path: Path,
    out: Path,
    *,
    method: str,
    updates: int | None,
    seed: int,
    early_stopping: bool = True,
    distributed: bool = False,
) -> int:
    """Train an energy on the points of a file, save the model and print its metrics.

    Args:
        path: the file of points.
        out: the model file to write.
        method: name of the method.
        updates: number of updates, instead of the recipe's.
        seed: seed of the split, the initial energy and the training.
        early_stopping: keep the energy with the highest validation likelihood.
        distributed: whether this process is one of several. All compute the same, and only the
            first one prints and writes.

    Returns:
        The exit status: 0, or 1 if the training diverged.

    Raises:
        UserError: if the method does not support the data, or the file cannot be written.
    """
    points = read_points(path)
    dataset = UserDataset(path.stem, points.x)
    recipe = _read_recipe(method, updates, dataset.dim)
    _check_supported(method, path, dataset.dim)
    check_writable(out)
    is_first = join() if distributed else True
    keep_compiled_programs()
    print_notes(points.notes if is_first else ())
    split_key, energy_key, train_key, sample_key = jr.split(jr.key(seed), 4)
    train_x, test_x = dataset.split(len(points.x), MAX_COMPARED, split_key)
    known = dataset.training_part(train_x)
    scaler = fit_units(train_x)
    network = Network().resolve(dataset.dim)
    inputs = recipe.method.num_extra_inputs
    train_points = scaler.transform(train_x)
    energy = new_energy(network, train_points, energy_key, num_extra_inputs=inputs)
    _, train_z, fitted = train_with_early_stopping(
        recipe,
        energy,
        train_x,
        scaler,
        known.grid,
        _NUM_SNAPSHOTS if early_stopping else 1,
        early=early_stopping,
        choice_key=jr.fold_in(split_key, 1),
        key=train_key,
        progress=_print_progress if is_first else _ignore_progress,
    )
    if fitted.divergence_reason is not None:
        if is_first:
            print(f"\nebmark: {fitted.divergence_reason}", file=sys.stderr)
        return 1
    spec = _describe_model(method, recipe, network, known)
    model = Model(fitted.energy, scaler, spec, points.columns)
    samples, notes = _draw_samples(model, recipe.method, fitted, len(test_x), sample_key)
    notes += _collect_warnings(recipe.method, fitted, train_z, jr.fold_in(sample_key, 1))
    if distributed:
        leave()
    if is_first:
        print(file=sys.stderr)
        print_notes(notes)
        save_model(out, model)
        try:
            _print_evaluation(
                path, model, recipe.method, dataset, (train_x, test_x), train_z, samples, sample_key
            )
        except UserError as error:
            raise UserError(f"{out} was saved but cannot be evaluated: {error}") from None
        print(f"Model: {out}")
    return 0


def _check_supported(method: str, path: Path, dim: int) -> None:
    if method == "mle" and dim > 2:
        raise UserError(
            f"'mle' supports 1-D and 2-D data only, but {path} has {dim} columns. "
            "Use --method nce or --method dsm."
        )


def _read_recipe(method: str, updates: int | None, dim: int) -> Recipe:
    """Return the recipe of a method whose packages are installed."""
    recipe = recipes.with_changes(method, {}, dim=dim)
    recipes.check_installed(method)
    if updates is not None and recipe.num_updates:
        recipe = dataclasses.replace(recipe, num_updates=updates)
    return recipe


def _describe_model(
    method: str,
    recipe: Recipe,
    network: dict[str, Any],
    known: UserDataset,
) -> dict[str, Any]:
    """Return what a model file records of the training, with a step size for its chains.

    `known` holds the training points only.
    """
    step_size = langevin_step_size(known)
    return {
        "method": method,
        "num_train": len(known.points),
        "energy": network,
        "training": recipes.as_dict(recipe),
        "langevin": {"steps": _NUM_CHAIN_STEPS, "step_size": step_size},
    }


def _draw_samples(
    model: Model, method: AbstractMethod, fitted: Fit, num: int, key: Key
) -> tuple[np.ndarray | None, list[str]]:
    """Return samples of a baseline or, for d > 2, of chains, with notes; None in 1-D and 2-D.

    All processes take part: the chains are distributed over them.
    """
    stopped = [fitted.stopped] if fitted.stopped else []
    if isinstance(method, AbstractBaseline):
        draws = method.sample(fitted.snapshots[-1].trainable, fitted.state, num, key)
        return model.units.inverse_transform(np.asarray(draws)), stopped
    if model.dim <= 2:
        return None, stopped
    samples, diagnostics = sample_chains(model, "langevin", num, _NUM_CHAIN_STEPS, key)
    return samples, [describe_chains(diagnostics), *stopped]


def _print_evaluation(
    path: Path,
    model: Model,
    method: AbstractMethod,
    dataset: UserDataset,
    parts: tuple[np.ndarray, np.ndarray],
    train_z: Float[Array, "n dim"],
    samples: np.ndarray | None,
    key: Key,
) -> None:
    """Print the likelihood and the sample metrics of held-out points.

    Args:
        path: the file of the points.
        model: the trained model.
        method: what trained it.
        dataset: the user's points.
        parts: the training and the held-out points, in data units.
        train_z: the training points in the model's units.
        samples: of a baseline, or end points of chains; None for exact samples.
        key: key of the exact samples and of log Z.
    """
    train_x, test_x = parts
    log_z, error, samples = _normalize(model, method, dataset, samples, train_z, len(test_x), key)
    name = model.spec["method"]
    own = -model.energies(test_x) - log_z
    compared = compare_baselines(fit_baselines(train_x), test_x, own, error)
    others = [
        Likelihood(other.name, other.value, is_better=other.is_better)
        for other in compared.values()
    ]
    scores = score_samples(samples, test_x, dataset, sample_metrics(dataset))
    print_likelihoods(Likelihood(name, float(own.mean()), error), others, len(test_x))
    print_scores(scores, f"{name} on {path.name}, {len(test_x)} held-out points", unit_of(dataset))
    print_columns(compare_columns(samples, test_x, dataset, model.columns or ()))


def _normalize(
    model: Model,
    method: AbstractMethod,
    dataset: UserDataset,
    samples: np.ndarray | None,
    train_z: Float[Array, "n dim"],
    num: int,
    key: Key,
) -> tuple[float, float, np.ndarray]:
    """Return log Z, its error and samples; the error is infinite where log Z is unresolved.

    Args:
        model: the trained model.
        method: what trained it; log Z of a baseline is 0.
        dataset: the user's points.
        samples: of a baseline, or end points of chains (n, dim); None for exact samples.
        train_z: the training points in the model's units.
        num: the number of exact samples.
        key: key of the exact samples and of log Z.
    """
    if isinstance(method, AbstractBaseline):
        assert samples is not None  # every baseline has a sampler
        return 0.0, 0.0, samples
    log_z, density = normalize(
        model.energy, model.units, dataset.grid, np.asarray(train_z), key, effort=SINGLE
    )
    if density is not None:
        samples = exact_samples(density, num, key)
    assert samples is not None  # those of chains for d > 2
    return log_z.value, log_z.error if log_z.resolves(0.0) else math.inf, samples


def _collect_warnings(
    method: AbstractMethod, fitted: Fit, train_z: Float[Array, "n dim"], key: Key
) -> list[str]:
    """Return the warnings that follow from the method's diagnostics."""
    diagnose = eqx.filter_jit(method.diagnostics)
    diagnostics = diagnose(fitted.snapshots[-1].trainable, fitted.state, train_z, key)
    noise_ess = float(diagnostics.get("noise_ess", 1.0))
    acceptance_rate = float(diagnostics.get("acceptance_rate", 1.0))
    warnings = []
    if noise_ess < MIN_NOISE_ESS:
        warnings.append(
            f"The noise distribution is too different from the model: noise ESS {noise_ess:.2g} "
            f"(expected: at least {MIN_NOISE_ESS:g}). Use a method with another noise "
            "distribution, such as nce_mixture or nce_flow, or dsm."
        )
    if acceptance_rate < MIN_ACCEPTANCE_RATE:
        warnings.append(
            f"The training chains accept {acceptance_rate:.0%} of their moves (expected: at least "
            f"{MIN_ACCEPTANCE_RATE:.0%}). Decrease step_size."
        )
    return warnings


def _print_progress(step: int, num_updates: int) -> None:
    if sys.stderr.isatty() or step == num_updates:
        print(f"\r{step} of {num_updates} updates", end="", file=sys.stderr, flush=True)


def _ignore_progress(step: int, num_updates: int) -> None:
    pass
