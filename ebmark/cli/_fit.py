"""The work of `ebmark fit`, behind the imports of JAX: a page around `EnergyModel`."""

import math
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.cli._common import MAX_COMPARED, print_notes
from ebmark.cli._evaluate import print_comparison
from ebmark.cli._flags import choose_dropped, name_flags
from ebmark.cli.terminal_tables import Likelihood, print_likelihoods, print_parts
from ebmark.datasets import UserDataset
from ebmark.datasets.tables import describe_table, read_table
from ebmark.errors import UnresolvedWarning, UserError
from ebmark.estimator import EnergyModel
from ebmark.metrics import sample_metrics
from ebmark.store.metric_info import MIN_ACCEPTANCE_RATE, MIN_NOISE_ESS
from ebmark.system.distributed import join, leave
from ebmark.system.threads import keep_compiled_programs
from ebmark.system.writing import check_writable

_HELD_OUT_FRACTION = 0.2
# rows of the target with which samples are compared
_MAX_TARGET = 100_000
# the levels of columns with at most as many values all occur in the training rows
_MAX_LEVELS = 50


def fit_table(
    path: Path,
    out: Path,
    *,
    columns: str | None,
    drop: str | None,
    distributed: bool,
    **options: Any,
) -> int:
    """Fit an `EnergyModel` to the table of a file, save it and print its evaluation.

    Args:
        path: the file of the table.
        out: the model file to write.
        columns: names of the columns to keep, separated by commas; None for all.
        drop: names of columns to leave out.
        distributed: whether this process is one of several. All compute the same, and only the
            first one prints and writes.
        options: further arguments of `EnergyModel`.

    Returns:
        The exit status: 0, or 1 if the training diverged.

    Raises:
        UserError: if the file or its table cannot be used; the message names the flag that helps.
    """
    find_dropped = partial(choose_dropped, columns=columns, drop=drop)
    frame, notes = read_table(path, find_dropped=find_dropped)
    dropped = find_dropped(frame)
    kept = frame.drop(columns=dropped)
    check_writable(out)
    is_first = join() if distributed else True
    keep_compiled_programs()
    print_notes([*notes, *describe_table(kept)] if is_first else ())
    train, test = _split(frame, kept, options["random_state"])
    target = kept.dropna()
    if len(target) > _MAX_TARGET:
        target = target.sample(_MAX_TARGET, random_state=0)
    # of 1,000,000 rows, each table is large
    del frame, kept
    model = EnergyModel(drop=dropped, verbose=is_first, **options)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UnresolvedWarning)
            model.fit(train)
    except FloatingPointError as error:
        if is_first:
            print(f"\nebmark: {error}", file=sys.stderr)
        return 1
    except UserError as error:
        raise UserError(name_flags(str(error))) from error
    except ValueError as error:
        raise UserError(f"{path}: {name_flags(str(error))}") from error
    if is_first:
        _print_treatments(model)
        print_notes([str(one.message) for one in caught] + _list_notes(model))
        model.save(out)
    try:
        # the processes draw together, and the first one prints
        samples = model.sample(len(test), random_state=0) if len(test) > 1 else None
        if distributed:
            leave()
        if is_first:
            _print_evaluation(path, model, target, test, samples)
    except UserError as error:
        raise UserError(f"{out} was saved but cannot be evaluated: {error}") from None
    if is_first:
        print(f"Model: {out}")
    return 0


def _split(frame: pd.DataFrame, kept: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows into training and complete held-out rows, whose levels occur in training.

    At most `MAX_COMPARED` held-out rows are returned, a random sample of them.
    """
    is_held_out = np.zeros(len(frame), bool)
    order = np.random.default_rng(seed).permutation(len(frame))
    is_held_out[order[: max(1, round(_HELD_OUT_FRACTION * len(frame)))]] = True
    for _, series in kept.items():
        is_text = series.dtype.kind == "O"
        values = series.astype(str) if is_text else series
        if values.nunique() <= min(_MAX_LEVELS, len(frame) // (2 if is_text else 4)):
            # the held-out rows come last
            is_held_out &= values.iloc[order[::-1]].duplicated().sort_index().to_numpy()
    can_test = is_held_out & kept.notna().all(axis=1).to_numpy()
    # the rows of a file may be sorted
    tested = order[can_test[order]][:MAX_COMPARED]
    return frame.loc[~is_held_out], frame.iloc[np.sort(tested)]


def _print_treatments(model: EnergyModel) -> None:
    """Print what was done to each column, if anything was."""
    if not hasattr(model, "columns_") or set(model.columns_["treatment"]) == {"unchanged"}:
        return
    table = model.columns_.rename(columns={"num_missing": "missing"}).astype(str)
    print_parts([("columns", [*table.columns], table.to_numpy().tolist())], ())


def _list_notes(model: EnergyModel) -> list[str]:
    """Return the notes that follow from early stopping and the method's diagnostics."""
    noise_ess = model.diagnostics_.get("noise_ess", 1.0)
    acceptance_rate = model.diagnostics_.get("acceptance_rate", 1.0)
    notes = [model.stopped_] if model.stopped_ else []
    if noise_ess < MIN_NOISE_ESS:
        notes.append(
            f"The noise distribution is too different from the model: noise ESS {noise_ess:.2g} "
            f"(expected: at least {MIN_NOISE_ESS:g}). Use a method with another noise "
            "distribution, such as nce_mixture or nce_flow, or dsm."
        )
    if acceptance_rate < MIN_ACCEPTANCE_RATE:
        notes.append(
            f"The training chains accept {acceptance_rate:.0%} of their moves (expected: at least "
            f"{MIN_ACCEPTANCE_RATE:.0%}). Decrease step_size."
        )
    return notes


def _print_evaluation(
    path: Path, model: EnergyModel, target: pd.DataFrame, test: pd.DataFrame, samples: Any
) -> None:
    """Print the likelihood and the sample metrics of held-out rows; samples are None without."""
    if samples is None:
        print_notes(["No complete rows are left for an evaluation."])
        return
    own, *others = model.compare(test, random_state=0)
    likelihoods = [
        Likelihood(other.name, other.value, is_better=other.is_better) for other in others
    ]
    print_likelihoods(
        Likelihood(own.name, own.value, model.log_z_error_),
        likelihoods,
        f"{len(test):,} held-out points",
    )
    dataset = UserDataset(path.stem, model.encode(target))
    title = f"{model.method} on {path.name}, {len(test)} held-out points"
    metrics = sample_metrics(dataset)
    nll = -own.value if math.isfinite(model.log_z_error_) else math.inf
    x, test_x = model.encode(samples), model.encode(test)
    print_comparison(x, test_x, dataset, metrics, title, model.encoded_names, nll=nll)
