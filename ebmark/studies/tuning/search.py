"""The search for one method's recipe on one dataset: its trials, one after another."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from scipy.stats import qmc
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.store.folder import making
from ebmark.studies.run import final_quality
from ebmark.studies.variants import merged
from ebmark.system.reading import SCHEMA, read_json
from ebmark.system.writing import make_folder, write_whole
from ebmark.training import recipes
from ebmark.training.search_spaces import Range, Space

_WORST = 1e300  # what the search is told of a recipe that diverges: any other is better
Point = dict[str, float]  # a field of the recipe -> its value


class Trial(TypedDict):
    """What was tried, and what came of it on each seed; None where it diverged."""

    point: dict[str, int | pydantic.FiniteFloat]
    changes: dict[str, pydantic.JsonValue]
    values: Annotated[list[pydantic.FiniteFloat | None], pydantic.Field(min_length=1)]


class Ended(TypedDict):
    """`result.json` of a search."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    trials: Annotated[list[Trial], pydantic.Field(min_length=1)]


_TRIALS, _ENDED = pydantic.TypeAdapter(list[Trial]), pydantic.TypeAdapter(Ended)


def run_search(folder: Path, name: str, spec: dict, progress: Callable[[str, float], None]) -> None:
    """Try recipes until the spec's number of trials is reached; `cells`/`name` appears whole.

    Trials are written down as they end. Each is a function of the seed and of the ones before it,
    so that a search that was killed goes on, and ends as if it had not been.
    """
    search, journal = spec["search"], folder / "runs" / f"{name}.trials.json"
    trials = _read(journal, _TRIALS, f"remove {journal}") or []
    while len(trials) < search["trials"]:
        point, values = propose(spec, trials), []
        changes = as_changes(point if trials else _given(point, spec))
        for seed in search["seeds"]:
            done = len(trials) + len(values) / len(search["seeds"])
            progress(f"trial {len(trials) + 1}", done / search["trials"])
            values.append(final_quality(folder, trial_spec(spec, changes, seed)))
        values = [_plain(value) for value in values]
        trials.append({"point": point, "changes": changes, "values": values})
        write_whole(journal, json.dumps(trials))
    made = making(folder, name)
    make_folder(made)
    result = {"schema": SCHEMA, "status": "done", "reason": "", "trials": trials}
    write_whole(made / "result.json", json.dumps(result, indent=1))
    os.replace(made, folder / "runs" / name)
    journal.unlink()


def trial_spec(spec: dict, changes: dict[str, Any], seed: int) -> dict:
    """The cell that a trial trains on a seed: as many updates as the budget buys its recipe."""
    recipe = recipes.with_changes(spec["method"], merged(spec["training"], changes))
    cost = recipe.method.network_evaluations(recipe.batch_size, spec["search"]["dim"])
    updates = max(1, round(spec["search"]["network_evaluations"] / cost))
    training = recipes.as_dict(recipe) | {"num_updates": updates}
    return spec | {"training": training, "seed": seed, "num_snapshots": 1}


def read_search(folder: Path, name: str) -> list[Trial] | None:
    """The trials of a search that has ended; None if it has not. Raises UserError if damaged."""
    place = folder / "runs" / name
    ended = _read(place / "result.json", _ENDED, f"remove the folder {place}", marked=True)
    return None if ended is None else ended["trials"]


def _read(path: Path, wanted: pydantic.TypeAdapter, mend: str, *, marked: bool = False):
    try:
        return read_json(path, wanted, f"{mend} and give the command again", marked=marked)
    except FileNotFoundError:
        return None


def score(trial: dict[str, Any]) -> float:
    """What a trial is worth: the median over its seeds, a diverged run the worst of values."""
    return float(np.median([math.inf if v is None else v for v in trial["values"]]))


def as_changes(point: Point) -> dict[str, Any]:
    """A point of the space as changes of a recipe."""
    own = {axis: value for axis, value in point.items() if "." not in axis}
    inside = {a.removeprefix("method."): value for a, value in point.items() if "." in a}
    return own | ({"method": inside} if inside else {})


def propose(spec: dict, trials: list[dict]) -> Point:
    """The next point: the default recipe, then a Latin hypercube for half of the trials, then TPE.

    Bergstra, Bardenet, Bengio & Kegl (2011), Algorithms for hyper-parameter optimization.
    """
    search, number = spec["search"], len(trials)
    space: Space = {
        axis: Range(*one["range"]) if "range" in one else tuple(one["values"])
        for axis, one in search["space"].items()
    }
    spread = max(2, search["trials"] // 2)  # the default and the hypercube
    if number == 0:
        return _start(space, spec)
    if number < spread:
        cube = qmc.LatinHypercube(len(space), rng=np.random.default_rng(search["seed"]))
        place = cube.random(spread - 1)[number - 1]
        return {a: _at(s, u) for (a, s), u in zip(space.items(), place, strict=True)}
    return _by_optuna(space, trials, [search["seed"], number])


def _start(space: Space, spec: dict) -> Point:
    """Where the default recipe stands; what it derives from the data, by the law's own scale."""
    scale = math.sqrt(10 * spec["langevin"]["step_size"])
    derived = {"method.step_size": spec["langevin"]["step_size"], "method.sigma": scale / 2}
    derived["method.width"] = scale
    point = {}
    for axis, values in space.items():
        value = _default(axis, spec)
        value = derived[axis] if value is None else value
        if isinstance(values, Range):
            point[axis] = min(max(value, values.low), values.high)
        else:
            point[axis] = min(values, key=lambda v: abs(math.log(v / value)))
    return point


def _given(point: Point, spec: dict) -> Point:
    """Without what the default recipe derives from the data: in the first trial it does so too."""
    return {axis: value for axis, value in point.items() if _default(axis, spec) is not None}


def _default(axis: str, spec: dict) -> float | None:
    inside, _, field = axis.rpartition(".")
    return (spec["training"][inside] if inside else spec["training"])[field]


def _at(values: Range | tuple[int, ...], share: float) -> float:
    if isinstance(values, Range):
        return float(f"{values.low * (values.high / values.low) ** share:.4g}")
    return values[int(share * len(values))]


def _by_optuna(space: Space, trials: list[dict], seed: list[int]) -> Point:
    """The tree-structured Parzen estimator's next point, given all trials so far."""
    try:
        import optuna
    except ImportError:
        raise UserError(
            "ebmark tune needs optuna, which is not installed: pip install 'ebmark[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {
        axis: optuna.distributions.FloatDistribution(values.low, values.high, log=True)
        if isinstance(values, Range)
        else optuna.distributions.IntDistribution(0, len(values) - 1)  # their order matters
        for axis, values in space.items()
    }
    number = int(np.random.default_rng(seed).integers(2**31))
    sampler = optuna.samplers.TPESampler(n_startup_trials=1, seed=number)
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        inside = {
            axis: value if isinstance(space[axis], Range) else space[axis].index(value)
            for axis, value in trial["point"].items()
        }
        value = min(score(trial), _WORST)
        study.add_trial(optuna.trial.create_trial(params=inside, distributions=kinds, value=value))
    asked = study.ask(kinds).params
    return {
        axis: float(f"{asked[axis]:.4g}") if isinstance(values, Range) else values[asked[axis]]
        for axis, values in space.items()
    }


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
