"""A study: the grid of its cells, each a spec whose hash is its name."""

import dataclasses
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import pydantic

from ebmark import plugins, recipes
from ebmark.datasets import DATASETS
from ebmark.errors import UserError, unknown
from ebmark.methods import METHODS, Recipe
from ebmark.provenance import source_hash, versions
from ebmark.sources import Law, Source

Count = Annotated[int, pydantic.Field(ge=1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """The energy that all methods of a study train: a perceptron on Fourier features, confined."""

    num_features: Annotated[int, pydantic.Field(ge=0)] = 32  # 0: a plain perceptron
    bandwidth: Annotated[float, pydantic.Field(gt=0)] = 1.0
    width: Count = 64
    depth: Count = 2
    tau: Annotated[float, pydantic.Field(gt=0)] = 1.0  # of the confining Gaussian


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Datasets x methods x seeds, and how each cell is trained, sampled and scored."""

    name: str = "toy"
    title: str = "CD, DSM and NCE on two toy laws, and the oracle"
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons")
    methods: tuple[str, ...] = ("cd", "dsm", "nce", "mle")
    seeds: Count = 10
    steps: Count | None = None  # updates, in place of each recipe's own
    num_train: Annotated[int, pydantic.Field(ge=20)] = 10_000
    num_samples: Annotated[int, pydantic.Field(ge=10)] = 2_000  # chains, exact samples, test points
    transport_points: Annotated[int, pydantic.Field(ge=10)] = 2_000  # of them, in W1 and W2
    langevin_steps: Annotated[int, pydantic.Field(ge=4)] = 2_000
    snapshots: Count = 8
    energy: Network = Network()
    recipes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


STUDIES: dict[str, Study] = {
    "toy": Study(),
    "weights": Study(
        name="weights",
        title="Who sees the weights of the modes?",
        datasets=("eight_gaussians_unequal", "eight_gaussians_unequal_separated"),
    ),
    "all": Study(
        name="all",
        title="Every method on every law",
        datasets=tuple(DATASETS),
        methods=tuple(METHODS),
    ),
    "smoke": Study(
        name="smoke",
        title="All that runs, in seconds",
        methods=("cd", "pcd", "dsm", "nce", "mle"),
        seeds=2,
        steps=60,
        num_train=500,
        num_samples=100,
        transport_points=100,
        langevin_steps=40,
        snapshots=2,
    ),
}

QUICK = {"seeds": 2, "steps": 1_000, "transport_points": 500}  # what --quick changes


def validated(study: Study) -> Study:
    """The study, checked: every name known, every number in its range."""
    for dataset in study.datasets:
        if dataset not in DATASETS:
            raise unknown("dataset", dataset, DATASETS)
    for method in (*study.methods, *study.recipes):
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    for kind in ("datasets", "methods"):
        names = getattr(study, kind)
        if len(set(names)) != len(names):
            raise UserError(f"{kind}: a name stands twice in {', '.join(names)}")
    for method, changes in study.recipes.items():
        recipes.with_changes(method, changes)
    return _adapt(dataclasses.asdict(study), "the study")


def read_study(path: Path) -> Study:
    """A study from a TOML file with the fields of `Study`. Raises UserError, naming the key."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML: {error}") from None
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
        key = ".".join(str(part) for part in first["loc"])
        given = f", not {first['input']!r}" if not isinstance(first["input"], dict) else ""
        raise UserError(f"{where}: {key}: {_plain(first['msg'])}{given}") from None


def _plain(message: str) -> str:
    return message.replace("Input should be", "must be").replace("valid ", "")


def cell_specs(study: Study, sources: list[Source], points_file: str | None) -> list[dict]:
    """The grid, seed by seed; methods that integrate on a grid are left out above two columns."""
    specs = []
    for seed in range(study.seeds):
        for source in sources:
            step_size = float(f"{source.local_scale() ** 2 / 10:.3g}")
            for method in study.methods:
                if method == "mle" and source.dim > 2:
                    continue
                changes = study.recipes.get(method, {})
                recipe = recipes.with_changes(method, changes)
                if study.steps is not None and recipe.updates and "updates" not in changes:
                    recipe = dataclasses.replace(recipe, updates=study.steps)
                specs.append(
                    {
                        "dataset": source.name,
                        "method": method,
                        "recipe": "custom" if changes else "default",
                        "seed": seed,
                        "law": source.fingerprint,
                        "points": points_file,
                        "num_train": study.num_train,
                        "num_samples": study.num_samples,
                        "transport_points": min(study.transport_points, study.num_samples),
                        "langevin": {"steps": study.langevin_steps, "step_size": step_size},
                        "snapshots": study.snapshots,
                        "energy": dataclasses.asdict(study.energy),
                        "training": recipes.as_dict(recipe),
                        "versions": versions(),
                        "source": source_hash(*_modules(recipe, source)),
                    }
                    | _from_plugins(method, source.name)
                )
    return specs


def _modules(recipe: Recipe, source: Source) -> list[str]:
    """The modules of the method and the law, whose code makes the cell's numbers."""
    things = [recipe.method] + ([source.dataset] if isinstance(source, Law) else [])
    return [type(thing).__module__ for thing in things]


def _from_plugins(*names: str) -> dict[str, Any]:
    """The spec's part that says whose code served the cell beside ebmark's own."""
    found = plugins.origin(*names)
    return {"plugins": found} if found else {}


def cell_name(spec: dict) -> str:
    """The first 16 hex digits of the sha256 of the spec's canonical JSON."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
