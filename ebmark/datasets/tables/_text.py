"""Reading of points from text, with any separator, with or without a line of names.

Blocks of lines are parsed by pyarrow; a block that it rejects is parsed again, line by line, to
report the first wrong line.
"""

import codecs
import io
import itertools
import re
from collections.abc import Generator, Iterable, Iterator
from io import BufferedIOBase
from typing import TYPE_CHECKING

import numpy as np

from ebmark.datasets.tables._layout import Layout, describe_comments, find_layout, iterate_content
from ebmark.datasets.tables._records import (
    DECIMAL_COMMA,
    MISSING,
    is_comment,
    iterate_records,
    parse_number,
    split,
    split_record,
)
from ebmark.datasets.tables._stream import TableStream, damaged
from ebmark.datasets.tables._thinning import MAX_ABS_VALUE, fit_for_float32
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pyarrow as pa

# bytes that are read at a time
_BLOCK = 2**23
_MAX_LINE = 2**20
_COMMENT = re.compile(r"[ \t]*#[^\n]*")
_COMMENT_LINE = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def open_text(file: BufferedIOBase, *, has_only_numbers: bool = True) -> TableStream:
    """Open a text file, which may be compressed with gzip. Raises `UserError`.

    Blocks are Arrow tables of text unless the table has only numbers.
    """
    parse = _parse_blocks if has_only_numbers else _parse_cells
    with damaged("gzip"):
        head = file.read(2**16)
        file.seek(0)
    encoding = _encoding(head)
    if _CONTROL.search(head.decode(encoding, "replace")):
        raise UserError("file is neither text nor NPY, NPZ or Parquet. Save the points as CSV.")
    blocks = _line_blocks(file, encoding)
    for line, text in blocks:
        layout = find_layout(text, line, has_only_numbers=has_only_numbers)
        if layout is not None:
            first = layout.skip_header(text, line)
            # the notes are complete when all rows are read
            notes = [*layout.notes]
            rows = parse(itertools.chain([first], blocks), layout, notes)
            return TableStream(layout.columns, rows, notes, layout.has_names)
    raise UserError("file has no points, only blank lines or comments. Give a table of numbers.")


def _encoding(head: bytes) -> str:
    """Guess the encoding: UTF-8 or UTF-16, with or without byte order marks, else Latin-1."""
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


