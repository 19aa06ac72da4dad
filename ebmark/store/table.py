"""The results as one tidy table: a row a number. And the study's folder, as its readers see it."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.errors import UserError, shown
from ebmark.store.schema import CELL, is_name, read_result
from ebmark.system.array_files import read_run_arrays
from ebmark.system.reading import old_schema, read_bytes
from ebmark.system.writing import atomic_path, inside, write_whole

__all__ = [
    "collect",
    "current",
    "entry",
    "load_arrays",
    "read",
    "with_entries",
    "write",
]

COLUMNS = ["dataset", "method", "recipe", "seed", "step", "metric", "value", "run_id"]
PROVENANCE = ["status", "reason", "ebmark", "jax", "code_hash", "device"]
_NUMBERS = {"seed": "int64", "step": "int64", "value": "float64"}


def collect(folder: Path, plan: Mapping[str, Mapping]) -> pd.DataFrame:
    """The rows of the plan's finished cells, in the plan's order: that of no run's luck."""
    rows, axes = [], list(dict.fromkeys(a for spec in plan.values() for a in spec.get("axes", {})))
    for name, spec in plan.items():
        result = read_result(folder, name)
        if result is not None:
            at = [spec.get("axes", {}).get(axis) for axis in axes]
            rows += [row + at for row in _rows(name, spec, result)]
    return _frame(rows, axes)


def _rows(name: str, spec: Mapping, result: Mapping) -> list[list[Any]]:
    what = [spec["dataset"], spec["method"], spec["recipe"], spec["seed"]]
    made = [result["status"], result["reason"], result["ebmark"]]
    made += [result["versions"].get("jax", ""), result["code_hash"], result["device"]]
    values = [(s, m, float("nan") if v is None else float(v)) for s, m, v in result["rows"]]
    return [[*what, step, metric, value, name, *made] for step, metric, value in values]


def _frame(rows: list[list[Any]], axes: Sequence[str] = ()) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COLUMNS, *PROVENANCE, *axes]).astype(_NUMBERS)


def entry(method: str, recipe: str) -> str:
    """What a method under a recipe is called: an entry of its own, `cd, tuned`."""
    return method if recipe == "default" else f"{method}, {recipe}"


def with_entries(study: dict[str, Any], table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """The study's cells and the table with entries for methods."""
    cells = {
        name: cell | {"method": entry(cell["method"], cell["recipe"])}
        for name, cell in study["runs"].items()
    }
    labels = [entry(m, r) for m, r in zip(table["method"], table["recipe"], strict=True)]
    return study | {"runs": cells}, table.assign(method=labels)


def write(folder: Path, table: pd.DataFrame) -> None:
    """`results.csv` and `results.parquet`, each whole."""
    text = io.StringIO()
    table.to_csv(text, index=False, na_rep="nan", lineterminator="\n")
    write_whole(inside(folder, "results.csv"), text.getvalue())
    with atomic_path(inside(folder, "results.parquet")) as path:
        table.to_parquet(path, index=False)


def read(folder: Path) -> pd.DataFrame:
    """The results of a study, a row a number. Raises UserError if there are none."""
    path = Path(folder) / "results.csv"
    try:
        content = io.BytesIO(read_bytes(path, 1 << 30))
        texts = dict.fromkeys(COLUMNS + PROVENANCE, str)
        table = pd.read_csv(
            content,
            dtype=texts | _NUMBERS,  # other columns are axes of a sweep
            keep_default_na=False,
            na_values={"value": ["nan"]},
        )
    except FileNotFoundError:
        raise UserError(f"{folder}: holds no results.csv; `ebmark run` makes one") from None
    except (ValueError, OverflowError) as error:
        said = shown(f"{path}: cannot be read as a table ({error})", 300)
        raise UserError(f"{said}; remove it and make it again by `ebmark report`") from None
    if "cell" in table and "run_id" not in table:
        raise old_schema(path)
    missing = [column for column in [*COLUMNS, "status", "reason"] if column not in table]
    if missing:
        raise UserError(f"{path}: lacks the columns {', '.join(missing)}")
    _refuse_strange(table, path)
    return table


def _refuse_strange(table: pd.DataFrame, path: Path) -> None:
    """Raise UserError at what no run writes: it would break the page, or lead out of the folder."""
    if len(table.columns) > 100 or not all(is_name(str(column)) for column in table.columns):
        raise UserError(f"{path}: damaged: it has columns that no study has")
    checks = dict.fromkeys(("dataset", "method", "recipe", "metric"), is_name)
    checks |= {"run_id": CELL.fullmatch, "status": {"done", "diverged"}.__contains__}
    for column, check in checks.items():
        for value in table[column].unique():
            if not check(value):
                raise UserError(f'{path}: damaged: "{shown(value)}" is no {column}')
    for column in ("seed", "step"):
        if len(table) and table[column].min() < 0:
            raise UserError(f"{path}: damaged: a {column} is negative")


def current(folder: Path, study: Mapping[str, Any]) -> tuple[pd.DataFrame, bool]:
    """The table as the cells are now, and whether results.csv says the same.

    A finished cell never changes, so results.csv is up to date where it has every finished cell;
    where it has not, the table is collected, with what results.csv has of cells that are not here.
    """
    plan, folder = study["runs"], Path(folder)
    done = {name for name in plan if (folder / "runs" / name / "result.json").exists()}
    known = (folder / "results.csv").exists()
    if not known and not done:
        return _frame([]), False
    saved = read(folder) if known else _frame([])
    if done <= set(saved["run_id"]):
        return saved, True
    kept = saved[~saved["run_id"].isin(done)]
    table = pd.concat([part for part in (collect(folder, plan), kept) if len(part)])
    order = {name: i for i, name in enumerate(plan)}
    return table.sort_values(
        "run_id", key=lambda c: c.map(order), kind="stable", ignore_index=True
    ), False


def load_arrays(folder: Path, cell: str) -> dict[str, np.ndarray]:
    """The arrays of a cell; empty if it has none. Raises UserError if they are damaged."""
    try:
        return read_run_arrays(Path(folder) / "runs" / cell / "samples.npz")
    except FileNotFoundError:
        return {}
