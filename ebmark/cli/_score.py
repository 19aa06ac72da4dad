"""The work of `ebmark score` and `ebmark impute`, behind the imports of JAX."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.cli._common import print_notes
from ebmark.cli._output import check_columns, sample_columns
from ebmark.datasets.preprocessing.frames import as_frame
from ebmark.datasets.tables import check_output, read_table, write_table
from ebmark.errors import UserError, shown
from ebmark.estimator import ModelQueries, load_fitted
from ebmark.system.threads import keep_compiled_programs


def score_file(path: Path, table: Path, out: Path) -> int:
    """Score the rows of a file by a model file, and write them with their scores."""
    check_output(out)
    model, frame = _load(path, table)
    columns = sample_columns(model)
    check_columns(out, frame, pd.DataFrame({"top_column": columns.columns[:1]}))
    scored = score_rows(model, frame)
    write_table(out, scored, ())
    num = np.count_nonzero(scored["is_outlier"])
    print(f"{len(scored):,} rows, {num:,} below the outlier threshold {model.offset_:.4g}: {out}")
    return 0


def impute_file(path: Path, table: Path, out: Path, *, imputations: int, seed: int) -> int:
    """Fill the missing values of a file by draws of a model file, and write the tables."""
    names = name_imputations(out, imputations)
    check_output(names[0])
    model, frame = _load(path, table)
    check_columns(out, frame, sample_columns(model))
    num_missing = _count_missing(frame)
    if num_missing == 0:
        print_notes([f"{table} has no missing values."])
    for name, filled in zip(names, impute_rows(model, frame, imputations, seed), strict=True):
        write_table(name, filled, ())
        num_left = _count_missing(filled)
        left = f", {num_left:,} left in columns that the model does not use" if num_left else ""
        print(f"{num_missing - num_left:,} missing values filled{left}: {name}")
    return 0


def _count_missing(table: Any) -> int:
    return int(as_frame(table).isna().to_numpy().sum())


def _load(path: Path, table: Path) -> tuple[ModelQueries, pd.DataFrame]:
    """Read a model and the rows of a table, print notes on them, and keep compiled programs."""
    model = load_fitted(path)
    frame, notes = read_table(table, min_rows=1, find_dropped=model.find_dropped)
    print_notes(notes)
    if not hasattr(model, "columns_") and not hasattr(model, "feature_names_in_"):
        # a model of an array, whose columns have no names
        texts = [shown(name) for name in frame.select_dtypes(exclude="number").columns]
        if texts or frame.shape[1] != model.n_features_in_:
            found = f"column '{texts[0]}' is no number" if texts else f"it has {frame.shape[1]}"
            raise UserError(
                f"{shown(table, 80)}: the model was fitted to an array of {model.n_features_in_} "
                f"columns of numbers, but {found}. Give the same columns."
            )
    keep_compiled_programs()
    return model, frame


def score_rows(model: ModelQueries, table: pd.DataFrame) -> pd.DataFrame:
    """Add scores to the rows of a table.

    Args:
        model: a fitted model.
        table: rows with the columns of the model.

    Returns:
        The table with `log_density` in nats, `anomaly_rank` (1 for the lowest density),
        `is_outlier`, and `top_column`, the column that is oddest given the others.

    Raises:
        UserError: if the table has a column of such a name, or the model refuses it.
    """
    try:
        log_density = model.score_samples(table)
        top_column = model.explain(table).idxmax(axis=1).to_numpy()
    except ValueError as error:
        raise UserError(str(error)) from None
    scores = {
        "log_density": log_density,
        "anomaly_rank": np.argsort(np.argsort(log_density, kind="stable")) + 1,
        "is_outlier": log_density < model.offset_,
        "top_column": top_column,
    }
    taken = [name for name in scores if name in table.columns]
    if taken:
        raise UserError(f"The table has a column '{taken[0]}' already. Rename it.")
    return table.assign(**scores)


def impute_rows(
    model: ModelQueries, table: pd.DataFrame, num_imputations: int, seed: int
) -> list[Any]:
    """Fill the missing values of a table, as often as asked: frames, or arrays of an array's model.

    Raises:
        UserError: if the model refuses the table.
    """
    try:
        filled = model.impute(table, num_imputations, random_state=seed)
    except ValueError as error:
        raise UserError(str(error)) from None
    return filled if num_imputations > 1 else [filled]


def name_imputations(out: Path, num_imputations: int) -> list[Path]:
    """Return the files to write: OUT, or OUT_1, OUT_2, ... for several.

    Example:
        >>> [path.name for path in name_imputations(Path("full.csv"), 2)]
        ['full_1.csv', 'full_2.csv']
    """
    if num_imputations == 1:
        return [out]
    return [out.with_stem(f"{out.stem}_{i + 1}") for i in range(num_imputations)]
