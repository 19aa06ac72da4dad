"""`ebmark impute`: fill missing values by draws from a trained model."""

from pathlib import Path

from ebmark.cli._common import Positional, check_positive, check_seed
from ebmark.cli.plugin_files import load_plugins


def impute(
    model: Positional[Path],
    points: Positional[Path],
    /,
    out: Path,
    imputations: int = 1,
    seed: int = 0,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
) -> int:
    """Fill the missing values of a table by draws from a trained model.

    Missing values are drawn given the other values of their row. With several imputations, their
    spread is the uncertainty of a value.

    Args:
        model: a model file written by `ebmark fit`.
        points: a file of rows with the columns of the model and blanks.
        out: the file to write: .csv, .tsv or .parquet; with several imputations OUT_1, OUT_2, ...
        imputations: number of tables to write.
        seed: seed of the draws.
        plugin: Python files that define METHODS, if the model was trained with one of them.
        network: FILE.py:FUNCTION of the model's network, if it was trained with one.
    """
    check_positive(imputations=imputations)
    check_seed(seed)
    load_plugins(plugin, network=network)
    from ebmark.cli._score import impute_file

    return impute_file(model, points, out, imputations=imputations, seed=seed)
