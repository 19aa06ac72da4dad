"""The results of a study as one tidy table, with one row per metric value."""

import io
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.errors import DamagedError, UserError, shown
from ebmark.store.fields import RUN_ID, is_name
from ebmark.store.schema import read_result
from ebmark.system.array_files import read_run_arrays
from ebmark.system.listed_files import check_listed, read_listed, write_listed
from ebmark.system.reading import REPAIR, old_schema

__all__ = [
    "COLUMNS",
    "as_csv",
    "collect",
    "current",
    "entry",
    "load_arrays",
    "read",
    "with_entries",
    "without_formula",
    "write",
    "write_compressed",
]

COLUMNS = ["dataset", "method", "recipe", "seed", "step", "metric", "value", "run_id"]
_PROVENANCE = ["status", "reason", "ebmark", "jax", "code_hash", "device"]
_NUMBERS = {"seed": "int64", "step": "int64", "value": "float64"}
_MAX_BYTES = 1 << 30
_MAX_COLUMNS = 100
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def collect(folder: Path, plan: Mapping[str, Mapping]) -> pd.DataFrame:
    """Return the results of the completed runs of a plan, in the order of the plan.

    Args:
        folder: the folder of the study.
        plan: the spec of each run.

    Returns:
        A table with one row per metric value and a column for each axis of a sweep.
    """
    # a dict keeps the order in which the axes first appear
    axes = list(dict.fromkeys(axis for spec in plan.values() for axis in spec.get("axes", {})))
    rows = []
    for name, spec in plan.items():
        result = read_result(folder, name)
        if result is not None:
            rows += _rows(name, spec, result, axes)
    return _frame(rows, axes)


def _rows(run_id: str, spec: Mapping, result: Mapping, axes: Sequence[str]) -> list[list[Any]]:
    """Return the rows of one run."""
    configuration = [spec["dataset"], spec["method"], spec["recipe"], spec["seed"]]
    provenance = [
        result["status"],
        result["reason"],
        result["ebmark"],
        result["versions"].get("jax", ""),
        result["code_hash"],
        result["device"],
    ]
    axis_values = [spec.get("axes", {}).get(axis) for axis in axes]
    rows = []
    for step, metric, value in result["rows"]:
        number = float("nan") if value is None else float(value)
        rows.append([*configuration, step, metric, number, run_id, *provenance, *axis_values])
    return rows


def _frame(rows: list[list[Any]], axes: Sequence[str] = ()) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COLUMNS, *_PROVENANCE, *axes]).astype(_NUMBERS)


def entry(method: str, recipe: str) -> str:
    """Return the name of a configuration.

    Example:
        >>> entry("cd", "tuned")
        'cd, tuned'
        >>> entry("cd", "default")
        'cd'
    """
    return method if recipe == "default" else f"{method}, {recipe}"


