"""`ebmark tune`: for every method the same search, the same budget, on seeds no study reports."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import ebmark
from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.datasets.tables import Points
from ebmark.engines import Engine
from ebmark.errors import UserError
from ebmark.statistics import ROLES
from ebmark.store.provenance import device
from ebmark.store.schema import write_plan
from ebmark.studies import plugins
from ebmark.studies.driver import run_plan
from ebmark.studies.prepare import data_sources, refuse_others, save_points, take_folder
from ebmark.studies.spec import run_id, run_spec
from ebmark.studies.study import TUNING_SEEDS, Study, validated
from ebmark.studies.tuning.search import read_search, score, trial_spec
from ebmark.studies.variants import Variant
from ebmark.system.reading import SCHEMA
from ebmark.system.writing import write_whole
from ebmark.training import tuned
from ebmark.training.search_spaces import Range, space_of

_DEFAULT = Variant("default", {}, {}, {})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """What the search for each recipe may spend."""

    trials: int = 10
    seeds: int = 3  # of a trial
    network_evaluations: int = 6_000_000  # of the network, in each training
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
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Search a recipe for each method on each dataset; leaves `tuned.json` in the folder.

    Returns:
        The recipes found, and why each search that failed did.
    """
    for what, least in (("trials", 1), ("seeds", 1), ("network_evaluations", 1), ("seed", 0)):
        if getattr(effort, what) < least:
            raise UserError(f"--{what} must be at least {least}, not {getattr(effort, what)}")
    study = validated(study)
    if fixed := [method for method in study.methods if method in ROLES]:
        raise UserError(f"{fixed[0]} is the {ROLES[fixed[0]]}, which is not tuned; leave it out")
    sources, points_file = data_sources(study, points, name)
    plan = {
        run_id(spec): spec
        for source in sources
        for method in study.methods
        for spec in [search_spec(study, source, method, effort, points_file)]
    }
    content = take_folder(folder)
    if "tuning.json" not in content:
        refuse_others(folder, content, "tuning")
    plugins.keep(plugin_files, folder)
    save_points(folder, sources, points_file)
    write_plan(folder, plan)
    write_whole(folder / "tuning.json", json.dumps({"schema": SCHEMA, "command": command}))
    try:
        ended = run_plan(folder, plan, engine, plain=plain)
    finally:
        found = _found(folder, plan, command)
        tuned.write(folder / "tuned.json", found)
    failed = {}
    for cell, reason in ended.failed.items():
        what = f"{plan[cell]['method']} on {plan[cell]['dataset']}"
        failed[what] = f"{reason} (see {folder / 'runs' / cell}.error)"
    return found, failed


def search_spec(
    study: Study, source: DataSource, method: str, effort: Effort, points_file: str | None = None
) -> dict:
    """A search as plain data: the cell of the default recipe, and what is tried on which seeds."""
    step_size = float(f"{source.local_scale() ** 2 / 10:.3g}")
    spec = run_spec(study, source, method, _DEFAULT, TUNING_SEEDS, step_size, points_file)
    space = {
        axis: {"range": list(values)} if isinstance(values, Range) else {"values": list(values)}
        for axis, values in space_of(method).items()
    }
    search = dataclasses.asdict(effort) | {
        "seeds": [TUNING_SEEDS + i for i in range(effort.seeds)],
        "dim": source.dim,
        "space": space,
        "objective": "kl" if isinstance(source, SyntheticDataset) else "nll",
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
            "code_hash": spec["code_hash"],
            "versions": spec["versions"],
            "device": device(),
            "dataset_fingerprint": spec["dataset_fingerprint"],
            "num_train": spec["num_train"],
            "energy": spec["energy"],
            "search": search,
            "score": score(first),
            "score_of_default": score(trials[0]) if math.isfinite(score(trials[0])) else None,
            "diverged": sum(not math.isfinite(score(trial)) for trial in trials),
            "trials": trials,
        }
        changes = first["changes"] | {"num_updates": training["num_updates"]}
        found = {"changes": changes, "made": made}
        tuned_recipes.setdefault(spec["method"], {})[spec["dataset"]] = found
    return tuned_recipes
