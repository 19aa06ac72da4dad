"""Submissions checked against the specs of their runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.schema import load_study, read_plan
from ebmark.store.submission import Submission
from ebmark.studies.spec import run_id
from ebmark.studies.study import TUNING_SEEDS

_KEYS = ("dataset", "method", "recipe", "seed")


def checked(folder: Path) -> Submission:
    """The submission in a folder. Raises UserError with the first reason why it is none."""
    _, rows = load_study(folder), table.read(folder)
    plan = _plan(folder)
    for name, spec in plan.items():
        if run_id(spec) != name:
            raise UserError(f"{folder}: the cell {name} is not that of its spec: it was changed")
        if spec["dataset"] not in DATASETS or spec["points"] is not None:
            raise UserError(
                f"{folder}: {spec['dataset']} is no built-in law: it cannot be compared"
            )
        if spec["dataset_fingerprint"] != SyntheticDataset(spec["dataset"]).fingerprint:
            raise UserError(f"{folder}: its {spec['dataset']} is another law than this version's")
        if spec["seed"] >= TUNING_SEEDS:
            raise UserError(f"{folder}: the cell {name} reports the tuning seed {spec['seed']}")
    _check_seeds(folder, plan)
    _check_rows(folder, rows, plan)
    entries = [table.entry(m, r) for m, r in zip(rows["method"], rows["recipe"], strict=True)]
    return Submission(folder.resolve().name, rows.assign(method=entries), plan)


def checked_all(folders: Sequence[Path]) -> tuple[list[Submission], list[UserError]]:
    """The submissions in the folders, and why the others are none; UserError where none is left."""
    submissions, refused = [], []
    for folder in folders:
        try:
            submissions.append(checked(folder))
        except UserError as error:
            refused.append(error)
    if not submissions:
        raise refused[0]
    return submissions, refused


def _plan(folder: Path) -> dict[str, dict]:
    plan = read_plan(folder)
    if not plan:
        raise UserError(f"{folder / 'plan.json'}: not a study's plan: it has no cells")
    return plan


def _check_seeds(folder: Path, plan: dict[str, dict]) -> None:
    seeds: dict[tuple, set[int]] = {}
    for spec in plan.values():
        seeds.setdefault((spec["dataset"], spec["method"], spec["recipe"]), set()).add(spec["seed"])
    most = max(len(found) for found in seeds.values())
    for (dataset, method, recipe), found in seeds.items():
        if found != set(range(most)):
            lacking = sorted(set(range(most)) - found)
            entry = table.entry(method, recipe)
            raise UserError(f"{folder}: {entry} on {dataset} lacks the seeds {lacking} of {most}")


def _check_rows(folder: Path, rows: pd.DataFrame, plan: dict[str, dict]) -> None:
    """The table is that of the plan, whole, and of the cells where they are there."""
    there = set(rows["run_id"])
    if missing := [name for name in plan if name not in there]:
        raise UserError(
            f"{folder}: {len(missing)} of {len(plan)} runs are not in the table, such as "
            f"{missing[0]}; the same `ebmark run` ends them"
        )
    if strange := sorted(there - set(plan)):
        raise UserError(f"{folder}: the table's cell {strange[0]} is not in the plan")
    for values in rows[["run_id", *_KEYS]].drop_duplicates().itertuples(index=False):
        cell, *what = values
        if what != [plan[cell][key] for key in _KEYS]:
            raise UserError(
                f"{folder}: the table says {what} of the cell {cell}, its spec does not"
            )
    made = table.collect(folder, plan)
    for cell, ours in made.groupby("run_id"):
        theirs = rows[rows["run_id"] == cell]
        same = len(ours) == len(theirs) and np.array_equal(
            ours["value"].to_numpy(float), theirs["value"].to_numpy(float), equal_nan=True
        )
        if not same or list(ours["metric"]) != list(theirs["metric"]):
            raise UserError(f"{folder}: the table's numbers of the cell {cell} are not the cell's")
