"""The layout of a text table: what separates the cells, and where the names are."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from ebmark.datasets.tables._stream import describe_column, numbered_names
from ebmark.errors import UserError, shown

MISSING = frozenset({"", "-", "?", "na", "n/a", "nan", "<na>", "null", "none"})
DECIMAL_COMMA = re.compile(r"[+-]?(\d[\d.]*)?,\d+([eE][+-]?\d+)?")
# "" is white space
_SEPARATORS = (",", ";", "\t", "|", "")
# from which the layout is derived
_NUM_LINES = 50


class Layout(NamedTuple):
    """The layout of a table.

    Attributes:
        separator: What separates the cells; "" for white space.
        columns: The names of the columns.
        line: The number of the line that determines how many columns there are.
        is_header: Whether that line holds the names.
        notes: Sentences for the user.
        has_names: Whether the names are in the file.
    """

    separator: str
    columns: tuple[str, ...]
    line: int
    is_header: bool
    notes: tuple[str, ...] = ()
    has_names: bool = True

    @property
    def dim(self) -> int:
        return len(self.columns)

    def describe_cell(self, column: int) -> str:
        """Describe the column of a cell in a message."""
        if column >= self.dim:
            return f"cell {column + 1}"
        return describe_column(self.columns, column)

    def skip_header(self, text: str, line: int) -> tuple[int, str]:
        """Return the number of the first line after the header, and the text from there."""
        if not self.is_header:
            return line, text
        return self.line + 1, text.split("\n", self.line + 1 - line)[-1]


def find_layout(text: str, line: int) -> Layout | None:
    """Determine the layout of a text.

    Args:
        text: Complete lines of the file.
        line: The number of the first of them.

    Returns:
        The layout, or None if the text holds only comments and blank lines.

    Raises:
        UserError: If there is a header and nothing below it.
    """
    lines = list(itertools.islice(iterate_content(text, line), _NUM_LINES))
    if not lines:
        return None
    number, first = lines[0]
    below = [row for _, row in lines[1:]]
    separator = _find_separator(below or [first])
    cells = split(first, separator)
    is_numbered = _is_numbered(cells, below)
    if is_numbered or _is_header(cells, first, below):
        if not below:
            raise UserError(
                f'file has only a line of names, "{shown(first)}". Add one row of numbers'
                " per point."
            )
        notes: tuple[str, ...] = ()
        if is_numbered:
            notes = (f'The first line, "{shown(first)}", was read as column names.',)
        return Layout(separator, tuple(cells), number, True, notes)
    columns = _names_in_comment(text, line, number, separator)
    has_names = len(columns) == len(cells)
    if not has_names:
        columns = numbered_names(len(cells))
    return Layout(separator, columns, number, False, has_names=has_names)


def iterate_content(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, without comments, with their numbers."""
    for number, row in enumerate(io.StringIO(text), line):
        row = row.partition("#")[0].rstrip("\n")
        if row and not row.isspace():
            yield number, row


def split(row: str, separator: str) -> list[str]:
    """Split a line into its cells; cells in quotes may hold the separator.

    Example:
        >>> split('1, "a,b"', ",")
        ['1', 'a,b']
    """
    if '"' in row:
        row = row if separator else " ".join(row.split())
        try:
            cells = next(csv.reader([row], delimiter=separator or " ", skipinitialspace=True))
        except csv.Error:
            cells = row.split(separator or None)
    else:
        cells = row.split(separator or None)
    return [cell.strip() for cell in cells]


def parse_number(cell: str) -> float | None:
    """Convert a cell to a number, or return None if it is not one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _is_value(cell: str) -> bool:
    return cell.casefold() in MISSING or parse_number(cell) is not None


def _find_separator(rows: list[str]) -> str:
    """Choose the separator with which most lines are numbers, or else one that most lines have."""

    def num_numeric(separator: str) -> int:
        return sum(_rate(split(row, separator)) for row in rows)

    # of equals, the first
    best = max(_SEPARATORS, key=num_numeric)
    if num_numeric(best) > 0:
        return best

    def num_lines(separator: str) -> int:
        return sum(len(split(row, separator)) > 1 for row in rows)

    best = max((";", "\t", "|", ",", ""), key=num_lines)
    return best if num_lines(best) else ","


def _rate(cells: list[str]) -> int:
    """Return 2 for a row of numbers, 1 for a row of numbers with decimal commas, else 0."""
    numbers = [cell for cell in cells if cell.casefold() not in MISSING]
    if len(cells) < 2 or not numbers:
        return 0
    if all(parse_number(cell) is not None for cell in numbers):
        return 2
    return int(all(DECIMAL_COMMA.fullmatch(c) or parse_number(c) is not None for c in numbers))


def _is_header(cells: list[str], first: str, below: list[str]) -> bool:
    """Whether the first line holds names: no cell a number, or all quoted as none below is."""
    if all(parse_number(cell) is None for cell in cells):
        return not all(_is_value(cell) or DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    quoted = first.count('"') >= 2 * len(cells)
    return quoted and bool(below) and not any('"' in row for row in below)


def _is_numbered(cells: list[str], below: list[str]) -> bool:
    """Whether the first line is 0, 1, 2, ..., as pandas names columns, and not a point."""
    names = cells[1:] if cells[0] == "" else cells
    if len(names) < 2 or names != [str(i) for i in range(len(names))]:
        return False
    return any(re.search(r"[.eE]", row) for row in below)


def _names_in_comment(text: str, line: int, number: int, separator: str) -> tuple[str, ...]:
    """Return the names in the comment above the first row, as `numpy.savetxt` writes them."""
    comments = [row for row in text.split("\n", number - line)[:-1] if row.strip().startswith("#")]
    names = split(comments[-1].strip("# \t"), separator) if comments else []
    return () if any(_is_value(cell) for cell in names) else tuple(names)
