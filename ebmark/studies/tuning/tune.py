"""`ebmark tune`: the same search and budget for every method, on seeds that no study reports."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
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
from ebmark.studies.prepare import data_sources, refuse_others, save_points, take_intact_folder
from ebmark.studies.spec import run_id, run_spec
from ebmark.studies.study import TUNING_SEEDS, Study, validated
from ebmark.studies.tuning.search import Trial, read_search, score, trial_spec
from ebmark.studies.variants import Variant
from ebmark.system.writing import write_json
from ebmark.training import tuned
from ebmark.training.search_spaces import Range, space_of

_DEFAULT = Variant("default", {}, {}, {})

_Plan = dict[str, dict[str, Any]]  # id of a search -> its spec
_Recipes = dict[str, dict[str, Any]]  # method -> dataset -> tuned recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """The budget of the search for each recipe.

    Attributes:
        trials: recipes tried.
        seeds: runs per trial.
        network_evaluations: forward passes of one point, in each run.
        seed: of the search itself.
    """

    trials: int = 10
    seeds: int = 3
    network_evaluations: int = 6_000_000
    seed: int = 0

    def __post_init__(self):
        for name, minimum in (("trials", 1), ("seeds", 1), ("network_evaluations", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < minimum:
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} must be at least {minimum}, not {value}.")


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
    repair: bool = False,
) -> tuple[_Recipes, dict[str, str], int]:
    """Search a recipe for each method on each dataset, and write `tuned.json` into the folder.

    Args:
        study: the methods and datasets.
        effort: the budget of each search.
        folder: where; it is created, or holds the same tuning.
        engine: where searches are executed.
        command: the command line, as a record.
        points: user data, which replace the study's datasets; None for built-in ones.
        name: what the user data are called.
        plugin_files: Python files that the workers will load.
        plain: print lines instead of a progress bar.
        repair: remove damaged files first, so that they are created again.

    Returns:
        The tuned recipes, method -> dataset -> recipe, why each failed search failed, and the
        number of searches that were stopped before they were done.

    Raises:
        UserError: if the study is invalid, a method is not tuned, or the folder cannot be used.
    """
    study = validated(study)
    for method in study.methods:
        if method in ROLES:
            raise UserError(f"'{method}' ({ROLES[method]}) is not tuned. Leave it out.")
    sources, points_file = data_sources(study, points, name)
    plan = _plan(study, sources, effort, points_file)
    content = take_intact_folder(folder, plan, repair=repair)
    if "tuning.json" not in content and not repair:
        refuse_others(folder, content, "tuning")
    write_json(folder / "tuning.json", {"command": command})
    for search in plan:
        # a damaged result is reported now and not after hours of work
        read_search(folder, search)
    plugins.keep(plugin_files, folder)
    save_points(folder, sources, points_file)
    write_plan(folder, plan)
    recipes: _Recipes = {}
    try:
        outcome = run_plan(folder, plan, engine, plain=plain)
    finally:
        recipes = _collect_recipes(folder, plan, command)
        tuned.write(folder / "tuned.json", recipes)
    failed = {}
    for search, reason in outcome.failed.items():
        title = f"{plan[search]['method']} on {plan[search]['dataset']}"
        failed[title] = f"{reason} (see {folder / 'runs' / search}.error)"
    num_left = outcome.planned - outcome.done - len(outcome.failed)
    return recipes, failed, num_left


def _plan(
    study: Study, sources: Sequence[DataSource], effort: Effort, points_file: str | None
) -> _Plan:
    specs = [
        search_spec(study, source, method, effort, points_file)
        for source in sources
        for method in study.methods
    ]
    return {run_id(spec): spec for spec in specs}


def search_spec(
    study: Study, source: DataSource, method: str, effort: Effort, points_file: str | None = None
) -> dict[str, Any]:
    """Return a search as plain data: the run of the default recipe, and what is searched.

    Args:
        study: the study, validated.
        source: where its data come from.
        method: the method that is tuned.
        effort: the budget of the search.
        points_file: the file of user data in the folder; None for built-in datasets.
    """
    spec = run_spec(study, source, method, _DEFAULT, TUNING_SEEDS, points_file)
    space = {axis: _as_json(values) for axis, values in space_of(method).items()}
    search = dataclasses.asdict(effort)
    search["seeds"] = [TUNING_SEEDS + i for i in range(effort.seeds)]
    search["dim"] = source.dim
    search["space"] = space
    search["objective"] = "kl" if isinstance(source, SyntheticDataset) else "nll"
    return spec | {"search": search}


def describe_space(method: str) -> str:
    """Return what the search of a method varies, as `field LOW to HIGH, field A, B, C`."""
    parts = []
    for axis, values in space_of(method).items():
        is_range = isinstance(values, Range)
        ends = f"{values.low:g} to {values.high:g}" if is_range else "/".join(map(str, values))
        parts.append(f"{axis.removeprefix('method.')} {ends}")
    return ", ".join(parts)


def _as_json(values: Range | tuple[int, ...]) -> dict[str, list[float]]:
    if isinstance(values, Range):
        return {"range": list(values[:2]) if values.log else list(values)}
    return {"values": list(values)}


def _collect_recipes(folder: Path, plan: _Plan, command: str) -> _Recipes:
    """Return the best recipe of each completed search, and how it was found."""
    recipes: _Recipes = {}
    for name, spec in plan.items():
        trials = read_search(folder, name)
        if trials is None:
            continue
        best = min(trials, key=score)
        if not math.isfinite(score(best)):
            continue
        training = trial_spec(spec, best["changes"], spec["search"]["seeds"][0])["training"]
        changes = best["changes"] | {"num_updates": training["num_updates"]}
        recipe = {"changes": changes, "made": _record(spec, trials, best, command)}
        recipes.setdefault(spec["method"], {})[spec["dataset"]] = recipe
    return recipes


def _record(
    spec: Mapping[str, Any], trials: Sequence[Trial], best: Trial, command: str
) -> dict[str, Any]:
    """Return how a recipe was found: by what code, from what data, out of which trials."""
    default_score = score(trials[0])
    return {
        "command": command,
        "ebmark": ebmark.__version__,
        "code_hash": spec["code_hash"],
        "versions": spec["versions"],
        "device": device(),
        "dataset_fingerprint": spec["dataset_fingerprint"],
        "num_train": spec["num_train"],
        "energy": spec["energy"],
        "search": spec["search"],
        "score": score(best),
        "score_of_default": default_score if math.isfinite(default_score) else None,
        "diverged": sum(not math.isfinite(score(trial)) for trial in trials),
        "trials": trials,
    }
