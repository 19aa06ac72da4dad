"""How a text's lines hold numbers: what separates the cells, and where the names are."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from ebmark.datasets.tables._stream import in_words, numbered_names
from ebmark.errors import UserError, shown

MISSING = frozenset({"", "-", "?", "na", "n/a", "nan", "<na>", "null", "none"})
DECIMAL_COMMA = re.compile(r"[+-]?(\d[\d.]*)?,\d+([eE][+-]?\d+)?")
_SEPARATORS = (",", ";", "\t", "|", "")  # "" is white space
_NUM_LINES = 50  # that are looked at


class Layout(NamedTuple):
    """The separator, the columns, and the line that says how many there are."""

    separator: str
    columns: tuple[str, ...]
    line: int
    is_header: bool
    notes: tuple[str, ...] = ()

    @property
    def dim(self) -> int:
        return len(self.columns)

    def where(self, column: int) -> str:
        """The column in words, for a message."""
        if column >= self.dim:
            return f"cell {column + 1}"
        return in_words(self.columns, column)

    def rest_of(self, text: str, line: int) -> tuple[int, str]:
        """The text after the header, and the number of its first line."""
        if not self.is_header:
            return line, text
        return self.line + 1, text.split("\n", self.line + 1 - line)[-1]


def find_layout(text: str, line: int, name: str) -> Layout | None:
    """The layout of the text, whose first line has that number; None if it has only comments.

    Raises `UserError` where there is a header and nothing below it.
    """
    lines = list(itertools.islice(content(text, line), _NUM_LINES))
    if not lines:
        return None
    number, first = lines[0]
    below = [row for _, row in lines[1:]]
    separator = _find_separator(below or [first])
    cells = split(first, separator)
    numbered = _is_numbered(cells, below, separator)
    if numbered or _is_header(cells, first, below):
        if not below:
            raise UserError(
                f'{name}: holds only a line of names, "{shown(first)}"; a row of numbers for each'
                " point is wanted below"
            )
        notes = (f'The first line, "{shown(first)}", was taken for names.',) if numbered else ()
        return Layout(separator, tuple(cells), number, True, notes)
    names = _names_in_comment(text, line, number, separator)
    return Layout(
        separator, names if len(names) == len(cells) else numbered_names(len(cells)), number, False
    )


def content(text: str, line: int) -> Iterator[tuple[int, str]]:
    """The lines that hold something, less comments, with their numbers."""
    for number, row in enumerate(io.StringIO(text), line):
        row = row.partition("#")[0].rstrip("\n")
        if row and not row.isspace():
            yield number, row


def split(row: str, separator: str) -> list[str]:
    """The cells of a line."""
    if '"' in row:
        row = row if separator else " ".join(row.split())
        try:
            cells = next(csv.reader([row], delimiter=separator or " ", skipinitialspace=True))
        except csv.Error:
            cells = row.split(separator or None)
    else:
        cells = row.split(separator or None)
    return [cell.strip() for cell in cells]


def as_number(cell: str) -> float | None:
    """The number that the cell is, if it is one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _is_datum(cell: str) -> bool:
    return cell.casefold() in MISSING or as_number(cell) is not None


def _find_separator(rows: list[str]) -> str:
    """The separator under which most lines are numbers; else the one that most lines have."""

    def worth(separator: str) -> int:
        return sum(_worth(split(row, separator)) for row in rows)

    best = max(_SEPARATORS, key=worth)  # the first of equals
    if worth(best) > 0:
        return best

    def presence(separator: str) -> int:
        return sum(len(split(row, separator)) > 1 for row in rows)

    most = max((";", "\t", "|", ",", ""), key=presence)
    return most if presence(most) else ","


def _worth(cells: list[str]) -> int:
    """2 for a row of numbers, 1 for a row of numbers with decimal commas, else 0."""
    numbers = [cell for cell in cells if cell.casefold() not in MISSING]
    if len(cells) < 2 or not numbers:
        return 0
    if all(as_number(cell) is not None for cell in numbers):
        return 2
    return int(all(DECIMAL_COMMA.fullmatch(c) or as_number(c) is not None for c in numbers))


def _is_header(cells: list[str], first: str, below: list[str]) -> bool:
    """Whether the first line holds names: no cell a number, or all quoted as none below is."""
    if all(as_number(cell) is None for cell in cells):
        return not all(_is_datum(cell) or DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    quoted = first.count('"') >= 2 * len(cells)
    return quoted and bool(below) and not any('"' in row for row in below)


def _is_numbered(cells: list[str], below: list[str], separator: str) -> bool:
    """Whether the first line is 0, 1, 2, ..., as pandas names columns, and no point itself."""
    names = cells[1:] if cells[0] == "" else cells
    if len(names) < 2 or names != [str(i) for i in range(len(names))]:
        return False
    return any(re.search(r"[.eE]", row) for row in below)


def _names_in_comment(text: str, line: int, number: int, separator: str) -> tuple[str, ...]:
    """The names in the comment just above the first row, as `numpy.savetxt` writes them."""
    above = [row for row in text.split("\n", number - line)[:-1] if row.strip().startswith("#")]
    names = split(above[-1].strip("# \t"), separator) if above else []
    return () if any(_is_datum(cell) for cell in names) else tuple(names)
