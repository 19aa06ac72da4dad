"""A paper table as a data frame."""

import math

import pandas as pd

from ebmark.report.paper_table import PaperTable, render


class ResultTable(pd.DataFrame):
    """A paper table as a data frame: configurations by datasets."""

    _metadata = ["paper"]

    @classmethod
    def of(cls, paper: PaperTable) -> "ResultTable":
        """Return the values of a paper table; NaN where a configuration was not run."""
        rows = {name: [math.nan if v is None else v.value for v in row] for name, row in paper.rows}
        table = cls(rows.values(), index=[*rows], columns=paper.datasets)
        table.paper = paper
        return table

    def to_latex(self, *, digits: int = 3) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the table for the package booktabs, with intervals and the best in bold."""
        return render(self.paper, "latex", digits)
