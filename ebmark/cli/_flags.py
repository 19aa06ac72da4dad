"""The arguments of the estimator that concern columns, as flags of the command line."""

import csv
import io
import re
import shlex
from typing import Any

import pandas as pd

from ebmark.errors import UserError, unknown


def choose_dropped(frame: pd.DataFrame, columns: str | None, drop: str | None) -> list[Any]:
    """Return the names of the columns that --columns and --drop leave out.

    The columns of an array are x1, x2, ... Names are separated as in a line of CSV; one name alone
    needs no quotes.

    Raises:
        UserError: a name is not that of a column.
    """
    dropped = [] if drop is None else _read_names(drop, frame, "--drop")
    if columns is not None:
        kept = _read_names(columns, frame, "--columns")
        dropped += [name for name in frame.columns if name not in kept and name not in dropped]
    return dropped


def _read_names(listed: str, frame: pd.DataFrame, option: str) -> list[Any]:
    known = {f"x{name + 1}" if isinstance(name, int) else name: name for name in frame.columns}
    names = [listed] if listed in known else _split_names(listed)
    for name in names:
        if name not in known:
            raise UserError(f"{option}: {unknown('column', name, known)}")
    return [known[name] for name in names]


def _split_names(listed: str) -> list[str]:
    """Split names at commas outside of quotes, as in a line of CSV."""
    try:
        return next(csv.reader([listed]), [""])
    except csv.Error:
        return listed.split(",")


def name_flags(message: str) -> str:
    r"""Return a message of the estimator with the flags of the command line for its arguments.

    Example:
        >>> name_flags("Column 'a b' has 99 levels. Pass drop=['a b'].")
        "Column 'a b' has 99 levels. Pass --drop 'a b'."
        >>> name_flags("Column 'a,b' has no values. Pass drop=['a,b'].")
        'Column \'a,b\' has no values. Pass --drop \'"a,b"\'.'
    """
    message = re.sub(r"\b(drop)=\[['\"](.*?)['\"]\]", _as_flag, message)
    return re.sub(r"\b(missing|method)='(\w+)'", _as_flag, message)


def _as_flag(match: re.Match[str]) -> str:
    value = match[2]
    if "," in value:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow([value])
        value = text.getvalue()
    return f"--{match[1]} {shlex.quote(value)}"
