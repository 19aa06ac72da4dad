"""Check submissions to the leaderboard against the specs of their runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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

Plan = Mapping[str, Mapping[str, Any]]


def checked(folder: Path) -> Submission:
    """Return the submission in a folder.

    Raises:
        UserError: with the first reason why it cannot be ranked.
    """
    load_study(folder)
    rows = table.read(folder)
    plan = read_plan(folder)
    if not plan:
        raise UserError(f"{folder / 'plan.json'}: the plan has no runs, so nothing can be ranked.")
    for name, spec in plan.items():
        _check_spec(folder, name, spec)
    _check_seeds(folder, plan)
    _check_ids(folder, rows, plan)
    _check_labels(folder, rows, plan)
    _check_values(folder, rows, plan)
    labels = zip(rows["method"], rows["recipe"], strict=True)
    configurations = [table.entry(method, recipe) for method, recipe in labels]
    return Submission(folder.resolve().name, rows.assign(method=configurations), plan)


def checked_all(folders: Sequence[Path]) -> tuple[list[Submission], list[UserError]]:
    """Return the submissions in the folders, and why other folders were refused.

    Raises:
        UserError: if no folder holds a submission.
    """
    submissions: list[Submission] = []
    refused: list[UserError] = []
    places = dict.fromkeys(folder.resolve() for folder in folders)
    for folder in places:
        try:
            submissions.append(checked(folder)._replace(name=_shortest_name(folder, places)))
        except UserError as error:
            refused.append(error)
    if not submissions:
        raise refused[0]
    return submissions, refused


def _shortest_name(folder: Path, folders: Iterable[Path]) -> str:
    """Return the end of a path that no other of the folders has.

    Example:
        >>> _shortest_name(Path("/a/toy"), [Path("/a/toy"), Path("/b/toy")])
        'a/toy'
    """
    others = [other.parts for other in folders if other != folder]
    for num in range(1, len(folder.parts)):
        if not any(other[-num:] == folder.parts[-num:] for other in others):
            return "/".join(folder.parts[-num:])
    return str(folder)


def _check_spec(folder: Path, name: str, spec: dict[str, Any]) -> None:
    if run_id(spec) != name:
        raise UserError(
            f"{folder}: the id of run {name} is not that of its spec, which was changed."
        )
    dataset = spec["dataset"]
    if dataset not in DATASETS or spec["points"] is not None:
        raise UserError(
            f"{folder}: '{dataset}' is not a built-in dataset, so these results cannot be ranked."
        )
    if spec["dataset_fingerprint"] != SyntheticDataset(dataset).fingerprint:
        raise UserError(
            f"{folder}: dataset '{dataset}' was defined differently in the version that made these "
            "results, so they cannot be ranked."
        )
    if spec["seed"] >= TUNING_SEEDS:
        raise UserError(
            f"{folder}: run {name} has seed {spec['seed']}, which is reserved for tuning."
        )


def _check_seeds(folder: Path, plan: Plan) -> None:
    """Check that every configuration has the same seeds, from 0 on."""
    seeds: dict[tuple[str, str, str], set[int]] = {}
    for spec in plan.values():
        configuration = (spec["dataset"], spec["method"], spec["recipe"])
        seeds.setdefault(configuration, set()).add(spec["seed"])
    num_seeds = max(map(len, seeds.values()))
    for (dataset, method, recipe), present in seeds.items():
        if missing := sorted(set(range(num_seeds)) - present):
            configuration = table.entry(method, recipe)
            raise UserError(
                f"{folder}: '{configuration}' on '{dataset}' lacks the seeds {missing} "
                f"of {num_seeds}. Run them all."
            )


def _check_ids(folder: Path, rows: pd.DataFrame, plan: Plan) -> None:
    """Check that the table has exactly the runs of the plan."""
    present = set(rows["run_id"])
    if missing := [name for name in plan if name not in present]:
        raise UserError(
            f"{folder}: {len(missing)} of {len(plan)} runs are not in the table, such as "
            f"{missing[0]}. Repeat the `ebmark run` command to complete them."
        )
    if extra := sorted(present - set(plan)):
        raise UserError(f"{folder}: run {extra[0]} of the table is not in the plan.")


def _check_labels(folder: Path, rows: pd.DataFrame, plan: Plan) -> None:
    """Check that dataset, method, recipe and seed of each row are those of its run."""
    for values in rows[["run_id", *_KEYS]].drop_duplicates().itertuples(index=False):
        name, *labels = values
        if labels != [plan[name][key] for key in _KEYS]:
            raise UserError(
                f"{folder}: the table labels run {name} as {labels}, which differs from its spec."
            )


def _check_values(folder: Path, rows: pd.DataFrame, plan: Plan) -> None:
    """Check the table's values against the run folders, where these are included."""
    for name, expected in table.collect(folder, plan).groupby("run_id"):
        actual = rows[rows["run_id"] == name]
        values = (np.asarray(part["value"], float) for part in (expected, actual))
        has_same_values = np.array_equal(*values, equal_nan=True)
        if not has_same_values or list(expected["metric"]) != list(actual["metric"]):
            raise UserError(
                f"{folder}: the table's values of run {name} are not those of its result.json."
            )
