"""Repeat runs of a published study, and compare every number."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.edition.published import RESULTS
from ebmark.engines import new_engine
from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.provenance import code_hash
from ebmark.store.schema import load_study, read_plan
from ebmark.studies.driver import run_plan
from ebmark.system.writing import make_folder


def repeat(study: str, num: int, rng: np.random.Generator) -> dict[str, list[str]]:
    """Execute randomly chosen runs of a published study again.

    Args:
        study: its folder in `results/`.
        num: number of runs.
        rng: what chooses them.

    Returns:
        The metrics that differ in any published digit, by run id. Times are not compared.

    Raises:
        UserError: the study was made by other code.
    """
    folder = RESULTS / study
    made_by = load_study(folder)["code_hash"]
    if made_by != code_hash():
        raise UserError(f"{folder} was made by code {made_by[:7]}, and this is {code_hash()[:7]}.")
    plan = read_plan(folder)
    names = rng.choice(sorted(plan), min(num, len(plan)), replace=False)
    published = table.read(folder)
    with tempfile.TemporaryDirectory() as temporary:
        again = _execute(Path(temporary), {str(name): plan[name] for name in names})
    return {
        name: _differing(*(rows.loc[rows["run_id"] == name] for rows in (published, again)))
        for name in map(str, names)
    }


def _execute(folder: Path, plan: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the table of the runs, with the digits of a published one."""
    make_folder(folder / "runs")
    outcome = run_plan(folder, plan, new_engine("processes", folder, jobs=1), plain=True)
    if outcome.failed:
        raise UserError("\n".join(outcome.failed.values()))
    table.write_compressed(folder, table.collect(folder, plan))
    return table.read(folder)


def _differing(published: pd.DataFrame, again: pd.DataFrame) -> list[str]:
    keys = ["step", "metric", "status", "value"]
    both = published[keys].merge(again[keys], how="outer", indicator=True)
    names = both.loc[both["_merge"] != "both", "metric"].unique()
    return sorted(name for name in names if not name.endswith("seconds"))
