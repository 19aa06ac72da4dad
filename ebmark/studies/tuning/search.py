"""The search for one method's recipe on one dataset: its trials, one after another."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from scipy.stats import qmc
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.store.folder import making
from ebmark.studies.run import evaluate_objective
from ebmark.studies.variants import merged
from ebmark.system.reading import read_json
from ebmark.system.writing import make_folder, write_json
from ebmark.training import recipes
from ebmark.training.search_spaces import Range, Space

_WORST = 1e300  # what the estimator is given for a recipe that diverges
Point = dict[str, float]  # a field of the recipe -> its value


class Trial(TypedDict):
    """A recipe that was tried, and its objective for each seed; None where it diverged."""

    point: dict[str, int | pydantic.FiniteFloat]
    changes: dict[str, pydantic.JsonValue]
    values: Annotated[list[pydantic.FiniteFloat | None], pydantic.Field(min_length=1)]


@pydantic.with_config(pydantic.ConfigDict(extra="allow"))
class SearchResult(TypedDict):
    """`result.json` of a search, or its trials so far."""

    trials: Annotated[list[Trial], pydantic.Field(min_length=1)]


_RESULT = pydantic.TypeAdapter(SearchResult)


def run_search(
    folder: Path, name: str, spec: dict[str, Any], progress: Callable[[str, float], None]
) -> None:
    """Try recipes until the spec's number of trials is reached, and write `runs/NAME` atomically.

    Trials are saved as they are completed. Each is a function of the seed and of the trials before
    it, so that an interrupted search resumes and gives the same result as an uninterrupted one.

    Args:
        folder: the tuning's folder.
        name: the search's id, `run_id(spec)`.
        spec: the search, as plain data.
        progress: called with the trial's name and the fraction of the search done.
    """
    search = spec["search"]
    journal = folder / "runs" / f"{name}.trials.json"
    trials = _read(journal) or []
    while len(trials) < search["trials"]:
        trials.append(_run_trial(folder, spec, trials, progress))
        write_json(journal, {"trials": trials}, indent=None)
    temporary = making(folder, name)
    make_folder(temporary)
    result = {"status": "done", "reason": "", "trials": trials}
    write_json(temporary / "result.json", result)
    os.replace(temporary, folder / "runs" / name)
    journal.unlink()


def _run_trial(
    folder: Path,
    spec: dict[str, Any],
    trials: Sequence[Trial],
    progress: Callable[[str, float], None],
) -> Trial:
    """Run the next trial on every seed of the search."""
    search = spec["search"]
    point = propose(spec, trials)
    # The first trial is the default recipe, which derives some values from the data itself.
    changes = as_changes(point if trials else _without_derived(point, spec))
    values: list[float | None] = []
    for seed in search["seeds"]:
        num_done = len(trials) + len(values) / len(search["seeds"])
        progress(f"trial {len(trials) + 1}", num_done / search["trials"])
        value = evaluate_objective(folder, trial_spec(spec, changes, seed))
        values.append(float(value) if math.isfinite(value) else None)
    return {"point": point, "changes": changes, "values": values}


def trial_spec(spec: dict[str, Any], changes: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the run of a trial on a seed, with as many updates as the budget allows."""
    search = spec["search"]
    recipe = recipes.with_changes(spec["method"], merged(spec["training"], changes))
    per_update = recipe.method.network_evaluations(recipe.batch_size, search["dim"])
    num_updates = max(1, round(search["network_evaluations"] / per_update))
    training = recipes.as_dict(recipe) | {"num_updates": num_updates}
    return spec | {"training": training, "seed": seed, "num_snapshots": 1}


def read_search(folder: Path, name: str) -> list[Trial] | None:
    """Return the trials of a completed search; None if it is not completed.

    Raises:
        UserError: if its file is damaged.
    """
    return _read(folder / "runs" / name / "result.json")


def _read(path: Path) -> list[Trial] | None:
    try:
        return read_json(path, _RESULT)["trials"]
    except FileNotFoundError:
        return None


def score(trial: Mapping[str, Any]) -> float:
    """Return the median objective of a trial over its seeds, in nats.

    A diverged run counts as infinite.

    Example:
        >>> score({"values": [0.3, 0.1, None]})
        0.3
    """
    values = [math.inf if value is None else value for value in trial["values"]]
    return float(np.median(values))


def as_changes(point: Point) -> dict[str, Any]:
    """Return a point of the search space as changes of a recipe.

    Example:
        >>> as_changes({"batch_size": 64, "method.sigma": 0.1})
        {'batch_size': 64, 'method': {'sigma': 0.1}}
    """
    changes: dict[str, Any] = {axis: value for axis, value in point.items() if "." not in axis}
    hyperparameters = {
        axis.removeprefix("method."): value for axis, value in point.items() if "." in axis
    }
    if hyperparameters:
        changes["method"] = hyperparameters
    return changes


