"""Whether the first record of a text table holds the names of its columns."""

import re

from ebmark.datasets.tables._records import DECIMAL_COMMA, is_missing, is_value, parse_number

_YEARS = (1900, 2100)
# with so many rows below, a level that is not among them is no level
_MIN_ROWS_OF_LEVELS = 10


def is_header(cells: list[str], first: str, below: list[str], columns: list[list[str]]) -> bool:
    """Return whether the first record holds names.

    It does if no cell is a number, unless all cells occur again in columns of text; if all cells
    are quoted and a column is not quoted below; or if names that are numbers and text are unlike
    the cells below.

    Args:
        cells: The cells of the first record.
        first: The first record.
        below: The records below.
        columns: The cells of each column below.
    """
    if all(parse_number(cell) is None for cell in cells):
        is_row = all(is_value(cell) or DECIMAL_COMMA.fullmatch(cell) for cell in cells)
        return not is_row and not _is_repeated(cells, columns)
    is_quoted = first.count('"') >= 2 * len(cells) and bool(below)
    if is_quoted and not all(row.count('"') >= 2 * len(cells) for row in below):
        return True
    return (is_quoted and _are_above_text(cells, columns)) or _are_unlike(cells, columns)


def _are_above_text(cells: list[str], columns: list[list[str]]) -> bool:
    """Return whether a number is above text only."""
    return any(
        parse_number(cell) is not None
        and any(column)
        and all(parse_number(other) is None for other in column)
        for cell, column in zip(cells, columns, strict=True)
    )


def _is_repeated(cells: list[str], columns: list[list[str]]) -> bool:
    """Return whether all cells occur again, in columns without numbers."""
    return all(
        cell in column and not any(parse_number(other) is not None for other in column)
        for cell, column in zip(cells, columns, strict=True)
    )


def _are_unlike(cells: list[str], columns: list[list[str]]) -> bool:
    """Return whether numbers and text are names: unique, not among the cells below, unlike them.

    Args:
        cells: The cells of the first record.
        columns: The cells of each column below.
    """
    texts, numbers = [], []
    for cell, column in zip(cells, columns, strict=True):
        known = [other for other in column if not is_missing(other)]
        (texts if parse_number(cell) is None else numbers).append((cell, known))
    if not can_be_header(cells, columns):
        return False
    if any(_differs(cell, known) for cell, known in texts + numbers):
        return True
    if any(_occurs(cell, known) for cell, known in numbers):
        return False
    return any(map(_has_levels, (known for _, known in texts))) or _are_other_numbers(numbers)


def can_be_header(cells: list[str], columns: list[list[str]]) -> bool:
    """Return whether cells are unique, and some of them text, which does not occur below."""
    is_text = [not is_value(cell) and not DECIMAL_COMMA.fullmatch(cell) for cell in cells]
    # pandas writes no name above its row numbers
    is_text[0] |= cells[0] == "" and columns[0] == [str(i) for i in range(len(columns[0]))]
    return (
        len(columns[0]) > 0
        and any(is_text)
        and len(set(cells)) == len(cells)
        and not any(
            cell in column and parse_number(cell) is None
            for cell, column in zip(cells, columns, strict=True)
        )
        and not any(map(_is_like, cells, columns))
    )


def _occurs(cell: str, column: list[str]) -> bool:
    number = parse_number(cell)
    return cell in column or (number is not None and number in map(parse_number, column))


def _shape(cell: str) -> str:
    """Return digits as 0 and letters as a, without repetition: the shape of u12 is a0."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", cell)))


def _shared_shape(column: list[str]) -> str:
    """Return the shape of all cells, such as dates, if it is one that words do not have."""
    shapes = {_shape(cell) for cell in column}
    is_one = len(shapes) == 1 and "0" in min(shapes) and parse_number(column[0]) is None
    return min(shapes) if is_one else ""


def _is_like(cell: str, column: list[str]) -> bool:
    known = [other for other in column if not is_missing(other)]
    return bool(_shared_shape(known)) and _shape(cell) == _shared_shape(known)


def _differs(cell: str, known: list[str]) -> bool:
    """Return whether a cell is text above numbers or codes, or blank above row numbers."""
    if not known or (cell and is_value(cell)):
        return False
    is_number = [parse_number(other) is not None for other in known]
    return all(is_number) or bool(_shared_shape(known))


def _has_levels(known: list[str]) -> bool:
    """Return whether all cells occur twice or more, so that one that does not is a name."""
    return len(known) >= _MIN_ROWS_OF_LEVELS and all(known.count(other) > 1 for other in set(known))


def _are_other_numbers(numbers: list[tuple[str, list[str]]]) -> bool:
    """Return whether whole numbers are above fractions, or equally spaced or years out of range."""
    names = [parse_number(cell) or 0.0 for cell, _ in numbers]
    if not numbers or not all(name.is_integer() for name in names):
        return False
    columns = [[parse_number(other) for other in known] for _, known in numbers]
    found = [[value for value in column if value is not None] for column in columns]
    if all(column and not any(map(float.is_integer, column)) for column in found):
        return True
    is_outside = all(
        column and not min(column) <= name <= max(column)
        for name, column in zip(names, found, strict=True)
    )
    steps = {after - before for before, after in zip(names, names[1:], strict=False)}
    is_sequence = len(steps) == 1 and (len(names) > 2 or steps <= {1, -1})
    is_year = all(_YEARS[0] <= name <= _YEARS[1] for name in names)
    return is_outside and (is_sequence or is_year)
