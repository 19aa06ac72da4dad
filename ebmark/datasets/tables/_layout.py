"""The layout of a text table: what separates the cells, and where the names are."""

import io
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from ebmark.datasets.tables._header import can_be_header, is_header
from ebmark.datasets.tables._records import (
    DECIMAL_COMMA,
    is_comment,
    is_missing,
    is_value,
    iterate_records,
    parse_number,
    split,
    split_record,
    strip_comment,
)
from ebmark.datasets.tables._stream import describe_column, numbered_names
from ebmark.errors import UserError, shown

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
        end: The number of the first line of the rows.
        can_begin_with_hash: Whether rows may begin with `#`: the first column holds text.
    """

    separator: str
    columns: tuple[str, ...]
    line: int
    is_header: bool
    notes: tuple[str, ...] = ()
    has_names: bool = True
    end: int = 1
    can_begin_with_hash: bool = False

    @property
    def dim(self) -> int:
        return len(self.columns)

    def describe_cell(self, column: int) -> str:
        """Describe the column of a cell in a message."""
        if column >= self.dim:
            return f"cell {column + 1}"
        return describe_column(self.columns, column)

    def skip_header(self, text: str, line: int) -> tuple[int, str]:
        """Return the number of the first line of the rows, and the text from there."""
        return self.end, text.split("\n", self.end - line)[-1]


def find_layout(text: str, line: int, *, has_only_numbers: bool = True) -> Layout | None:
    """Determine the layout of a text.

    Args:
        text: Complete lines of the file.
        line: The number of the first of them.
        has_only_numbers: Whether every `#` begins a comment.

    Returns:
        The layout, or None if the text holds only comments and blank lines.

    Raises:
        UserError: If there is a header and nothing below it.
    """
    records = itertools.dropwhile(lambda record: is_comment(record[1]), iterate_records(text, line))
    number, first = next(records, (0, ""))
    if not first:
        return None
    rows = [row for _, row in itertools.islice(records, _NUM_LINES)]
    # below a line of names, all rows may begin with #
    below = [row for row in rows if not is_comment(row)] or rows
    if has_only_numbers:
        first, *below = [row.partition("#")[0] for row in (first, *below)]
        below = [row for row in below if row and not row.isspace()]
    separator = _find_separator(first, below)
    cells = split(strip_comment(first), separator)
    if num_agreeing(first, below, separator) > num_agreeing(strip_comment(first), below, separator):
        cells = split(first, separator)
    rows_of_cells = [split_record(row, separator, len(cells)) for row in below]
    rows_of_cells = [row for row in rows_of_cells if len(row) == len(cells)]
    columns = [[row[j] for row in rows_of_cells] for j in range(len(cells))]
    is_numbered = _is_numbered(cells, below)
    is_text = not all(map(is_value, columns[0])) or any(map(is_comment, columns[0]))
    end = number + first.count("\n") + 1
    if is_numbered or is_header(cells, first, below, columns):
        if not below:
            raise UserError(
                f'file has only a line of names, "{shown(first)}". Add one row of numbers'
                " per point."
            )
        is_unquoted = '"' not in first and any(parse_number(cell) is not None for cell in cells)
        notes: tuple[str, ...] = ()
        if is_numbered or is_unquoted:
            notes = (f'The first line, "{shown(first)}", was read as column names.',)
        return Layout(separator, tuple(cells), number, True, notes, True, end, is_text)
    notes = ()
    if can_be_header(cells, columns):
        notes = (f'The first line, "{shown(first)}", was read as a row, not as column names.',)
    names = _names_in_comment(text, line, number, separator)
    has_names = len(names) == len(cells)
    above = [row for row in text.split("\n", number - line)[:-1] if is_comment(row)]
    num = sum(len(split(row, separator)) == len(cells) > 1 for row in above) - has_names
    if is_text and num > 0:
        notes += (describe_comments(num),)
    if not has_names:
        names = numbered_names(len(cells))
    return Layout(separator, names, number, False, notes, has_names, number, is_text)


def describe_comments(num: int) -> str:
    """Describe, in a note, lines between or above rows that were skipped as comments."""
    lines = (
        '1 line that begins with "#" was' if num == 1 else f'{num} lines that begin with "#" were'
    )
    return f"{lines} skipped as comments. Put the first cell in quotes if they are rows."


def iterate_content(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, without comments, with their numbers."""
    for number, row in enumerate(io.StringIO(text), line):
        row = row.partition("#")[0].rstrip("\n")
        if row and not row.isspace():
            yield number, row


def _find_separator(first: str, below: list[str]) -> str:
    """Choose the separator with which most rows have as many cells as the first record.

    If several have, it is the one with most rows of numbers, then with most numbers; if none has,
    the one with most rows of numbers, or else one that most rows have.
    """

    def num_numeric(separator: str) -> int:
        return sum(_rate(split(row, separator)) for row in below or [first])

    def num_numbers(separator: str) -> int:
        cells = [cell for row in below for cell in split(row, separator)]
        return sum(map(is_value, cells)) + sum(map(bool, map(DECIMAL_COMMA.fullmatch, cells)))

    def count(separator: str) -> int:
        return max(num_agreeing(row, below, separator) for row in (first, strip_comment(first)))

    # of equals, the first
    best = max(_SEPARATORS, key=num_numeric)
    agreeing = [separator for separator in _SEPARATORS if 2 * count(separator) > len(below)]
    has_decimal_commas = not re.search(r"(?<!\d),|,(?!\d)", "\n".join([first, *below]))
    if has_decimal_commas and set(agreeing) & {";", "\t", "|"}:
        agreeing = [separator for separator in agreeing if separator != ","]
    if agreeing:
        return max(agreeing, key=lambda sep: (num_numeric(sep), num_numbers(sep), count(sep)))
    if num_numeric(best) > 0:
        return best

    def num_lines(separator: str) -> int:
        return sum(len(split(row, separator)) > 1 for row in below or [first])

    best = max((";", "\t", "|", ",", ""), key=num_lines)
    return best if num_lines(best) else ","


def num_agreeing(first: str, below: list[str], separator: str) -> int:
    """Return how many rows have as many cells as the first record, if it has several."""
    dim = len(split(first, separator))
    return sum(len(split_record(row, separator, dim)) == dim for row in below) if dim > 1 else 0


def _rate(cells: list[str]) -> int:
    """Return 2 for a row of numbers, 1 for a row of numbers with decimal commas, else 0."""
    numbers = [cell for cell in cells if not is_missing(cell)]
    if len(cells) < 2 or not numbers:
        return 0
    if all(parse_number(cell) is not None for cell in numbers):
        return 2
    return int(all(DECIMAL_COMMA.fullmatch(c) or parse_number(c) is not None for c in numbers))


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
    return () if any(is_value(cell) for cell in names) else tuple(names)
