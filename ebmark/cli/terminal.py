"""Layout of tables on a terminal of any width: no number is ever cut."""

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


def show(table: Table) -> None:
    """Print the table; on a terminal too narrow for it, one value per line instead.

    Columns become narrower by wrapping their text between words. If that does not suffice, each
    row is printed as a block of lines `head: value`, which the terminal wraps.
    """
    console = Console()
    texts = [_plain(column) for column in zip(*_rows(table), strict=True)]
    longest = [_longest(column, part) for column, part in zip(table.columns, texts, strict=True)]
    full = [max(map(cell_len, column)) for column in texts]
    # a border and two spaces per column
    width = console.width - 3 * len(texts) - 1
    if width < sum(longest):
        _show_stacked(table, list(zip(*texts, strict=True)))
        return
    for column, assigned in zip(table.columns, _distribute(width, longest, full), strict=True):
        column.width = assigned
    console.print(table)


def _rows(table: Table) -> list[tuple]:
    """Return the heads and the rows of the table."""
    heads = tuple(column.header for column in table.columns)
    return [heads, *zip(*(column.cells for column in table.columns), strict=True)]


def _longest(column: Column, texts: list[str]) -> int:
    """Return the width of what must not be wrapped: a word, or a number with its unit."""
    words = [word for text in texts for word in text.split()]
    whole = texts[1:] if column.justify == "right" else []
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
