"""A results folder that is submitted to the leaderboard."""

from typing import NamedTuple

import pandas as pd


class Submission(NamedTuple):
    """A results folder that passed the checks of the leaderboard.

    Attributes:
        name: the name of the folder.
        table: its results, in which the column `method` contains the configuration.
        plan: the spec of each run.
    """

    name: str
    table: pd.DataFrame
    plan: dict[str, dict]
