"""The files of a study's folder, as types that are checked whenever a file is read.

A folder may be untrusted or come from a full disk. Names are therefore short and printable, the id
of a run is 16 hexadecimal digits, numbers are finite and in their ranges, and no path leads out of
the folder.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import pydantic
from pydantic import ConfigDict, Field, FiniteFloat, JsonValue, with_config
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.store.fields import (
    ColumnComparison,
    Digest,
    Name,
    NullRange,
    RunId,
    Seed,
    Size,
    Step,
    StepBias,
    Text,
)
from ebmark.system.reading import read_json
from ebmark.system.writing import write_json

_MAX_ON_PAGE = 500  # datasets, or configurations, that one report can show
_MAX_RESULT_BYTES = 64 << 20


class Entry(TypedDict):
    """The dataset, configuration and seed of a run, and its values on the axes of a sweep."""

    axes: NotRequired[dict[Name, int | FiniteFloat | Name]]
    dataset: Name
    method: Name
    recipe: Name
    seed: Seed


class AboutMethod(TypedDict):
    """The description of a method."""

    title: NotRequired[Text]
    loss: NotRequired[Text]
    reference: NotRequired[Text]


class AboutDataset(TypedDict):
    """The description of a dataset."""

    title: NotRequired[Text]
    dim: NotRequired[Size]
    entropy: NotRequired[FiniteFloat | None]
    langevin_step: NotRequired[FiniteFloat | None]
    family: NotRequired[Text]
    unit: NotRequired[Text]
    columns: NotRequired[list[Text]]


@with_config(ConfigDict(extra="allow"))
class Settings(TypedDict):
    """The settings of a study; further ones are shown as they are."""

    chains: NotRequired[Size]
    langevin_steps: NotRequired[Size]


@with_config(ConfigDict(extra="allow"))
class Study(TypedDict, total=False):
    """The content of `study.json`; `load_study` adds empty values for absent keys."""

    schema: Literal[2]
    name: Text
    title: Text
    question: Text
    deciding_metric: Text
    datasets: list[Name]
    methods: list[Name]
    dataset_fingerprints: dict[Name, Text]
    seeds: Step
    command: Text
    ebmark: Text
    code_hash: Text
    versions: dict[Text, Text]
    device: Text
    started: Text
    settings: Settings
    energy: Text
    recipes: dict[Name, dict[Text, JsonValue]]
    method_info: dict[Name, AboutMethod]
    dataset_info: dict[Name, AboutDataset]
    null_ranges: dict[Name, dict[Name, NullRange]]
    step_bias: dict[Name, dict[Name, StepBias]]
    columns: dict[Name, dict[Name, ColumnComparison]]
    runs: dict[RunId, Entry]
    notes: list[Text]
    axes: list[Name]
    plot_metrics: list[Name]


class Langevin(TypedDict):
    """The settings of the Langevin chains of a study."""

    steps: Size
    step_size: FiniteFloat


@with_config(ConfigDict(extra="allow"))
class Spec(Entry):
    """The spec of a run: all that determines its numbers, in `plan.json`."""

    dataset_fingerprint: Text
    points: Annotated[str, Field(pattern=r"\Apoints-[0-9a-f]{16}\.npy\z")] | None
    num_train: Size
    num_samples: Size
    num_metric_samples: Size
    langevin: Langevin
    energy: dict[Text, JsonValue]
    training: dict[Text, JsonValue]


class Plan(TypedDict):
    """The content of `plan.json`: the specs of all runs."""

    schema: Literal[2]
    runs: dict[RunId, Spec]


@with_config(ConfigDict(extra="allow"))
class Result(TypedDict):
    """The content of a run's `result.json`; a row is the step, the metric and its value."""

    status: Literal["done", "diverged"]
    reason: Text
    rows: list[tuple[Step, Name, FiniteFloat | Literal["inf", "-inf"] | None]]
    ebmark: Text
    versions: dict[Text, Text]
    code_hash: Text
    device: Text
    seconds: NotRequired[FiniteFloat]
    files: NotRequired[dict[Name, Digest]]  # the sha256 of the other files of the run


_STUDY = pydantic.TypeAdapter(Study)
_PLAN = pydantic.TypeAdapter(Plan)
_RESULT = pydantic.TypeAdapter(Result)


def _empty_study() -> dict[str, Any]:
    """Return an empty value for each key that `study.json` may leave out."""
    texts = (
        "name",
        "title",
        "question",
        "deciding_metric",
        "command",
        "ebmark",
        "code_hash",
        "device",
        "started",
        "energy",
    )
    lists = ("datasets", "methods", "notes", "axes", "plot_metrics")
    tables = ("dataset_fingerprints", "versions", "settings", "recipes", "method_info")
    tables += ("dataset_info", "null_ranges", "step_bias", "columns", "runs")
    empty: dict[str, Any] = dict.fromkeys(texts, "")
    empty["seeds"] = 0
    empty.update((key, []) for key in lists)
    empty.update((key, {}) for key in tables)
    return empty


def load_study(folder: Path) -> dict[str, Any]:
    """Return the content of `study.json`; keys that it leaves out have an empty value.

    Args:
        folder: the folder of the study.

    Raises:
        UserError: the folder is not that of a study, or the file is damaged or of another schema.
    """
    path = Path(folder) / "study.json"
    try:
        content = read_json(path, _STUDY)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: not the folder of a study (it has no study.json). "
            "Create one with `ebmark run`."
        ) from None
    study = _empty_study() | content
    runs = study["runs"].values()
    _check_number(path, "datasets", {run["dataset"] for run in runs})
    _check_number(path, "configurations", {(run["method"], run["recipe"]) for run in runs})
    return study


def _check_number(path: Path, kind: str, values: set) -> None:
    if len(values) > _MAX_ON_PAGE:
        raise UserError(
            f"{path}: has {len(values):,} {kind}. A report can show at most {_MAX_ON_PAGE}."
        )


def read_plan(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the specs of all planned runs by run id, from `plan.json`.

    Args:
        folder: the folder of the study.

    Raises:
        UserError: there is no such file, or it is damaged or of another schema.
    """
    path = Path(folder) / "plan.json"
    try:
        return read_json(path, _PLAN)["runs"]
    except FileNotFoundError:
        raise UserError(
            f"{folder}: has no plan.json, which contains the specs of its runs. "
            "Repeat the command of the study."
        ) from None


def write_plan(folder: Path, plan: dict[str, dict[str, Any]]) -> None:
    """Write the specs of all planned runs to `plan.json`, atomically."""
    write_json(Path(folder) / "plan.json", {"runs": plan}, indent=None)


def read_result(folder: Path, run_id: str) -> dict[str, Any] | None:
    """Return the content of a run's `result.json`, or None if the run is not complete.

    Args:
        folder: the folder of the study.
        run_id: the id of the run.

    Raises:
        UserError: the file is damaged or of another schema.
    """
    path = Path(folder) / "runs" / run_id / "result.json"
    try:
        return read_json(path, _RESULT, max_bytes=_MAX_RESULT_BYTES)
    except FileNotFoundError:
        return None
