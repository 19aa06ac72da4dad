"""The records of a text table: rows of cells (quotes may hold line breaks) and comments."""

import csv
import io
import re
from collections.abc import Iterator

MISSING = frozenset({"", "-", "?", "na", "n/a", "nan", "<na>", "null", "none"})
DECIMAL_COMMA = re.compile(r"[+-]?(\d[\d.]*)?,\d+([eE][+-]?\d+)?")
# a cell in quotes, and one whose end is not there yet
_QUOTED = re.compile(r'(^|[,;\t|])"(?:[^"]|"")*"(?!")')
_OPEN = re.compile(r'(?:^|[,;\t|])"(?:[^"]|"")*$')
_TRAILING_COMMENT = re.compile(r"(?<=[^\s,;|])\s+#")
# lines that a record may have
_MAX_LINES = 1000


def iterate_records(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield the records that are not blank, with the numbers of their first lines.

    Args:
        text: Complete lines.
        line: The number of the first of them.

    Example:
        >>> list(iterate_records('a,b\\n1,"2\\n3"\\n', 1))
        [(1, 'a,b'), (2, '1,"2\\n3"')]
    """
    rows = [row.rstrip("\n") for row in io.StringIO(text)]
    i = 0
    while i < len(rows):
        end = _find_end(rows, i)
        record = "\n".join(rows[i:end])
        if record and not record.isspace():
            yield line + i, record
        i = end


def _find_end(rows: list[str], start: int) -> int:
    """Return the end of a record; a quote that is never closed is one of its line."""
    if not _is_open(rows[start]):
        return start + 1
    for end in range(start + 1, min(start + _MAX_LINES, len(rows))):
        if '"' in rows[end] and not _is_open("\n".join(rows[start : end + 1])):
            return end + 1
    return start + 1


def _is_open(record: str) -> bool:
    return '"' in record and bool(_OPEN.search(_QUOTED.sub(r"\1", record)))


def is_comment(record: str) -> bool:
    """Return whether a record begins with `#`."""
    return record.lstrip().startswith("#")


def split_record(record: str, separator: str, dim: int) -> list[str]:
    """Split a record into its cells, without a comment at its end if there are `dim` then."""
    cells = split(record, separator)
    if len(cells) != dim and "#" in record:
        without = split(strip_comment(record), separator)
        return without if len(without) == dim else cells
    return cells


def strip_comment(record: str) -> str:
    """Return a record without the text from a `#` after white space, which is not in quotes."""
    for match in _TRAILING_COMMENT.finditer(record):
        if not _is_open(record[: match.start()]):
            return record[: match.start()]
    return record


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


def is_missing(cell: str) -> bool:
    """Return whether a cell is a missing value."""
    return cell.casefold() in MISSING


def is_value(cell: str) -> bool:
    """Return whether a cell is a number or a missing value."""
    return is_missing(cell) or parse_number(cell) is not None
