"""A study: the grid of its cells, each a spec whose hash is its name."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import pydantic

from ebmark.datasets import DATASETS
from ebmark.energies import Network
from ebmark.errors import UserError, shown, unknown
from ebmark.studies.variants import DATASET_ATTRIBUTES, SETTINGS, check_sweep
from ebmark.system.reading import read_toml
from ebmark.training import recipes

TUNING_SEEDS = 1_000_000  # seeds from here on are for tuning: no study reports them
MAX_RUNS = 2_000_000
Count = Annotated[int, pydantic.Field(ge=1, le=10**9)]
Title = Annotated[str, pydantic.Field(max_length=1_000)]
# the study's folder is called so: nothing that leads elsewhere, nothing hidden
Name = Annotated[str, pydantic.Field(pattern=r"\A[^/\x00-\x1f\x7f.][^/\x00-\x1f\x7f]{0,99}\z")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Datasets x methods x seeds, and how each cell is trained, sampled and scored."""

    name: Name = "toy"
    title: Title = "CD, DSM and NCE on two toy laws, and the oracle"
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons")
    methods: tuple[str, ...] = ("cd", "dsm", "nce", "mle")
    seeds: Annotated[int, pydantic.Field(ge=1, le=TUNING_SEEDS)] = 10
    variants: tuple[str, ...] = ("default",)  # or tuned, or a file of tuned recipes
    num_updates: Count | None = None  # updates, in place of each recipe's own
    network_evaluations: Count | None = None  # of the network: as many updates as these buy
    num_train: Annotated[int, pydantic.Field(ge=20, le=10**8)] = 10_000
    num_samples: Annotated[int, pydantic.Field(ge=10, le=10**6)] = 2_000  # chains, exact, test
    num_metric_samples: Annotated[int, pydantic.Field(ge=10, le=20_000)] = 2_000  # in W1 and W2
    langevin_steps: Annotated[int, pydantic.Field(ge=4, le=10**8)] = 2_000
    num_snapshots: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 8
    early_stopping: bool | None = None  # None: of trainings on a person's own points
    energy: Network = Network()
    recipes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    sweep: dict[str, tuple[float | int | str, ...]] = dataclasses.field(default_factory=dict)
    dataset_axis: str | None = None  # a number of the laws that they differ in: dim, separation
    plot_metrics: tuple[str, ...] = ()  # what is shown along the sweep; KL if none is named


_QUICK = {
    "num_samples": 500,
    "num_metric_samples": 500,
    "langevin_steps": 1_000,
    "num_snapshots": 2,
}
_MANY = 100  # cells a seed: a study of more is quick with one seed


def quick(study: Study) -> Study:
    """The study made small, for a first look: what `--quick` changes."""
    seeds = 1 if len(study.datasets) * len(study.methods) > _MANY else 2
    smaller = {name: min(getattr(study, name), number) for name, number in _QUICK.items()}
    steps = min(study.num_updates or 1_000, 1_000)
    less = {"seeds": min(study.seeds, seeds), "num_updates": steps, "network_evaluations": None}
    return dataclasses.replace(study, **less, **smaller)


def validated(study: Study) -> Study:
    """The study, checked: every name known, every number in its range."""
    for dataset in study.datasets:
        if dataset not in DATASETS:
            raise unknown("dataset", dataset, DATASETS)
    for method in (*study.methods, *study.recipes):
        if method not in recipes.RECIPES:
            raise unknown("method", method, recipes.RECIPES)
    for kind in ("datasets", "methods"):
        names = getattr(study, kind)
        if len(set(names)) != len(names):
            raise UserError(f"{kind}: a name stands twice in {', '.join(names)}")
    for method, changes in study.recipes.items():
        recipes.with_changes(method, changes)
    if study.num_updates is not None and study.network_evaluations is not None:
        raise UserError("steps and evaluations exclude each other: give one of them")
    check_sweep(study.sweep, study.methods)
    cells = math.prod([study.seeds, *map(len, (*study.sweep.values(), study.methods))])
    if (cells := cells * len(study.datasets) * len(study.variants)) > MAX_RUNS:
        raise UserError(f"{cells:,} cells are asked for, and at most {MAX_RUNS:,} make a study")
    for axis in (name for name in SETTINGS if name in study.sweep):
        for value in study.sweep[axis]:
            _adapt(dataclasses.asdict(study) | {axis: value, "sweep": {}}, "the study")
    if study.dataset_axis is not None:
        _check_across(study)
    for method in study.methods:
        recipes.check_installed(method)
    return _adapt(dataclasses.asdict(study), "the study")


def _check_across(study: Study) -> None:
    if study.dataset_axis not in DATASET_ATTRIBUTES:
        raise unknown("number of laws in across:", study.dataset_axis, DATASET_ATTRIBUTES)
    for dataset in study.datasets:
        if not hasattr(DATASETS[dataset], study.dataset_axis):
            raise UserError(f"across: {dataset} has no {study.dataset_axis}; leave it out")


def read_study(path: Path) -> Study:
    """A study from a TOML file with the fields of `Study`. Raises UserError, naming the key."""
    content = read_toml(path)
    content = {"name": path.stem, "title": path.stem} | content
    return validated(_adapt(content, str(path)))


def _adapt(content: dict[str, Any], where: str) -> Study:
    for table, kind in ((content, Study), (content.get("energy", {}), Network)):
        fields = [f.name for f in dataclasses.fields(kind)]
        for key in table if isinstance(table, dict) else ():
            if key not in fields:
                raise unknown(f"key in {where}:", key, fields)
    try:
        return pydantic.TypeAdapter(Study).validate_python(content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = shown(".".join(str(part) for part in first["loc"]), 80)
        plain = isinstance(first["input"], str | int | float | None)
        given = f", not {shown(repr(first['input']), 80)}" if plain else ""
        raise UserError(f"{where}: {key}: {shown(_plain(first['msg']), 120)}{given}") from None


def _plain(message: str) -> str:
    return message.replace("Input should be", "must be").replace("valid ", "")