def with_entries(study: dict[str, Any], table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the study and its table with the configuration in place of the method.

    Args:
        study: the content of `study.json`.
        table: its results.
    """
    runs = {
        name: {**run, "method": entry(run["method"], run["recipe"])}
        for name, run in study["runs"].items()
    }
    pairs = zip(table["method"], table["recipe"], strict=True)
    configurations = [entry(method, recipe) for method, recipe in pairs]
    return {**study, "runs": runs}, table.assign(method=configurations)


def as_csv(table: pd.DataFrame, float_format: str | None = None) -> str:
    """Return a table as CSV, in which no text is a formula of a spreadsheet.

    Args:
        table: what to write; numbers are not changed.
        float_format: the format of floating-point numbers; all digits by default.
    """
    safe = _map_texts(table, without_formula)
    return safe.to_csv(index=False, na_rep="nan", lineterminator="\n", float_format=float_format)


def without_formula(text: str) -> str:
    """Return the text, after an apostrophe if spreadsheets would take it for a formula.

    Example:
        >>> without_formula("=1+1"), without_formula("cd"), with_formula("'=1+1")
        ("'=1+1", 'cd', '=1+1')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def with_formula(text: str) -> str:
    """Return the text that `without_formula` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _map_texts(table: pd.DataFrame, function: Callable[[str], str]) -> pd.DataFrame:
    """Return the table with the texts of its heads and of its columns replaced."""
    changed: dict[str, Any] = {}
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            texts = [value for value in table[column].unique() if isinstance(value, str)]
            replacements = {text: function(text) for text in texts if function(text) != text}
            if replacements:
                changed[column] = table[column].replace(replacements)
    return table.assign(**changed).rename(columns=lambda name: function(str(name)))


def write_compressed(folder: Path, table: pd.DataFrame) -> None:
    """Write `results.csv.zst` of a published study, with seven digits."""
    import pyarrow as pa

    text = as_csv(table, float_format="%.7g").encode()
    packed = pa.Codec("zstd", compression_level=19).compress(text, asbytes=True)
    write_listed(folder / "results.csv.zst", packed)


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write `results.csv` and `results.parquet`, each atomically."""
    write_listed(folder / "results.csv", as_csv(table).encode())
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    write_listed(folder / "results.parquet", parquet.getvalue())


def read(folder: Path) -> pd.DataFrame:
    """Return the results of a study from its table, with one row per metric value.

    The table is `results.csv`, or in published studies `results.csv.zst`.

    Args:
        folder: the folder of the study.

    Raises:
        UserError: there is no such file, or it is damaged or of another schema.
    """
    path = _find_table(folder)
    # columns that are not listed are axes of a sweep
    types: dict[Hashable, Any] = {**dict.fromkeys([*COLUMNS, *_PROVENANCE], "str"), **_NUMBERS}
    missing_values: dict[Hashable, Any] = {"value": ["nan"]}
    try:
        content = read_listed(path, _MAX_BYTES)
        if path.suffix == ".zst":
            content = _decompress(content)
        table = pd.read_csv(
            io.BytesIO(content), dtype=types, keep_default_na=False, na_values=missing_values
        )
    except FileNotFoundError:
        raise UserError(f"{folder}: has no results.csv. Create it with `ebmark run`.") from None
    except (ValueError, OverflowError) as error:
        reason = shown(f"{path}: cannot be read as a table ({error})", 300)
        raise DamagedError(f"{reason}. {REPAIR}") from None
    table = _map_texts(table, with_formula)
    missing = [column for column in [*COLUMNS, "status", "reason"] if column not in table]
    # schema 1 had another name for the column of run ids
    if missing == ["run_id"]:
        raise old_schema(path)
    if missing:
        raise UserError(f"{path}: lacks the columns {', '.join(missing)}.")
    _check(table, path)
    return table


def _find_table(folder: Path) -> Path:
    plain = Path(folder) / "results.csv"
    packed = plain.with_suffix(".csv.zst")
    return packed if packed.exists() and not plain.exists() else plain


def _decompress(content: bytes) -> bytes:
    """Return what was compressed.

    Raises:
        ValueError: it is not zstd, or larger than a table can be.
    """
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            text = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(error) from None
    if len(text) > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
    return text


def _check(table: pd.DataFrame, path: Path) -> None:
    """Raise UserError for values that no run writes: they could lead out of the folder."""
    if len(table.columns) > _MAX_COLUMNS or not all(is_name(str(name)) for name in table.columns):
        raise UserError(f"{path}: damaged: it has columns that no study has.")
    for column in ("dataset", "method", "recipe", "metric"):
        _check_values(table, path, column, is_name)
    _check_values(table, path, "run_id", RUN_ID.fullmatch)
    _check_values(table, path, "status", {"done", "diverged"}.__contains__)
    for column in ("seed", "step"):
        if (table[column].to_numpy() < 0).any():
            raise UserError(f"{path}: damaged: a {column} is negative.")


def _check_values(
    table: pd.DataFrame, path: Path, column: str, is_valid: Callable[[str], object]
) -> None:
    for value in table[column].unique():
        if not is_valid(value):
            raise UserError(f"{path}: damaged: '{shown(value)}' is not a valid {column}.")


def current(folder: Path, study: Mapping[str, Any]) -> tuple[pd.DataFrame, bool]:
    """Return the results of all runs completed so far, and whether the table has them all.

    A completed run never changes, so the table is up to date if it has all completed runs. If not,
    they are collected, and runs that only the table has are kept, except those of another plan.

    Args:
        folder: the folder of the study.
        study: the content of its `study.json`.
    """
    folder = Path(folder)
    plan = study["runs"]
    done = [name for name in plan if (folder / "runs" / name / "result.json").exists()]
    has_table = _find_table(folder).exists()
    if not has_table and not done:
        return _frame([]), False
    check_listed(folder)
    saved = read(folder) if has_table else _frame([])
    is_planned = saved["run_id"].isin(list(plan)).to_numpy()
    if is_planned.all() and set(done) <= set(saved["run_id"]):
        return saved, True
    only_saved = saved.loc[is_planned & ~saved["run_id"].isin(done)]
    parts = [part for part in (collect(folder, plan), only_saved) if len(part)]
    return _sort_by_run(pd.concat(parts or [_frame([])]), plan), False


def _sort_by_run(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return the rows in the order of the names of their runs."""
    order = {name: index for index, name in enumerate(names)}
    positions = [order.get(name, len(order)) for name in table["run_id"]]
    return table.iloc[np.argsort(positions, kind="stable")].reset_index(drop=True)


def load_arrays(folder: Path, run_id: str) -> dict[str, np.ndarray]:
    """Return the arrays of a run, or an empty dict if it has none.

    Args:
        folder: the folder of the study.
        run_id: the id of the run.

    Raises:
        UserError: the file is damaged.
    """
    result = read_result(folder, run_id)
    if result is None:
        return {}
    digest = result.get("files", {}).get("samples.npz")
    try:
        return read_run_arrays(Path(folder) / "runs" / run_id / "samples.npz", digest)
    except FileNotFoundError:
        return {}
