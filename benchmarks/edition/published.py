"""The published studies as the edition reads them."""

import functools
from pathlib import Path

import pandas as pd

from ebmark.statistics import final_values
from ebmark.store.schema import load_study
from ebmark.store.table import read, with_entries

RESULTS = Path(__file__).parents[2] / "results"


@functools.cache
def rows_of(folder: str) -> pd.DataFrame:
    """Return the table of a study, with the column `entry`."""
    path = RESULTS / folder
    return with_entries(load_study(path), read(path))[1]


def by_entry(folder: str, dataset: str, metric: str) -> dict[str, pd.Series]:
    """Return the values of each configuration by seed."""
    return final_values(rows_of(folder), dataset, metric)
