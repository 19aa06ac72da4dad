"""The work of `ebmark sample`, behind the imports of JAX."""

from pathlib import Path
from typing import Any

import jax.random as jr

from ebmark.cli._common import print_notes
from ebmark.cli._output import as_table, check_columns, sample_columns
from ebmark.datasets.tables import check_output, write_table
from ebmark.errors import UserError, shown, unknown
from ebmark.estimator import ModelQueries, load_fitted
from ebmark.partition_function import exact_samples
from ebmark.samplers import SAMPLERS
from ebmark.system.distributed import join, leave
from ebmark.system.threads import keep_compiled_programs
from ebmark.training.model import Model, load_model
from ebmark.training.sampling import MIN_KEPT, ChainDiagnostics, normalize_model, sample_chains

_SAMPLERS = ("exact", "smc", *SAMPLERS)
_NUM_STEPS = 2_000


def sample_model(
    path: Path,
    out: Path,
    *,
    n: int,
    sampler: str | None,
    steps: int | None,
    given: tuple[str, ...] = (),
    seed: int,
    distributed: bool = False,
) -> int:
    """Draw n samples from the model file and write them, as rows of its table.

    Args:
        path: the model file.
        out: the file to write; its suffix decides the format.
        n: number of samples.
        sampler: "exact", "smc" or a name in SAMPLERS; None chooses "exact" in 1-D and 2-D, "smc"
            for a model of `ebmark fit`, and "langevin" if `steps` is given or for a run.
        steps: number of chain steps; None for 2,000.
        given: values of columns as NAME=VALUE.
        seed: seed of the samples.
        distributed: whether this process is one of several.

    Returns:
        The exit status.

    Raises:
        UserError: if the file is no model or the sampler does not support it.
    """
    check_output(out)
    is_first = join() if distributed else True
    model = load_model(path)
    # the energy of a run has neither a table nor points from which annealing starts
    estimator = None if model.estimator is None else load_fitted(path)
    name = sampler or _default_sampler(model, steps)
    fixed = _read_given(path, estimator, given, sampler or steps)
    if name not in _SAMPLERS:
        raise unknown("sampler", name, _SAMPLERS)
    if name == "exact" and model.dim > 2:
        raise UserError(
            f"--sampler exact supports 1-D and 2-D data only, but {path} has {model.dim} columns. "
            "Use --sampler tempering."
        )
    if name == "smc" and (estimator is None or model.dim <= 2):
        raise UserError(
            f"--sampler smc needs a model of `ebmark fit` with more than two columns, not {path}. "
            "Use --sampler tempering."
        )
    if estimator is not None:
        check_columns(out, sample_columns(estimator))
    keep_compiled_programs()
    notes = []
    if name in ("exact", "smc"):
        if steps is not None:
            notes.append(
                f"--steps {steps} has no effect: the {name} sampler has no chains. "
                "Use --sampler langevin for chains."
            )
        if estimator is None:
            samples = exact_samples(normalize_model(model), n, jr.key(seed))
        else:
            samples = _sample_estimator(estimator, n, fixed, seed)
    else:
        points, diagnostics = sample_chains(model, name, n, steps or _NUM_STEPS, jr.key(seed))
        notes.append(describe_chains(diagnostics))
        samples = points if estimator is None else estimator.decode(points)
    print_notes(notes if is_first else [])
    if distributed:
        leave()
    if is_first:
        write_table(out, as_table(samples), model.columns or ())
        print(f"{n} {name} samples: {out}")
    return 0


def _read_given(
    path: Path, estimator: ModelQueries | None, given: tuple[str, ...], chains: str | int | None
) -> dict[str, str]:
    """Return the values of --given by column."""
    if given and estimator is None:
        raise UserError(f"--given needs a model of `ebmark fit`, not {path}.")
    if given and chains:
        raise UserError("--given draws by its own sampler. Leave out --sampler and --steps.")
    for option in given:
        if "=" not in option:
            raise UserError(f"--given {option} is not of the form NAME=VALUE.")
    pairs = [option.split("=", 1) for option in given]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--given: column '{shown(name)}' has several values. Give one.")
    return {name: value for name, value in pairs}


def _sample_estimator(estimator: ModelQueries, n: int, given: dict[str, str], seed: int) -> Any:
    if not given:
        return estimator.sample(n, random_state=seed)
    try:
        values = estimator.parse_values(given)
        return estimator.sample(n, random_state=seed, given=values)
    except ValueError as error:
        raise UserError(str(error).replace("'given'", "--given")) from None


def _default_sampler(model: Model, steps: int | None) -> str:
    """Return the sampler of `ModelQueries.sample`, unless steps of chains are asked for."""
    if model.dim <= 2:
        return "exact"
    return "smc" if model.estimator is not None and steps is None else "langevin"


def describe_chains(diagnostics: ChainDiagnostics) -> str:
    """Describe the convergence of chains in one line."""
    sentences = []
    if diagnostics.acceptance_rate is not None:
        sentences.append(
            f"Acceptance rate {diagnostics.acceptance_rate:.0%} at step size "
            f"{diagnostics.step_size:.3g}."
        )
    if diagnostics.num_kept < MIN_KEPT:
        sentences.append(
            f"Chains of {diagnostics.num_kept} steps are too short for R-hat and ESS: whether they "
            f"have converged is unknown. Use --steps {MIN_KEPT} or more."
        )
        return " ".join(sentences)
    sentences.append(
        f"The last {diagnostics.num_kept} kept states per chain have split R-hat "
        f"{diagnostics.rhat:.3f} and an ESS of {diagnostics.ess:,.0f} independent points of "
        f"{diagnostics.num_draws:,}."
    )
    if not diagnostics.has_converged:
        sentences.append(
            "The chains have not converged (R-hat is not below 1.1): mode weights are those of "
            "the starting points."
        )
    return " ".join(sentences)
