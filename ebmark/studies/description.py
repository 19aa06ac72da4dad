"""`study.json`: everything that a report states about a study besides its numbers."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import ebmark
from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.datasets.tables import Points
from ebmark.methods import about
from ebmark.store import table
from ebmark.store.provenance import code_hash, device, versions
from ebmark.store.units import ROBUST_UNITS
from ebmark.studies.spec import axes
from ebmark.studies.study import Study
from ebmark.system.checksums import SCHEMA
from ebmark.training.recipes import RECIPES

Plan = Mapping[str, Mapping[str, Any]]  # run id -> spec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """The content of `study.json`; `ebmark.store.schema.Study` is what its readers accept."""

    schema: int = SCHEMA
    name: str
    title: str
    question: str
    deciding_metric: str
    datasets: list[str]
    dataset_fingerprints: dict[str, str]
    methods: list[str]
    seeds: int
    command: str
    ebmark: str
    code_hash: str
    versions: dict[str, str]
    device: str
    started: str
    settings: dict[str, int]
    energy: str
    recipes: dict[str, Mapping[str, Any]]  # configuration -> recipe
    axes: list[str]
    plot_metrics: list[str]
    method_info: dict[str, dict[str, str]]
    dataset_info: dict[str, dict[str, Any]]
    null_ranges: dict[str, Any]  # measured when the runs are completed
    step_bias: dict[str, Any]  # likewise
    columns: dict[str, Any]  # likewise
    runs: dict[str, dict[str, Any]]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the description as plain data, in the order of its fields."""
        return dataclasses.asdict(self)


def describe(
    study: Study,
    sources: Sequence[DataSource],
    plan: Plan,
    points: Points | None,
    command: str,
    step_bias: dict[str, Any],
) -> Description:
    """Describe a study.

    Args:
        study: the study, validated.
        sources: where its data come from.
        plan: run id -> spec.
        points: user data, whose notes are kept; None for built-in datasets.
        command: the command line that runs the study.
        step_bias: step-size biases that were measured before.
    """
    methods = {spec["method"] for spec in plan.values()}
    notes = list(points.notes) if points is not None else []
    return Description(
        name=study.name,
        title=study.title,
        question=study.question,
        deciding_metric=study.deciding_metric,
        datasets=[source.name for source in sources],
        dataset_fingerprints={source.name: source.fingerprint for source in sources},
        methods=[method for method in study.methods if method in methods],
        seeds=study.seeds,
        command=command,
        ebmark=ebmark.__version__,
        code_hash=code_hash(),
        versions=versions(),
        device=device(),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        settings=_settings(study),
        energy="; ".join(
            dict.fromkeys(_describe_energy(study.energy.resolve(s.dim)) for s in sources)
        ),
        recipes=_recipes(plan),
        axes=axes(study),
        plot_metrics=list(study.plot_metrics),
        method_info=_method_info(plan),
        dataset_info={source.name: _dataset_info(source, plan, points) for source in sources},
        null_ranges={},
        step_bias=step_bias,
        columns={},
        runs={name: _run_info(spec) for name, spec in plan.items()},
        notes=notes + _early_stopping_notes(plan),
    )


def _settings(study: Study) -> dict[str, int]:
    return {
        "num_train": study.num_train,
        "num_samples": study.num_samples,
        "chains": study.num_samples,
        "num_metric_samples": min(study.num_metric_samples, study.num_samples),
        "langevin_steps": study.langevin_steps,
        "num_snapshots": study.num_snapshots,
    }


def _describe_energy(network: dict[str, Any]) -> str:
    """Describe a resolved network in one line.

    Example:
        >>> from ebmark.energies import Network
        >>> _describe_energy(Network(num_features=0, wall_width=0.0).resolve(2))
        'MLP on the coordinates, 2 hidden layers of 64 units, SiLU, confined by a Gaussian of standard deviation 1'
    """  # noqa: E501
    if "own" in network:
        text = f"own network {network['own']}, confined by a Gaussian of standard deviation "
        return (
            text + f"{network['confinement_std']:g}, soft walls of width {network['wall_width']:g}"
        )
    inputs = "the coordinates"
    if network["num_features"]:
        inputs = f"{network['num_features']} random Fourier features"
        inputs += f" (bandwidth {network['bandwidth']:g})"
    text = (
        f"MLP on {inputs}, {network['depth']} hidden layers of {network['width']} units, SiLU, "
        f"confined by a Gaussian of standard deviation {network['confinement_std']:g}"
    )
    if network.get("residual"):
        text = text.replace("confined by", "of the residual |x - f(x)|^2 and a scalar, from")
    if network["wall_width"]:
        text += f", with soft walls of width {network['wall_width']:g} outside the hull of the "
        text += "training points"
    return text


def _recipes(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Return the recipe of each configuration, one per dataset where they differ."""
    by_dataset: dict[str, dict[str, Mapping[str, Any]]] = {}
    for spec in plan.values():
        configuration = table.entry(spec["method"], spec["recipe"])
        recipes = by_dataset.setdefault(configuration, {})
        recipes.setdefault(spec["dataset"], spec["training"])
    named: dict[str, Mapping[str, Any]] = {}
    for configuration, recipes in by_dataset.items():
        first = next(iter(recipes.values()))
        if all(recipe == first for recipe in recipes.values()):
            named[configuration] = first
        else:
            named |= {f"{configuration}, {name}": recipe for name, recipe in recipes.items()}
    return named


def _method_info(plan: Plan) -> dict[str, dict[str, str]]:
    methods = dict.fromkeys(spec["method"] for spec in plan.values())
    return {method: about(type(RECIPES[method].method)) for method in methods}


def _dataset_info(source: DataSource, plan: Plan, points: Points | None) -> dict[str, Any]:
    spec = next(spec for spec in plan.values() if spec["dataset"] == source.name)
    info = {
        "title": "",
        "dim": source.dim,
        "entropy": None,
        "langevin_step": spec["langevin"]["step_size"],
        "family": source.name,
    }
    if isinstance(source, SyntheticDataset):
        info["title"] = source.dataset.description
        info["entropy"] = source.dataset.entropy
        info["family"] = type(source.dataset).__name__
    else:
        info["title"] = f"user data, {len(source.points)} rows"
        info["unit"] = ROBUST_UNITS
        names = range(1, source.dim + 1) if points is None else points.columns
        info["columns"] = [f"{name}" for name in names]
    return info


def _run_info(spec: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("dataset", "method", "recipe", "seed", "axes")
    return {key: spec[key] for key in keys if key in spec}


def _early_stopping_notes(plan: Plan) -> list[str]:
    if not any(spec.get("early_stopping") for spec in plan.values()):
        return []
    return [
        "Early stopping: 10% of the training points are held out. Each snapshot is the energy with "
        "the lowest NLL of these points so far."
    ]
