"""`ebmark fit`: train an energy on your data."""

from pathlib import Path

from ebmark.cli._common import Positional, load_plugins


def fit(
    points: Positional[Path],
    /,
    out: Path,
    method: str = "nce",
    updates: int | None = None,
    seed: int = 0,
    early_stopping: bool = True,
    plugin: tuple[Path, ...] = (),
    distributed: bool = False,
) -> int:
    """Train one energy on your points; a fifth of them is held out to score it.

    Args:
        points: CSV, TSV, text, NPY, NPZ or Parquet, a point a row.
        out: the model file to write, such as model.ebm.
        method: one of `ebmark list`.
        updates: updates, in place of the recipe's own.
        seed: of the split, the initial energy and the training.
        early_stopping: keep the energy under which a tenth of the points, not trained on, were
            likeliest; without it, the last.
        plugin: Python files with METHODS of your own.
        distributed: one run over all processes that srun or mpiexec has started.
    """
    load_plugins(plugin)
    from ebmark.cli._fit import fit_points

    return fit_points(
        points,
        out,
        method=method,
        updates=updates,
        seed=seed,
        early_stopping=early_stopping,
        distributed=distributed,
    )