def propose(spec: dict[str, Any], trials: Sequence[Mapping[str, Any]]) -> Point:
    """Propose the next point of a search.

    The first is the default recipe, then come a Latin hypercube for half of the trials and the
    tree-structured Parzen estimator (TPE).

    Args:
        spec: the search, as plain data.
        trials: all earlier trials.

    References:
        Bergstra, Bardenet, Bengio & Kegl (2011), Algorithms for hyper-parameter optimization.
    """
    search = spec["search"]
    number = len(trials)
    space: Space = {
        axis: Range(*values["range"]) if "range" in values else tuple(values["values"])
        for axis, values in search["space"].items()
    }
    num_initial = max(2, search["trials"] // 2)  # the default recipe and the hypercube
    if number == 0:
        return _default_point(space, spec)
    if number < num_initial:
        cube = qmc.LatinHypercube(len(space), rng=np.random.default_rng(search["seed"]))
        fractions = cube.random(num_initial - 1)[number - 1]
        pairs = zip(space.items(), fractions, strict=True)
        return {axis: _value_at(values, fraction) for (axis, values), fraction in pairs}
    return _propose_by_tpe(space, trials, [search["seed"], number])


def _default_point(space: Space, spec: dict[str, Any]) -> Point:
    """Return the point of the default recipe.

    A value that the recipe derives from the data is derived from the dataset's local scale, as the
    training of the recipe does. An axis whose value is not in the space is left out, so that the
    estimator is told only what was trained.
    """
    point: Point = {}
    for axis, values in space.items():
        default = _default_of(axis, spec)
        value = _derived(axis, spec) if default is None else default
        is_range = isinstance(values, Range)
        if value is not None and (
            values.low <= value <= values.high if is_range else value in values
        ):
            point[axis] = value
    return point


def _derived(axis: str, spec: dict[str, Any]) -> float | None:
    """Return what the recipe derives from the local scale s; None if it is not a single value.

    h = s^2 / 10 is the Langevin step size.
    """
    step_size = spec["langevin"]["step_size"]
    if axis == "method.step_size":
        return step_size
    if axis == "method.sigma":
        return math.sqrt(10 * step_size) * spec["training"]["method"]["relative_scale"]
    return None


def _without_derived(point: Point, spec: dict[str, Any]) -> Point:
    """Return the point without the values that the default recipe derives from the data."""
    return {axis: value for axis, value in point.items() if _default_of(axis, spec) is not None}


def _default_of(axis: str, spec: dict[str, Any]) -> float | None:
    table, _, field = axis.rpartition(".")
    training = spec["training"]
    return training[table][field] if table else training[field]


def _value_at(values: Range | tuple[int, ...], fraction: float) -> float:
    """Return the value at a fraction of a range, or of a list of choices."""
    if isinstance(values, Range):
        if not values.log:
            return float(f"{values.low + (values.high - values.low) * fraction:.4g}")
        return float(f"{values.low * (values.high / values.low) ** fraction:.4g}")
    return values[int(fraction * len(values))]


def _propose_by_tpe(
    space: Space, trials: Sequence[Mapping[str, Any]], seed: Sequence[int]
) -> Point:
    """Return the proposal of the tree-structured Parzen estimator, given all trials so far."""
    try:
        import optuna
    except ImportError:
        raise UserError(
            "`ebmark tune` needs the package optuna, which is not installed. "
            "Install it by pip install '.[tune]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for axis, values in space.items():
        if isinstance(values, Range):
            low, high, log = values
            distributions[axis] = optuna.distributions.FloatDistribution(low, high, log=log)
        else:
            # Choices are searched by their index, because they are ordered.
            last = len(values) - 1
            distributions[axis] = optuna.distributions.IntDistribution(0, last)
    sampler_seed = int(np.random.default_rng(seed).integers(2**31))
    sampler = optuna.samplers.TPESampler(n_startup_trials=1, seed=sampler_seed)
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        params = {axis: _encode(space[axis], value) for axis, value in trial["point"].items()}
        known = {axis: distributions[axis] for axis in params}
        value = min(score(trial), _WORST)
        past = optuna.trial.create_trial(params=params, distributions=known, value=value)
        study.add_trial(past)
    proposal = study.ask(distributions).params
    return {axis: _decode(values, proposal[axis]) for axis, values in space.items()}


def _encode(values: Range | tuple[int, ...], value: float) -> float:
    return value if isinstance(values, Range) else values.index(int(value))


def _decode(values: Range | tuple[int, ...], value: float) -> float:
    return float(f"{value:.4g}") if isinstance(values, Range) else values[int(value)]
