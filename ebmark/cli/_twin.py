"""The work of `ebmark twin`, behind the imports of JAX: a page around `eb.twin`."""

import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ebmark.cli._common import print_notes
from ebmark.cli._flags import choose_dropped, name_flags
from ebmark.cli.terminal import say
from ebmark.cli.terminal_tables import print_parts
from ebmark.datasets.tables import describe_table, read_table
from ebmark.engines import num_cores
from ebmark.errors import UserError
from ebmark.studies.twin import twin
from ebmark.system.threads import keep_compiled_programs


def twin_of_table(
    path: Path,
    *,
    columns: str | None,
    drop: str | None,
    out: Path | None,
    jobs: int | None,
    **options: Any,
) -> int:
    """Compare methods on the twin of a file's table, and print the table and the answer.

    Args:
        path: the file of the table.
        columns: names of the columns to keep, separated by commas; None for all.
        drop: names of columns to leave out.
        out: folder of the results; None for a temporary one.
        jobs: number of parallel runs; None for the number of cores.
        options: further arguments of `eb.twin`.

    Raises:
        UserError: if the table cannot be used, or a run fails.
    """
    find_dropped = partial(choose_dropped, columns=columns, drop=drop)
    frame, notes = read_table(path, find_dropped=find_dropped)
    dropped = find_dropped(frame)
    print_notes([*notes, *describe_table(frame.drop(columns=dropped))])
    keep_compiled_programs()
    with tempfile.TemporaryDirectory(prefix="ebmark-") as temporary:
        folder = out or Path(temporary)
        try:
            found = twin(frame, drop=dropped, out=folder, jobs=jobs or num_cores(), **options)
        except UserError as error:
            raise UserError(name_flags(str(error))) from error
        except ValueError as error:
            raise UserError(f"{path}: {name_flags(str(error))}") from error
        if out is not None:
            for comparison in (found.on_twin, found.on_rows):
                if comparison is not None:
                    print(f"Report: {comparison.report()}")
    _print_table(found.table, path)
    say(found.answer)
    return 0


def _print_table(table: pd.DataFrame, path: Path) -> None:
    """Print medians over seeds, best first."""
    heads = ["method", "log-likelihood of rows"]
    has_kl = "kl" in table
    if has_kl:
        heads[1:1] = ["KL on the twin", "95% interval", "p"]
    rows = []
    for name, values in table.to_dict("index").items():
        row = [str(name), _format(values["log_likelihood"])]
        if has_kl:
            ends = [_format(values[end]) for end in ("kl_low", "kl_high")]
            interval = "-" if math.isnan(values["kl_low"]) else " to ".join(ends)
            p = "-" if math.isnan(values["p"]) else f"{values['p']:.2g}"
            row[1:1] = [_format(values["kl"]), interval, p]
        rows.append(row)
    title = f"methods for {path.name}: medians over seeds, in nats"
    print_parts([(title, heads, rows)], ())


def _format(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "unresolved"
