"""Rows of the results, selected with exact types."""

from typing import cast

import pandas as pd


def select_rows(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Select the rows whose columns equal the values.

    Example:
        >>> table = pd.DataFrame({"dataset": ["a", "b"], "seed": [0, 1]})
        >>> select_rows(table, dataset="b")["seed"].tolist()
        [1]
    """
    for column, value in values.items():
        table = cast(pd.DataFrame, table[table[column] == value])
    return table


def count_unique(table: pd.DataFrame, column: str) -> int:
    """Count the different values of a column."""
    return cast(pd.Series, table[column]).nunique()


def list_unique(table: pd.DataFrame, column: str) -> list[str]:
    """List the different values of a column, in order of appearance."""
    return [str(value) for value in cast(pd.Series, table[column]).unique()]
