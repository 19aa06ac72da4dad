"""Write the plan and the description of a study into its folder."""

import io
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset, UserDataset
from ebmark.datasets.tables import Points
from ebmark.errors import UserError
from ebmark.store.folder import refuse_links_out
from ebmark.store.repair import remove_damaged
from ebmark.store.schema import load_study, read_result, write_plan
from ebmark.studies import plugins
from ebmark.studies.description import describe
from ebmark.studies.spec import run_id, run_specs
from ebmark.studies.study import Study, validated
from ebmark.system.listed_files import SUMS, check_listed, write_listed
from ebmark.system.writing import write_json

_GENERATED = {"plan.json", "results.csv", "results.csv.zst", "results.parquet", "report.html"}


def prepare(
    study: Study,
    folder: Path,
    points: Points | None,
    name: str,
    command: str,
    plugin_files: tuple[Path, ...] = (),
    repair: bool = False,
) -> dict[str, dict[str, Any]]:
    """Write the plan and the description of a study into its folder.

    Args:
        study: what to run.
        folder: where; it is created, or holds the same study.
        points: user data, which replace the study's datasets; None for built-in ones.
        name: what the user data are called.
        command: the command line that runs the study.
        plugin_files: Python files that the workers will load; they are copied into the folder.
        repair: remove damaged files first, so that they are created again.

    Returns:
        The plan, run id -> spec.

    Raises:
        UserError: if the study is invalid, or the folder cannot be written or holds other files.
    """
    study = validated(study)
    sources, points_file = data_sources(study, points, name)
    plan = {run_id(spec): spec for spec in run_specs(study, sources, points_file)}
    if not plan:
        raise UserError(
            "Nothing to run: 'mle' supports 1-D and 2-D data only. "
            "Add another method with --methods."
        )
    step_bias: dict[str, Any] = {}
    content = take_intact_folder(folder, plan, repair=repair)
    if "study.json" in content:
        existing = load_study(folder)
        _check_same_study(folder, existing, study, sources)
        step_bias = existing["step_bias"]
    else:
        _check_no_other_files(folder, content, has_plan=repair or "plan.json" in content)
    plugins.keep(plugin_files, folder)
    save_points(folder, sources, points_file)
    for run in plan:
        # A damaged result is reported now and not after hours of work.
        read_result(folder, run)
    write_plan(folder, plan)
    description = describe(study, sources, plan, points, command, step_bias)
    write_json(folder / "study.json", description.as_dict())
    return plan


def data_sources(
    study: Study, points: Points | None, name: str
) -> tuple[list[DataSource], str | None]:
    """Return the sources of a study, and the name of the file for user data in its folder."""
    if points is None:
        return [SyntheticDataset(dataset) for dataset in study.datasets], None
    user_data = UserDataset(name, np.asarray(points.x, np.float64))
    return [user_data], f"points-{user_data.fingerprint[:16]}.npy"


def save_points(folder: Path, sources: Sequence[DataSource], points_file: str | None) -> None:
    """Write user data into the study's folder, once."""
    if points_file is None or (folder / points_file).exists():
        return
    for source in sources:
        if isinstance(source, UserDataset):
            array = io.BytesIO()
            np.save(array, source.points)
            write_listed(folder / points_file, array.getvalue())


def take_intact_folder(folder: Path, names: Iterable[str], *, repair: bool) -> set[str]:
    """Create the folder and return the names of other files in it, none of which is damaged.

    Args:
        folder: the folder of a study.
        names: the ids of its runs.
        repair: remove damaged files and say so, instead of raising an error.

    Raises:
        UserError: if the folder cannot be used, or a file is damaged.
    """
    content = take_folder(folder)
    if not repair:
        check_listed(folder)
        return content
    for note in remove_damaged(folder, names):
        print(f"note: {note}", file=sys.stderr)
    return take_folder(folder)


def take_folder(folder: Path) -> set[str]:
    """Create the folder and return the names of other files in it.

    Raises:
        UserError: if the folder cannot be used.
    """
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        refuse_links_out(folder)
        content = {path.name for path in folder.iterdir()}
    except OSError as error:
        reason = error.strerror or "it cannot be created"
        raise UserError(
            f"Output folder {folder} cannot be used: {reason}. Choose another one with --out."
        ) from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"Output folder {folder} is read-only. Choose another one with --out.")
    return content - {"runs", "figures", "datasets", "plugins", "parsl"}


def refuse_others(folder: Path, others: set[str], kind: str) -> None:
    """Raise UserError if a folder that holds no study (or tuning) holds other files."""
    if others:
        raise UserError(
            f"Output folder {folder} holds other files (such as {min(others)}) and no {kind}. "
            "Choose another one with --out."
        )


def _check_no_other_files(folder: Path, content: set[str], *, has_plan: bool) -> None:
    """Allow what an interrupted start leaves, and what a study generates if its plan exists."""
    prefixes = (".tmp-", "points-", "log-", SUMS)
    others = {name for name in content if not name.startswith(prefixes)}
    if has_plan:
        others -= _GENERATED
    refuse_others(folder, others, "study")


def _check_same_study(
    folder: Path, existing: dict[str, Any], study: Study, sources: Sequence[DataSource]
) -> None:
    fingerprints = existing.get("dataset_fingerprints", {})
    is_same_data = all(
        fingerprints.get(source.name, source.fingerprint) == source.fingerprint
        for source in sources
        if isinstance(source, UserDataset)
    )
    if existing.get("name") != study.name or not is_same_data:
        raise UserError(
            f"Output folder {folder} already contains the study '{existing.get('name')}'. "
            "Choose another one with --out."
        )
