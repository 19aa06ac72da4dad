"""`ebmark fit`: train an EBM on your data."""

from pathlib import Path
from typing import Literal

from ebmark.cli._common import Positional, check_positive, check_seed
from ebmark.cli.plugin_files import load_plugins, network_name


def fit(
    points: Positional[Path],
    /,
    out: Path,
    method: str = "nce",
    updates: int | None = None,
    columns: str | None = None,
    drop: str | None = None,
    missing: Literal["drop", "impute", "model"] | None = None,
    seed: int = 0,
    early_stopping: bool = True,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
    distributed: bool = False,
) -> int:
    """Train an EBM on your data: `eb.EnergyModel` for the table of a file.

    Columns may hold numbers, text, categories and dates. A fifth of the rows is held out for
    evaluation.

    Args:
        points: a CSV, TSV, text, NPY, NPZ or Parquet file with one data point per row.
        out: the model file to write, such as model.ebm.
        method: a method of `ebmark list` or of a plugin.
        updates: number of updates; by default 100 passes over the rows, at most the recipe's.
        columns: names of the columns to use, separated by commas as in CSV; all by default.
        drop: names of columns to leave out, separated by commas as in CSV.
        missing: drop rows with missing values, impute medians and modes, which understates
            spread and dependence, or draw them from the model in 3 rounds of training. By default,
            missing values are refused.
        seed: seed of the split, the initial energy and the training.
        early_stopping: keep the energy of the last update. By default, a tenth of the training
            points is used for validation, and the energy with their highest likelihood is kept.
        plugin: Python files that define METHODS.
        network: FILE.py:FUNCTION, a function make(dim, key) that returns the energy to train.
        distributed: train over all processes that srun or mpiexec has started.
    """
    check_positive(updates=updates)
    check_seed(seed)
    load_plugins(plugin, methods=[method], network=network)
    from ebmark.cli._fit import fit_table

    return fit_table(
        points,
        out,
        columns=columns,
        drop=drop,
        distributed=distributed,
        method=method,
        updates="auto" if updates is None else updates,
        missing=missing,
        network=network_name(network),
        random_state=seed,
        early_stopping=early_stopping,
    )
