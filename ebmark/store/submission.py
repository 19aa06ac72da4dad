"""A results folder that is submitted to the leaderboard."""

from typing import NamedTuple

import pandas as pd


class Submission(NamedTuple):
    """A folder that was checked: its table, with entries for methods, and its cells' specs."""

    name: str
    table: pd.DataFrame
    plan: dict[str, dict]
