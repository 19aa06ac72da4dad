"""Points in a Parquet file, read a batch at a time."""

import os
import re
from collections.abc import Generator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ebmark.datasets.tables._stream import TableStream, damaged, refuse_bomb
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_INDEX = re.compile(r"__index_level_\d+__")  # pandas's row labels
_BLOCK_CELLS = 2**20


def open_parquet(file: BinaryIO, name: str) -> TableStream:
    """The numeric columns of a Parquet file. Raises `UserError`."""
    import pyarrow.parquet as pq

    with damaged(name, "Parquet"):
        table = pq.ParquetFile(file)
        schema = table.schema_arrow
        groups = [table.metadata.row_group(i) for i in range(table.num_row_groups)]
        declared = sum(group.total_byte_size for group in groups)
        refuse_bomb(declared, os.fstat(file.fileno()).st_size, name)
    chosen = [i for i, field in enumerate(schema) if not _INDEX.fullmatch(field.name)]
    if not chosen:
        raise UserError(f"{name}: holds no columns; one for each coordinate is wanted")
    for i in chosen:
        _refuse_kind(schema.field(i), name)
    left_out = ("The row labels of the table were left out.",) if len(chosen) < len(schema) else ()
    columns = tuple(schema.field(i).name for i in chosen)
    return TableStream(columns, _blocks(table, chosen, name), left_out)


def _refuse_kind(field: "pa.Field", name: str) -> None:
    import pyarrow.types as types

    kind = field.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return
    raise UserError(
        f'{name}, column "{shown(field.name)}": holds {shown(kind, 30)}, not plain numbers;'
        " drop the column, or turn it into numbers"
    )


def _blocks(
    table: "pq.ParquetFile", chosen: list[int], name: str
) -> Generator[np.ndarray, None, None]:
    import pyarrow as pa

    size = max(1, _BLOCK_CELLS // len(chosen))
    with damaged(name, "Parquet"):
        for batch in table.iter_batches(size, use_threads=False):
            columns = [batch.column(i).cast(pa.float64(), safe=False) for i in chosen]
            yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
