"""A study: the grid of datasets, configurations and seeds, and how each run is made."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import pydantic

from ebmark.datasets import DATASETS
from ebmark.energies import Network
from ebmark.errors import UserError, shown, unknown
from ebmark.store.metric_info import METRICS, stem
from ebmark.studies.variants import DATASET_ATTRIBUTES, SETTINGS, check_names, check_sweep
from ebmark.system.reading import read_toml
from ebmark.training import recipes

TUNING_SEEDS = 1_000_000  # seeds from here on are for tuning: no study reports them
MAX_RUNS = 2_000_000
Count = Annotated[int, pydantic.Field(ge=1, le=10**9)]
Title = Annotated[str, pydantic.Field(max_length=1_000)]
# The name of the study's folder: no path to elsewhere, and not hidden.
Name = Annotated[str, pydantic.Field(pattern=r"\A[^/\x00-\x1f\x7f.][^/\x00-\x1f\x7f]{0,99}\z")]
# the values of a swept setting
Axis = tuple[pydantic.StrictBool | float | int | str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Datasets x configurations x seeds, and how each run is trained, sampled and evaluated.

    Attributes:
        name: of the study and of its folder.
        title: the heading of its report.
        question: what it asks; its report begins with the answer.
        deciding_metric: the metric that answers the question.
        datasets: built-in datasets.
        methods: the methods compared.
        seeds: runs per configuration and dataset; paired between configurations.
        seeds_per_program: seeds that are trained side by side in one program, as a GPU needs it.
        variants: the recipes of each method: `default`, `tuned`, or a file of tuned recipes.
        num_updates: optimizer steps of every method, in place of its recipe's.
        network_evaluations: forward passes of one point that each training may use, in place of
            `num_updates`.
        num_train: training points.
        num_samples: chains, exact samples and test points.
        num_metric_samples: samples that each sample metric compares.
        langevin_steps: steps of the Langevin chains.
        num_snapshots: states of a training that are evaluated.
        early_stopping: whether held-out points choose the snapshot; None: for user data only.
        energy: the network that all methods train.
        recipes: changes of recipes, by method.
        sweep: values of swept settings, by name: a grid.
        dataset_axis: an attribute in which the datasets differ, such as `dim` or `separation`.
        plot_metrics: metrics that are drawn along the sweep; KL if there are none.
    """

    name: Name = "toy"
    title: Title = "CD, DSM, NCE and exact maximum likelihood on two 2-D datasets"
    question: Title = ""
    deciding_metric: str = "kl"
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons")
    methods: tuple[str, ...] = ("cd", "dsm", "nce", "mle")
    seeds: Annotated[int, pydantic.Field(ge=1, le=TUNING_SEEDS)] = 10
    seeds_per_program: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 1
    variants: tuple[str, ...] = ("default",)
    num_updates: Count | None = None
    network_evaluations: Count | None = None
    num_train: Annotated[int, pydantic.Field(ge=20, le=10**8)] = 10_000
    num_samples: Annotated[int, pydantic.Field(ge=10, le=10**6)] = 2_000
    num_metric_samples: Annotated[int, pydantic.Field(ge=10, le=20_000)] = 2_000
    langevin_steps: Annotated[int, pydantic.Field(ge=4, le=10**8)] = 2_000
    num_snapshots: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 8
    early_stopping: bool | None = None
    energy: Network = Network()
    recipes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    sweep: dict[str, Axis] = dataclasses.field(default_factory=dict)
    dataset_axis: str | None = None
    plot_metrics: tuple[str, ...] = ()


_QUICK = {
    "num_train": 10_000,
    "num_samples": 500,
    "num_metric_samples": 500,
    "langevin_steps": 1_000,
    "num_snapshots": 2,
}
_QUICK_UPDATES = 1_000
_QUICK_BUDGET = 20  # what a swept budget is divided by
_MAX_QUICK_PAIRS = 100  # datasets x methods; above it a quick study has one seed


