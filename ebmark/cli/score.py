"""`ebmark score`: the log-density of rows, and which are anomalies."""

from pathlib import Path

from ebmark.cli._common import Positional
from ebmark.cli.plugin_files import load_plugins


def score(
    model: Positional[Path],
    points: Positional[Path],
    /,
    out: Path,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
) -> int:
    """Score the rows of a table by a trained model.

    Writes the rows with their log-density in nats, the anomaly rank (1: the lowest density),
    whether they are outliers (below the density of a tenth of the training rows), and the column
    that is oddest given the others.

    Args:
        model: a model file written by `ebmark fit`.
        points: a file of rows with the columns of the model.
        out: the file to write: .csv, .tsv or .parquet.
        plugin: Python files that define METHODS, if the model was trained with one of them.
        network: FILE.py:FUNCTION of the model's network, if it was trained with one.
    """
    load_plugins(plugin, network=network)
    from ebmark.cli._score import score_file

    return score_file(model, points, out)
