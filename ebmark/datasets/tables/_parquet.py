"""Reading of points from a Parquet file, one batch at a time."""

import os
import re
from collections.abc import Generator
from io import BufferedIOBase
from typing import TYPE_CHECKING

import numpy as np

from ebmark.datasets.tables._stream import TableStream, damaged, reject_bomb
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# the row labels of pandas
_INDEX = re.compile(r"__index_level_\d+__")
_BLOCK_CELLS = 2**20


def open_parquet(file: BufferedIOBase, *, has_only_numbers: bool = True) -> TableStream:
    """Open the columns of a Parquet file. Raises `UserError`.

    Blocks are Arrow tables with the schema of the file unless the table has only numbers.
    """
    import pyarrow.parquet as pq

    with damaged("Parquet"):
        table = pq.ParquetFile(file)
        schema = table.schema_arrow
        groups = [table.metadata.row_group(i) for i in range(table.num_row_groups)]
        declared = sum(group.total_byte_size for group in groups)
        reject_bomb(declared, os.fstat(file.fileno()).st_size)
        index, notes = _index_of_pandas(schema)
    named = [i for i, field in enumerate(schema) if not _INDEX.fullmatch(field.name)]
    # as in a CSV file, the index comes first
    chosen = sorted(named, key=lambda i: schema.field(i).name not in index)
    if not chosen:
        raise UserError("file has no columns. Save one column per coordinate.")
    for i in chosen if has_only_numbers else ():
        _reject_non_numeric(schema.field(i))
    columns = tuple(schema.field(i).name for i in chosen)
    if len(chosen) < len(schema):
        notes += ("The row labels of the table were left out.",)
    blocks = _blocks if has_only_numbers else _tables
    return TableStream(columns, blocks(table, chosen), notes)


def _index_of_pandas(schema: "pa.Schema") -> tuple[set[str], tuple[str, ...]]:
    """Return the columns that are an index, and a note if a named one is not stored."""
    index: set[str] = set()
    notes: list[str] = []
    for level in (schema.pandas_metadata or {}).get("index_columns", ()):
        if isinstance(level, str):
            index.add(level)
        elif isinstance(level, dict) and level.get("name") is not None:
            name = shown(level["name"], 25)
            notes.append(f'The index "{name}", a range of row numbers, was left out.')
    return index, tuple(notes)


def _reject_non_numeric(field: "pa.Field") -> None:
    import pyarrow.types as types

    kind = field.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return
    raise UserError(
        f'column "{shown(field.name)}": type {shown(kind, 30)} is not numeric.'
        " Drop the column or convert it to numbers."
    )


def _blocks(table: "pq.ParquetFile", chosen: list[int]) -> Generator[np.ndarray, None, None]:
    import pyarrow as pa

    size = max(1, _BLOCK_CELLS // len(chosen))
    with damaged("Parquet"):
        for batch in table.iter_batches(size, use_threads=False):
            columns = [batch.column(i).cast(pa.float64(), safe=False) for i in chosen]
            yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])


def _tables(table: "pq.ParquetFile", chosen: list[int]) -> Generator["pa.Table", None, None]:
    import pyarrow as pa

    size = max(1, _BLOCK_CELLS // len(chosen))
    with damaged("Parquet"):
        for batch in table.iter_batches(size, use_threads=False):
            yield pa.Table.from_batches([batch], table.schema_arrow).select(chosen)
