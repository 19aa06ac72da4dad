"""Layout of tables on a terminal of any width: no number is ever cut."""

import os
import sys
import textwrap

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_WIDE = 400  # columns of a pipe


def show(table: Table) -> None:
    """Print the table; on a terminal too narrow for it, one value per line instead.

    Columns become narrower by wrapping their text between words. If that does not suffice, each
    row is printed as a block of lines `head: value`, which the terminal wraps.
    """
    console = _console()
    texts, longest = _texts(table)
    full = [max(map(cell_len, column)) for column in texts]
    width = _width(console, len(texts))
    if width < sum(longest):
        _show_stacked(table, list(zip(*texts, strict=True)))
        return
    for column, assigned in zip(table.columns, _distribute(width, longest, full), strict=True):
        column.width = assigned
    console.print(table)


def say(text: str) -> None:
    """Print a text, wrapped between words to the width of the terminal."""
    print(textwrap.fill(text, _console().width, break_long_words=False))


def fits(table: Table) -> bool:
    """Whether the table can be printed as a table on this terminal."""
    texts, longest = _texts(table)
    return sum(longest) <= _width(_console(), len(texts))


def _console() -> Console:
    """The terminal; what is neither a terminal nor given a width by COLUMNS, as a pipe, is wide."""
    is_wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(width=_WIDE) if is_wide else Console()
    # COLUMNS may be 0
    console.width = max(console.width, 1)
    return console


def _width(console: Console, num_columns: int) -> int:
    """The width that is left for texts: a border and two spaces per column are not."""
    return console.width - 3 * num_columns - 1


def _texts(table: Table) -> tuple[list[list[str]], list[int]]:
    """The texts of each column, and the width of what must not be wrapped in it."""
    texts = [_plain(column) for column in zip(*_rows(table), strict=True)]
    longest = [_longest(column, part) for column, part in zip(table.columns, texts, strict=True)]
    return texts, longest


def _rows(table: Table) -> list[tuple]:
    """Return the heads and the rows of the table."""
    heads = tuple(column.header for column in table.columns)
    return [heads, *zip(*(column.cells for column in table.columns), strict=True)]


def _longest(column: Column, texts: list[str]) -> int:
    """Return the width of what must not be wrapped: a word, or a number with its unit."""
    words = [word for text in texts for word in text.split()]
    whole = texts[1:] if column.justify == "right" or column.no_wrap else []
    return max(map(cell_len, [*words, *whole]), default=0)


def _plain(texts: tuple) -> list[str]:
    return [Text.from_markup(text).plain for text in texts]


def _distribute(width: int, least: list[int], wanted: list[int]) -> list[int]:
    """Return widths from `least` to `wanted` whose sum is at most `width`.

    Example:
        >>> _distribute(20, [3, 4, 4], [3, 6, 40])
        [3, 6, 11]
    """
    widths = list(least)
    spare = width - sum(least)
    order = sorted(range(len(least)), key=lambda i: wanted[i] - least[i])
    for rank, i in enumerate(order):
        added = min(wanted[i] - least[i], spare // (len(order) - rank))
        widths[i] += added
        spare -= added
    return widths


def _show_stacked(table: Table, rows: list[tuple[str, ...]]) -> None:
    for text in (table.title, table.caption):
        if text is not None:
            print(Text.from_markup(str(text)).plain)
    heads, *body = rows
    for row in body:
        print()
        for head, text in zip(heads, row, strict=True):
            if text:
                print(f"{head}: {text}" if head else text)
    print()