def _line_blocks(file: BufferedIOBase, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield some megabytes of complete lines at a time, with the number of the first of them.

    Bytes that cannot be decoded become a character that is in no number, and are rejected later.
    """
    decode = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("replace"), translate=True
    ).decode
    line = 1
    incomplete = ""
    is_end = False
    while not is_end:
        with damaged("gzip"):
            data = file.read(_BLOCK)
        is_end = not data
        text = incomplete + decode(data, final=is_end)
        end = len(text) if is_end else text.rfind("\n") + 1
        complete = text[:end]
        incomplete = text[end:]
        if len(incomplete) > _MAX_LINE:
            number = line + complete.count("\n")
            raise UserError(
                f"line {number}: longer than {_MAX_LINE:,} characters. Write one point per line."
            )
        if complete:
            yield line, complete
            line += complete.count("\n")


def _parse_blocks(
    blocks: Iterable[tuple[int, str]], layout: Layout, notes: list[str]
) -> Generator[np.ndarray, None, None]:
    num_comments = 0
    for line, text in blocks:
        num_comments += len(_COMMENT_LINE.findall(text)) if "#" in text else 0
        x = _parse_with_pyarrow(text, layout)
        if x is None or not fit_for_float32(x).all():
            x = _parse_by_line(text, line, layout)
        yield x
    notes += [describe_comments(num_comments)] if num_comments else []


def _parse_cells(
    blocks: Iterable[tuple[int, str]], layout: Layout, notes: list[str]
) -> Generator["pa.Table", None, None]:
    """Yield tables of text; of lines that begin with `#`, a note says how many were skipped."""
    import pyarrow as pa

    num_comments = 0
    for line, text in blocks:
        if "\ufffd" in text:
            number = line + text[: text.index("\ufffd")].count("\n")
            raise UserError(f"line {number}: bytes cannot be decoded. Save the file as UTF-8.")
        records = [*iterate_records(text, line)] if _COMMENT_LINE.search(text) else []
        kept = [record for record in records if not _is_skipped(record[1], layout)]
        num_comments += len(records) - len(kept)
        if len(kept) < len(records):
            table = _read_csv("\n".join(row for _, row in kept) + "\n", layout, pa.string())
        else:
            table = _read_csv(text, layout, pa.string())
        if table is None:
            rows = [*_split_records(kept or iterate_records(text, line), layout)]
            columns = zip(*rows, strict=True) if rows else [[]] * layout.dim
            names = [str(i) for i in range(layout.dim)]
            table = pa.table([pa.array(column, pa.string()) for column in columns], names)
        yield table
    notes += [describe_comments(num_comments)] if num_comments else []


def _is_skipped(record: str, layout: Layout) -> bool:
    """Return whether a record is a comment: it begins with `#` and cannot be a row."""
    if not is_comment(record):
        return False
    num_cells = len(split_record(record, layout.separator, layout.dim))
    return num_cells != layout.dim or not layout.can_begin_with_hash


def _split_records(records: Iterable[tuple[int, str]], layout: Layout) -> Iterator[list[str]]:
    for number, row in records:
        cells = split_record(row, layout.separator, layout.dim)
        if len(cells) != layout.dim:
            raise UserError(f"line {number}: {_describe_ragged_line(len(cells), number, layout)}")
        yield cells


def _parse_with_pyarrow(text: str, layout: Layout) -> np.ndarray | None:
    """Parse the rows, or return None if pyarrow rejects any."""
    import pyarrow as pa

    if "#" in text:
        text = _COMMENT.sub("", text)
    table = _read_csv(text, layout, pa.float64())
    return None if table is None else np.column_stack([c.to_numpy() for c in table.columns])


def _read_csv(text: str, layout: Layout, kind: "pa.DataType") -> "pa.Table | None":
    """Parse the rows to columns of one type, or return None if pyarrow rejects any."""
    import pyarrow as pa
    import pyarrow.csv as csv

    separator = layout.separator or "\t"
    if not layout.separator:
        text = "\n".join([separator.join(row.split()) for row in text.split("\n")])
    data = text.encode()
    names = [str(i) for i in range(layout.dim)]
    try:
        return csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            csv.ParseOptions(delimiter=separator),
            csv.ConvertOptions(column_types=dict.fromkeys(names, kind)),
        )
    except pa.ArrowInvalid:
        return None


def _parse_by_line(text: str, line: int, layout: Layout) -> np.ndarray:
    """Parse the rows one line at a time. Raises `UserError` at the first that is wrong."""
    rows = []
    for number, row in iterate_content(text, line):
        cells = split(row, layout.separator)
        values = [parse_number(cell) for cell in cells]
        for column, value in enumerate(values):
            if value is None or not abs(value) <= MAX_ABS_VALUE:
                is_last = 0 < column == len(cells) - 1
                problem = _describe_wrong_cell(cells[column], value, is_last)
                raise UserError(f"line {number}, {layout.describe_cell(column)}: {problem}")
        if len(cells) != layout.dim:
            raise UserError(f"line {number}: {_describe_ragged_line(len(cells), number, layout)}")
        rows.append(values)
    return np.array(rows, dtype=np.float64).reshape(-1, layout.dim)


def _describe_ragged_line(num_cells: int, line: int, layout: Layout) -> str:
    cells = "1 cell" if num_cells == 1 else f"{num_cells} cells"
    problem = f"{cells}, expected {layout.dim} as in line {layout.line}."
    is_below_names = layout.is_header and line == layout.line + 1
    # R writes row names without a name of their column
    if is_below_names and num_cells == layout.dim + 1:
        return f"{problem} If the first cell is a row name, save the table without row names."
    return f"{problem} Correct the line."


def _describe_wrong_cell(cell: str, value: float | None, is_last: bool) -> str:
    if not cell and is_last:
        return "cell is blank. Fill it in or remove the separator at the end of the line."
    if not cell:
        return "cell is blank. Fill it in or delete the line."
    if cell.strip().casefold() in MISSING:
        return f'"{cell}" is a missing value. Fill it in or delete the line.'
    if value is not None and np.isfinite(value):
        return f"{cell} exceeds 1e30 in absolute value. Rescale the column."
    if value is not None:
        return f'"{shown(cell)}" is not finite. Delete the line.'
    if DECIMAL_COMMA.fullmatch(cell):
        return f'"{shown(cell)}" has a decimal comma. Save the file with decimal points.'
    return f'"{shown(cell)}" is not a number. Correct the line or drop the column.'
