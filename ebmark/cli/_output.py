"""A check of the output file against the columns of the rows, before the work."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.errors import UserError, shown
from ebmark.estimator import ModelQueries


def check_columns(out: Path, *frames: pd.DataFrame) -> None:
    """Raise the `UserError` of `write_table` if a file of numbers cannot hold columns of frames."""
    suffix = out.suffix.casefold()
    if suffix not in (".npy", ".npz"):
        return
    for frame in frames:
        for name, dtype in frame.dtypes.items():
            if dtype.kind not in "biuf":
                raise UserError(
                    f"{shown(out, 80)}: column '{shown(name)}' is no number, and {suffix} holds "
                    "numbers only. Write .csv, .tsv or .parquet."
                )


def as_table(samples: Any) -> Any:
    """Return samples of an array that holds text as a frame of x1, x2, ..., others as they are."""
    if isinstance(samples, pd.DataFrame) or samples.dtype != object:
        return samples
    names = [f"x{i + 1}" for i in range(samples.shape[1])]
    return pd.DataFrame(samples, columns=names).infer_objects()


def sample_columns(model: ModelQueries) -> pd.DataFrame:
    """Return a row with the columns and types of the samples of a model."""
    return pd.DataFrame(as_table(model.decode(np.zeros((1, model.model_.dim)))))
