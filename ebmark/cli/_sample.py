"""What `ebmark sample` does."""

from pathlib import Path

import jax.random as jr

from ebmark.cli._common import _say, checked_seed
from ebmark.datasets.tables import check_output, write_points
from ebmark.errors import UserError, unknown
from ebmark.partition_function import exact_samples
from ebmark.samplers import SAMPLERS
from ebmark.system.distributed import join, leave
from ebmark.system.threads import keep_compiled_programs
from ebmark.training.model import load_model
from ebmark.training.sampling import ChainDiagnostics, normalize_model, sample_chains

_SAMPLERS = ("exact", *SAMPLERS)


def sample_model(
    path: Path,
    out: Path,
    *,
    n: int,
    sampler: str | None,
    steps: int,
    seed: int,
    distributed: bool = False,
) -> int:
    """`ebmark sample`."""
    for flag, value in (("-n", n), ("--steps", steps)):
        if value < 1:
            raise UserError(f"{flag} must be at least 1, not {value}")
    check_output(out)
    first = join() if distributed else True
    model = load_model(path)
    sampler = sampler or ("exact" if model.dim <= 2 else "langevin")
    if sampler not in _SAMPLERS:
        raise unknown("sampler", sampler, _SAMPLERS)
    if sampler == "exact" and model.dim > 2:
        raise UserError(
            f"exact samples need 1 or 2 columns, and the model has {model.dim}: use tempering"
        )
    keep_compiled_programs()
    key = jr.key(checked_seed(seed))
    if sampler == "exact":
        drawn = exact_samples(normalize_model(model), n, key)
    else:
        drawn, diagnostics = sample_chains(model, sampler, n, steps, key)
        _say([describe_chains(diagnostics)] if first else [])
    if distributed:
        leave()
    if not first:
        return 0
    write_points(out, drawn, model.columns or ())
    print(f"{n} points by {sampler}: {out}")
    return 0


def describe_chains(diagnostics: ChainDiagnostics) -> str:
    """Describe the convergence of chains in one line."""
    sentences = []
    if diagnostics.acceptance_rate is not None:
        sentences.append(
            f"Acceptance rate {diagnostics.acceptance_rate:.0%} at step size "
            f"{diagnostics.step_size:.3g}."
        )
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
