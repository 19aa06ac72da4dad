"""The results as one tidy table: a row a number. And the study's folder, as its readers see it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ebmark.errors import UserError
from ebmark.files import atomic_path, write_whole

COLUMNS = ["dataset", "method", "recipe", "seed", "step", "metric", "value", "cell"]
PROVENANCE = ["status", "reason", "ebmark", "jax", "source", "device"]


def collect(folder: Path, plan: dict[str, dict]) -> pd.DataFrame:
    """The rows of the plan's finished cells, in the plan's order: that of no run's luck."""
    rows, axes = [], list(dict.fromkeys(a for spec in plan.values() for a in spec.get("axes", {})))
    for name, spec in plan.items():
        path = folder / "cells" / name / "result.json"
        if not path.exists():
            continue
        try:
            result = json.loads(path.read_text())
            what = [spec["dataset"], spec["method"], spec["recipe"], spec["seed"]]
            made = [result["status"], result["reason"], result["ebmark"]]
            made += [result["versions"]["jax"], result["source"], result["device"]]
            made += [spec.get("axes", {}).get(axis) for axis in axes]
            for step, metric, value in result["rows"]:
                number = float("nan") if value is None else float(value)
                rows.append([*what, step, metric, number, name, *made])
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{path}: damaged; remove the folder {path.parent} and run the study again: "
                "that cell alone is made anew"
            ) from None
    return pd.DataFrame(rows, columns=COLUMNS + PROVENANCE + axes)


def entry(method: str, recipe: str) -> str:
    """What a method under a recipe is called: an entry of its own, `cd, tuned`."""
    return method if recipe == "default" else f"{method}, {recipe}"


def with_entries(study: dict[str, Any], table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """The study's cells and the table with entries for methods."""
    cells = {
        name: cell | {"method": entry(cell["method"], cell["recipe"])}
        for name, cell in study["cells"].items()
    }
    labels = [entry(m, r) for m, r in zip(table["method"], table["recipe"], strict=True)]
    return study | {"cells": cells}, table.assign(method=labels)


def write(folder: Path, table: pd.DataFrame) -> None:
    """`results.csv` and `results.parquet`, each whole."""
    text = io.StringIO()
    table.to_csv(text, index=False, na_rep="nan", lineterminator="\n")
    write_whole(folder / "results.csv", text.getvalue())
    with atomic_path(folder / "results.parquet") as path:
        table.to_parquet(path, index=False)


def read(folder: Path) -> pd.DataFrame:
    """The results of a study, a row a number. Raises UserError if there are none."""
    path = Path(folder) / "results.csv"
    try:
        texts = {"reason": str, "cell": str, "dataset": str, "recipe": str}
        table = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"value": ["nan"]})
    except FileNotFoundError:
        raise UserError(f"{folder}: holds no results.csv; `ebmark run` makes one") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a table ({error})") from None
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise UserError(f"{path}: lacks the columns {', '.join(missing)}")
    return table.fillna({"reason": ""})


def load_study(folder: Path) -> dict[str, Any]:
    """What was run. Raises UserError if the folder is not that of a study."""
    path = Path(folder) / "study.json"
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no folder of a study (it holds no study.json); `ebmark run` makes one"
        ) from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(study, dict):
        raise UserError(f"{path}: not a study's description")
    return study


def load_arrays(folder: Path, cell: str) -> dict[str, np.ndarray]:
    """The arrays of a cell; empty if it has none."""
    path = Path(folder) / "cells" / cell / "samples.npz"
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
