"""`ebmark tune`: for every method the same search, the same budget, on seeds no study reports."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import ebmark
from ebmark import plugins, tuned
from ebmark.driver import run_plan
from ebmark.engines import Engine
from ebmark.errors import UserError
from ebmark.files import atomic_path, refuse_links_out, write_whole
from ebmark.points import Points
from ebmark.provenance import device
from ebmark.search import read_search, score, trial_spec
from ebmark.sources import Law, Own, Source
from ebmark.spaces import Range, space_of
from ebmark.statistics import ROLES
from ebmark.study import TUNING_SEEDS, Study, cell_name, cell_spec, validated
from ebmark.summary import print_tuned
from ebmark.variants import Variant

_DEFAULT = Variant("default", {}, {}, {})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """What the search for each recipe may spend."""

    trials: int = 10
    seeds: int = 3  # of a trial
    evaluations: int = 6_000_000  # of the network, in each training
    seed: int = 0  # of the search itself


def tune(
    study: Study,
    effort: Effort,
    folder: Path,
    engine: Engine,
    command: str,
    points: Points | None = None,
    name: str = "",
    plugin_files: tuple[Path, ...] = (),
    plain: bool = False,
) -> int:
    """Search a recipe for each method on each dataset; leaves `tuned.json` in the folder."""
    for what, least in (("trials", 1), ("seeds", 1), ("evaluations", 1), ("seed", 0)):
        if getattr(effort, what) < least:
            raise UserError(f"--{what} must be at least {least}, not {getattr(effort, what)}")
    study = validated(study)
    if fixed := [method for method in study.methods if method in ROLES]:
        raise UserError(f"{fixed[0]} is the {ROLES[fixed[0]]}, which is not tuned; leave it out")
    sources: list[Source] = [Law(dataset) for dataset in study.datasets]
    points_file = None
    if points is not None:
        own = Own(name, np.asarray(points.x, np.float64))
        sources, points_file = [own], f"points-{own.fingerprint[:16]}.npy"
    plan = {
        cell_name(spec): spec
        for source in sources
        for method in study.methods
        for spec in [search_spec(study, source, method, effort, points_file)]
    }
    _take_folder(folder)
    plugins.keep(plugin_files, folder)
    if points_file is not None and not (folder / points_file).exists():
        with atomic_path(folder / points_file) as path, open(path, "wb") as file:
            np.save(file, sources[0].points)
    write_whole(folder / "plan.json", json.dumps(plan))
    write_whole(folder / "tuning.json", json.dumps({"command": command}))
    try:
        ended = run_plan(folder, plan, engine, plain=plain)
    finally:
        found = _found(folder, plan, command)
        tuned.write(folder / "tuned.json", found)
    print_tuned(found)
    print(f"\nThe recipes: {folder / 'tuned.json'}")
    print(f"To use them: ebmark run STUDY --variants default {folder / 'tuned.json'}")
    for cell, reason in ended.failed.items():
        what = f"{plan[cell]['method']} on {plan[cell]['dataset']}"
        print(f"ebmark: {what} failed: {reason} (see {folder / 'cells' / cell}.error)")
    return 1 if ended.failed else 0


def search_spec(
    study: Study, source: Source, method: str, effort: Effort, points_file: str | None = None
) -> dict:
    """A search as plain data: the cell of the default recipe, and what is tried on which seeds."""
    step_size = float(f"{source.local_scale() ** 2 / 10:.3g}")
    spec = cell_spec(study, source, method, _DEFAULT, TUNING_SEEDS, step_size, points_file)
    space = {
        axis: {"range": list(values)} if isinstance(values, Range) else {"values": list(values)}
        for axis, values in space_of(method).items()
    }
    search = dataclasses.asdict(effort) | {
        "seeds": [TUNING_SEEDS + i for i in range(effort.seeds)],
        "dim": source.dim,
        "space": space,
        "objective": "kl" if isinstance(source, Law) else "nll",
    }
    return spec | {"search": search}


def _found(folder: Path, plan: dict[str, dict], command: str) -> dict[str, dict[str, Any]]:
    """The best recipe of each search that ended, and all that made it."""
    tuned_recipes: dict[str, dict[str, Any]] = {}
    for name, spec in plan.items():
        trials = read_search(folder, name)
        if trials is None:
            continue
        first = min(trials, key=score)
        if not math.isfinite(score(first)):
            continue
        search = spec["search"]
        training = trial_spec(spec, first["changes"], search["seeds"][0])["training"]
        made = {
            "command": command,
            "ebmark": ebmark.__version__,
            "source": spec["source"],
            "versions": spec["versions"],
            "device": device(),
            "law": spec["law"],
            "num_train": spec["num_train"],
            "energy": spec["energy"],
            "search": search,
            "score": score(first),
            "score_of_default": score(trials[0]) if math.isfinite(score(trials[0])) else None,
            "diverged": sum(not math.isfinite(score(trial)) for trial in trials),
            "trials": trials,
        }
        changes = first["changes"] | {"updates": training["updates"]}
        found = {"changes": changes, "made": made}
        tuned_recipes.setdefault(spec["method"], {})[spec["dataset"]] = found
    return tuned_recipes


def _take_folder(folder: Path) -> None:
    """Make the folder ours. Raises UserError if it holds something else."""
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        refuse_links_out(folder)
        content = {path.name for path in folder.iterdir()} - {"cells"}
    except OSError as error:
        why = error.strerror or "it cannot be made"
        raise UserError(f"{folder}: cannot be used ({why}); choose another with --out") from None
    if content and "tuning.json" not in content:
        raise UserError(
            f"{folder}: holds other files (such as {min(content)}) and no tuning; "
            "choose another folder with --out"
        )
