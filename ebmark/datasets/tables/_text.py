"""Points in text: whatever separates the cells, with or without a line of names.

Clean blocks of lines go through pyarrow; a block that it refuses is read again, line by line,
to find the line at fault.
"""

import codecs
import io
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ebmark.datasets.tables._layout import (
    DECIMAL_COMMA,
    MISSING,
    Layout,
    as_number,
    content,
    find_layout,
    split,
)
from ebmark.datasets.tables._stream import TableStream, damaged
from ebmark.datasets.tables._thinning import LARGEST, fit_for_float32
from ebmark.errors import UserError, shown

_BLOCK = 2**23  # bytes
_LONGEST_LINE = 2**20
_COMMENT = re.compile(r"[ \t]*#[^\n]*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def open_text(file: BinaryIO, name: str) -> TableStream:
    """The rows of a text file, which may be gzip-compressed. Raises `UserError`."""
    with damaged(name, "gzip"):
        head = file.read(2**16)
        file.seek(0)
    encoding = _encoding(head)
    if _CONTROL.search(head.decode(encoding, "replace")):
        raise UserError(f"{name}: is neither text nor NPY, NPZ or Parquet; save the points as CSV")
    blocks = _line_blocks(file, encoding, name)
    for line, text in blocks:
        if layout := find_layout(text, line, name):
            start, rest = layout.rest_of(text, line)
            numbered = itertools.chain([(start, rest)], blocks)
            rows = (_parse(text, line, layout, name) for line, text in numbered)
            return TableStream(layout.columns, rows, layout.notes)
    raise UserError(f"{name}: holds no points, only blank lines or comments")


def _encoding(head: bytes) -> str:
    """UTF-8 or UTF-16, with or without their marks; else Latin-1, of which ASCII is a part."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) >= 4 and b"\0" in head[:4]:
        for encoding, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if high.count(0) > 0.9 * len(high):
                return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _line_blocks(file: BinaryIO, encoding: str, name: str) -> Iterator[tuple[int, str]]:
    """Some megabytes of whole lines at a time, and the number of the first of them.

    What cannot be decoded becomes a character that is in no number, and so is found.
    """
    decode = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("replace"), translate=True
    ).decode
    line, begun, data = 1, "", b"..."
    while data:
        with damaged(name, "gzip"):
            data = file.read(_BLOCK)
        text = begun + decode(data, final=not data)
        end = text.rfind("\n") + 1 if data else len(text)
        text, begun = text[:end], text[end:]
        if len(begun) > _LONGEST_LINE:
            number = line + text.count("\n")
            raise UserError(f"{name}, line {number}: is too long; one point a line is wanted")
        if text:
            yield line, text
            line += text.count("\n")


def _parse(text: str, line: int, layout: Layout, name: str) -> np.ndarray:
    x = _parse_clean(text, layout)
    if x is not None and fit_for_float32(x).all():
        return x
    return _parse_with_care(text, line, layout, name)


def _parse_clean(text: str, layout: Layout) -> np.ndarray | None:
    """The rows, or None where pyarrow finds anything wrong."""
    import pyarrow as pa
    import pyarrow.csv as csv

    if "#" in text:
        text = _COMMENT.sub("", text)
    separator = layout.separator or "\t"
    if not layout.separator:
        text = "\n".join([separator.join(row.split()) for row in text.split("\n")])
    data = text.encode()
    names = [str(i) for i in range(layout.dim)]
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            csv.ParseOptions(delimiter=separator),
            csv.ConvertOptions(column_types={name: pa.float64() for name in names}),
        )
    except pa.ArrowInvalid:
        return None
    return np.column_stack([column.to_numpy() for column in table.columns])


def _parse_with_care(text: str, line: int, layout: Layout, name: str) -> np.ndarray:
    """The rows, read a line at a time. Raises `UserError` at the first that is wrong."""
    rows = []
    for number, row in content(text, line):
        cells = split(row, layout.separator)
        values = [as_number(cell) for cell in cells]
        for column, value in enumerate(values):
            if value is None or not abs(value) <= LARGEST:
                where = f"{name}, line {number}, {layout.where(column)}"
                is_last = 0 < column == len(cells) - 1
                raise UserError(f"{where}: {_what_is_wrong(cells[column], value, is_last)}")
        if len(cells) != layout.dim:
            raise UserError(f"{name}, line {number}: {_what_is_ragged(len(cells), number, layout)}")
        rows.append(values)
    return np.array(rows, dtype=np.float64).reshape(-1, layout.dim)


def _what_is_ragged(num_cells: int, line: int, layout: Layout) -> str:
    what = f"has {num_cells} cell{'s' * (num_cells != 1)} but {layout.dim} are wanted"
    below_names = layout.is_header and line == layout.line + 1
    if below_names and num_cells == layout.dim + 1:  # as R writes a table
        return f"{what}, as named in line {layout.line}; are there row names? leave them out"
    return f"{what}, as in line {layout.line}; mend the line"


def _what_is_wrong(cell: str, value: float | None, is_last: bool) -> str:
    if not cell and is_last:
        return "the cell is blank; fill it in, or take away the separator that ends the line"
    if cell.strip().casefold() in MISSING:
        what = f'"{cell}" is no number' if cell else "the cell is blank"
        return f"{what}; fill it in or delete the line"
    if value is not None and np.isfinite(value):
        return f"{cell} is too large (beyond 1e30); rescale the column"
    if value is not None:
        return f'"{shown(cell)}" is not finite; delete the line'
    if DECIMAL_COMMA.fullmatch(cell):
        return f'"{shown(cell)}" has a decimal comma; save it again with decimal points'
    return f'"{shown(cell)}" is not a number; mend the line or drop the column'
