"""The plan of a study, written into its folder."""

import json
import os
from pathlib import Path

import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset, UserDataset
from ebmark.datasets.tables import Points
from ebmark.errors import UserError
from ebmark.store.folder import refuse_links_out
from ebmark.store.schema import load_study, read_result, write_plan
from ebmark.studies import plugins
from ebmark.studies.description import describe
from ebmark.studies.spec import run_id, run_specs
from ebmark.studies.study import Study, validated
from ebmark.system.writing import atomic_path, write_whole

_MADE = {"plan.json", "results.csv", "results.parquet", "report.html"}


def prepare(
    study: Study,
    folder: Path,
    points: Points | None,
    name: str,
    command: str,
    plugin_files: tuple[Path, ...] = (),
) -> dict:
    """Write the plan and the description of a study into its folder; the plan, name -> spec.

    With `points`, a person's own, they are the study's only dataset, called `name`. The workers
    will load the `plugin_files`, which are copied into the folder. Raises UserError if the folder
    cannot be written, or holds something else.
    """
    study = validated(study)
    sources, points_file = data_sources(study, points, name)
    plan = {run_id(spec): spec for spec in run_specs(study, sources, points_file)}
    if not plan:
        raise UserError("no cells to run: mle needs data of 1 or 2 columns; add a method")
    content = take_folder(folder)
    if "study.json" in content:
        _check_same_study(folder, study, sources)
    else:  # what a run that was killed at its start leaves; more only where the plan is there
        others = {name for name in content if not name.startswith((".tmp-", "points-", "log-"))}
        refuse_others(folder, others - (_MADE if "plan.json" in content else set()), "study")
    plugins.keep(plugin_files, folder)
    save_points(folder, sources, points_file)
    for cell in plan:
        read_result(folder, cell)  # a damaged one is told now, not after hours
    write_plan(folder, plan)
    described = describe(study, sources, plan, points, command)
    if (folder / "study.json").exists():
        described["step_bias"] = load_study(folder)["step_bias"]
    write_whole(folder / "study.json", json.dumps(described, indent=1))
    return plan


def data_sources(
    study: Study, points: Points | None, name: str
) -> tuple[list[DataSource], str | None]:
    """The sources of a study, and the file that a person's own points have in its folder."""
    if points is None:
        return [SyntheticDataset(dataset) for dataset in study.datasets], None
    own = UserDataset(name, np.asarray(points.x, np.float64))
    return [own], f"points-{own.fingerprint[:16]}.npy"


def save_points(folder: Path, sources: list[DataSource], points_file: str | None) -> None:
    """Write a person's own points into the study's folder, once."""
    if points_file is not None and not (folder / points_file).exists():
        with atomic_path(folder / points_file) as path, open(path, "wb") as file:
            np.save(file, sources[0].points)


def take_folder(folder: Path) -> set[str]:
    """Make the folder, and name what else lies in it. Raises UserError if it cannot be used."""
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        refuse_links_out(folder)
        content = {path.name for path in folder.iterdir()}
    except OSError as error:
        why = error.strerror or "it cannot be made"
        raise UserError(f"{folder}: cannot be used ({why}); choose another with --out") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: you may not write there; choose another folder with --out")
    return content - {"runs", "figures", "plugins", "parsl"}


def refuse_others(folder: Path, others: set[str], kind: str) -> None:
    """Raise UserError if a folder that holds no study (or tuning) holds other files."""
    if others:
        raise UserError(
            f"{folder}: holds other files (such as {min(others)}) and no {kind}; "
            "choose another folder with --out"
        )


def _check_same_study(folder: Path, study: Study, sources: list[DataSource]) -> None:
    other = load_study(folder)
    ours = {
        source.name: source.fingerprint for source in sources if isinstance(source, UserDataset)
    }
    theirs = {
        name: law for name, law in other.get("dataset_fingerprints", {}).items() if name in ours
    }
    if other.get("name") != study.name or any(ours[name] != law for name, law in theirs.items()):
        raise UserError(
            f'{folder}: holds another study ("{other.get("name")}"); '
            "choose another folder with --out"
        )
