"""Reading of points from a Parquet file, one batch at a time."""

import os
import re
from collections.abc import Generator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ebmark.datasets.tables._stream import TableStream, damaged, reject_bomb
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# the row labels of pandas
_INDEX = re.compile(r"__index_level_\d+__")
_BLOCK_CELLS = 2**20


def open_parquet(file: BinaryIO) -> TableStream:
    """Open the numeric columns of a Parquet file. Raises `UserError`."""
    import pyarrow.parquet as pq

    with damaged("Parquet"):
        table = pq.ParquetFile(file)
        schema = table.schema_arrow
        groups = [table.metadata.row_group(i) for i in range(table.num_row_groups)]
        declared = sum(group.total_byte_size for group in groups)
        reject_bomb(declared, os.fstat(file.fileno()).st_size)
    chosen = [i for i, field in enumerate(schema) if not _INDEX.fullmatch(field.name)]
    if not chosen:
        raise UserError("file has no columns. Save one column per coordinate.")
    for i in chosen:
        _reject_non_numeric(schema.field(i))
    columns = tuple(schema.field(i).name for i in chosen)
    notes: tuple[str, ...] = ()
    if len(chosen) < len(schema):
        notes = ("The row labels of the table were left out.",)
    return TableStream(columns, _blocks(table, chosen), notes)


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
