"""`ebmark twin`: find out which training method suits your table."""

from pathlib import Path
from typing import Literal

from ebmark.cli._common import Positional, check_positive, check_seed
from ebmark.cli.plugin_files import load_plugins


def twin(
    points: Positional[Path],
    /,
    quick: bool = False,
    methods: tuple[str, ...] | None = None,
    seeds: int | None = None,
    updates: int | None = None,
    out: Path | None = None,
    columns: str | None = None,
    drop: str | None = None,
    missing: Literal["drop", "impute"] | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> int:
    """Find out which training method suits your table: `eb.twin` for a file.

    A target of known density, a mixture, is fitted to the table. Methods are trained on samples of
    it, which gives their exact KL, and on the rows, of which a fifth is held out.

    Args:
        points: a CSV, TSV, text, NPY, NPZ or Parquet file with one data point per row.
        quick: two methods and the baselines, 1 seed, 100 updates.
        methods: methods to train; nce, dsm, cd, gaussian and kde if omitted.
        seeds: number of seeds, 6 if omitted; a test needs at least 6.
        updates: number of updates of every method; 100 passes over the rows if omitted.
        out: folder of the results, with a report of each comparison; no results are kept if
            omitted.
        columns: names of the columns to use, separated by commas as in CSV; all by default.
        drop: names of columns to leave out, separated by commas as in CSV.
        missing: drop rows with missing values, or impute medians and modes. By default, missing
            values are refused.
        seed: seed of the twin.
        jobs: number of parallel runs, each a process of one thread; the number of cores if
            omitted.
    """
    check_positive(seeds=seeds, updates=updates, jobs=jobs)
    check_seed(seed)
    load_plugins((), methods=methods or ())
    from ebmark.cli._twin import twin_of_table

    return twin_of_table(
        points,
        columns=columns,
        drop=drop,
        methods=methods,
        seeds=seeds,
        updates=updates,
        missing=missing,
        quick=quick,
        random_state=seed,
        out=out,
        jobs=jobs,
    )