def quick(study: Study) -> Study:
    """Return the study made small for a quick run, as `--quick` does.

    Where all datasets have d > 2, log Z takes most of the time: one seed, the first dataset and
    half as many updates.
    """
    dims = [DATASETS[name].dim for name in study.datasets if name in DATASETS]
    if study.dataset_axis is None and min(dims, default=0) > 2:
        num_updates = min(study.num_updates or _QUICK_UPDATES, _QUICK_UPDATES // 2)
        first = study.datasets[:1]
        study = dataclasses.replace(study, seeds=1, datasets=first, num_updates=num_updates)
    num_pairs = len(study.datasets) * len(study.methods)
    seeds = min(study.seeds, 1 if num_pairs > _MAX_QUICK_PAIRS else 2)
    num_updates: int | None = min(study.num_updates or _QUICK_UPDATES, _QUICK_UPDATES)
    sweep = study.sweep
    if "network_evaluations" in sweep:
        budgets = (max(1, int(number) // _QUICK_BUDGET) for number in sweep["network_evaluations"])
        num_updates, sweep = None, sweep | {"network_evaluations": tuple(dict.fromkeys(budgets))}
    smaller = {name: min(getattr(study, name), number) for name, number in _QUICK.items()}
    return dataclasses.replace(
        study,
        seeds=seeds,
        seeds_per_program=min(study.seeds_per_program, seeds),
        num_updates=num_updates,
        network_evaluations=None,
        sweep=sweep,
        **smaller,
    )


def validated(study: Study) -> Study:
    """Return the study with every name and number checked.

    Raises:
        UserError: for an unknown name, a number out of its range, or options that exclude each
            other.
    """
    study = _parse(dataclasses.asdict(study), "the study")
    _check_names(study)
    for method, changes in study.recipes.items():
        recipes.with_changes(method, changes)
    has_budget = study.network_evaluations is not None or "network_evaluations" in study.sweep
    if study.num_updates is not None and has_budget:
        raise UserError(
            "'num_updates' and 'network_evaluations' are mutually exclusive; set only one."
        )
    check_names(study.variants)
    _check_seeds_per_program(study)
    if stem(study.deciding_metric) not in METRICS:
        raise unknown("deciding_metric", study.deciding_metric, METRICS)
    check_sweep(study.sweep, study.methods)
    _check_size(study)
    for axis in (name for name in SETTINGS if name in study.sweep):
        for value in study.sweep[axis]:
            _parse(dataclasses.asdict(study) | {axis: value, "sweep": {}}, "the study")
    if study.dataset_axis is not None:
        _check_dataset_axis(study.dataset_axis, study.datasets)
    for method in study.methods:
        recipes.check_installed(method)
    return study


def _check_names(study: Study) -> None:
    for dataset in study.datasets:
        if dataset not in DATASETS:
            raise unknown("dataset", dataset, DATASETS)
    for method in (*study.methods, *study.recipes):
        if method not in recipes.RECIPES:
            raise unknown("method", method, recipes.RECIPES)
    for kind in ("dataset", "method"):
        names = getattr(study, f"{kind}s")
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{kind}s: duplicate name '{name}'. List each {kind} once.")


def _check_seeds_per_program(study: Study) -> None:
    number = study.seeds_per_program
    if study.seeds % number:
        raise UserError(
            f"seeds_per_program: {study.seeds} seeds are not a multiple of {number}. "
            f"Set seeds to {study.seeds + number - study.seeds % number}."
        )
    if number > 1 and study.early_stopping:
        raise UserError(
            f"seeds_per_program: {number} seeds cannot be trained side by side with early "
            "stopping, which ends each by itself. Set early_stopping = false."
        )


def _check_size(study: Study) -> None:
    axes = (study.datasets, study.methods, study.variants, *study.sweep.values())
    num_runs = study.seeds * math.prod(map(len, axes))
    if num_runs > MAX_RUNS:
        raise UserError(
            f"The study has {num_runs:,} runs, more than the maximum of {MAX_RUNS:,}. "
            "Reduce its seeds or its sweep."
        )


def _check_dataset_axis(axis: str, datasets: tuple[str, ...]) -> None:
    if axis not in DATASET_ATTRIBUTES:
        raise unknown("dataset_axis", axis, DATASET_ATTRIBUTES)
    for dataset in datasets:
        if not hasattr(DATASETS[dataset], axis):
            raise UserError(
                f"dataset_axis: '{dataset}' has no attribute '{axis}'. Leave this dataset out."
            )


def read_study(path: Path) -> Study:
    """Read a study from a TOML file with the fields of `Study`.

    Raises:
        UserError: if the file is not a valid study; the message names the key.
    """
    content = read_toml(path)
    content = {"name": path.stem, "title": path.stem} | content
    # the command line decides whether they are executed
    content.pop("plugins", None)
    return validated(_parse(content, str(path)))


def _parse(content: dict[str, Any], source: str) -> Study:
    """Check the types and ranges of a study's fields; `source` begins the error messages."""
    _check_keys(content, Study, source)
    energy = content.get("energy")
    if isinstance(energy, dict):
        _check_keys(energy, Network, source)
    try:
        return pydantic.TypeAdapter(Study).validate_python(content)
    except pydantic.ValidationError as error:
        raise UserError(f"{source}: {_describe(error)}.") from None


def _check_keys(content: dict[str, Any], kind: type[Study] | type[Network], source: str) -> None:
    fields = [field.name for field in dataclasses.fields(kind)]
    for key in content:
        if key not in fields:
            raise unknown(f"key in {source}:", key, fields)


def _describe(error: pydantic.ValidationError) -> str:
    """Return the first of pydantic's complaints as `key: must be ..., not VALUE`."""
    first = error.errors()[0]
    key = shown(".".join(str(part) for part in first["loc"]), 80)
    message = first["msg"].replace("Input should be", "must be").replace("valid ", "")
    text = f"{key}: {shown(message, 120)}"
    if isinstance(first["input"], str | int | float | None):
        text += f", not {shown(repr(first['input']), 80)}"
    return text
