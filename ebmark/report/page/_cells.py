"""Tables of the page as plain text; the template only lays them out."""

import math
from typing import NamedTuple

from markupsafe import Markup

# sort value of what diverged or is not known: after every number
LAST = 1e300


class Cell(NamedTuple):
    """A table cell.

    Attributes:
        text: What the cell shows.
        value: What the column is sorted by; None sorts by the text.
        kind: CSS classes.
        title: Tooltip.
    """

    text: str
    value: float | None = None
    kind: str = ""
    title: str = ""

    @property
    def order(self) -> str | None:
        """Sort value for the page, omitted where the text itself is the number."""
        if self.value is None:
            return None
        try:
            float(self.text)
        except ValueError:
            return f"{self.value:.6g}"
        return None


class Sheet(NamedTuple):
    """A table: column heads, and rows of a configuration and its cells."""

    heads: list[str]
    rows: list[tuple[str, list[Cell]]]


class Block(NamedTuple):
    """Sentences and a table on one dataset."""

    name: str
    sentences: list[Markup]
    table: Sheet


def sortable(value: float) -> float:
    """Return a finite sort value: infinities and NaN sort beyond all numbers."""
    if math.isfinite(value):
        return value
    return -LAST if value < 0 else LAST
