"""What a study's folder holds, as types that are checked whenever it is read.

A folder may come from a stranger or from a full disk: names are short and printable, a cell's name
is 16 hex digits, numbers are finite and in their ranges, and nothing leads out of the folder.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import pydantic
from pydantic import AfterValidator, Field, FiniteFloat, JsonValue
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.system.reading import SCHEMA, read_json
from ebmark.system.writing import write_whole

_MOST_ENTRIES = 500  # methods, or datasets, that one page can show


def is_name(text: str) -> bool:
    """Whether a text can be a name: one line of 1 to 200 printable letters."""
    return 0 < len(text) <= 200 and text.isprintable()


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("must be 1 to 200 printable letters")
    return text


CELL = re.compile(r"[0-9a-f]{16}")
Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, Field(max_length=200_000)]
RunId = Annotated[str, Field(pattern=rf"\A{CELL.pattern}\z")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Step = Annotated[int, Field(ge=0, lt=2**53)]
Size = Annotated[int, Field(ge=1, lt=2**53)]


class Entry(TypedDict):
    """What a cell is of, and where it stands on the axes of a sweep."""

    axes: NotRequired[dict[Name, int | FiniteFloat | Name]]

    dataset: Name
    method: Name
    recipe: Name
    seed: Seed


class NullRange(TypedDict):
    """A metric of two samples of the truth."""

    n: Size
    mean: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


_Three = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]


class StepBias(TypedDict):
    """What Langevin's step does to the mean energy of one run, in nats: `step_bias.py`."""

    run_id: RunId
    seed: Seed
    steps: _Three
    means: _Three
    errors: _Three
    biases: _Three
    bias_errors: _Three
    limit: FiniteFloat
    limit_error: FiniteFloat
    exact: FiniteFloat
    exact_error: FiniteFloat


class AboutMethod(TypedDict):
    """A method in words."""

    title: NotRequired[Text]
    loss: NotRequired[Text]
    reference: NotRequired[Text]


class AboutDataset(TypedDict):
    """A dataset in words and numbers."""

    title: NotRequired[Text]
    dim: NotRequired[Size]
    entropy: NotRequired[FiniteFloat | None]
    langevin_step: NotRequired[FiniteFloat | None]
    family: NotRequired[Text]


class Settings(TypedDict):
    """The study's numbers; what is more is shown as it is."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    chains: NotRequired[Size]
    langevin_steps: NotRequired[Size]


class Study(TypedDict, total=False):
    """`study.json`; what it leaves out is empty."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    name: Text
    title: Text
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
    runs: dict[RunId, Entry]
    notes: list[Text]
    axes: list[Name]
    plot_metrics: list[Name]


class Langevin(TypedDict):
    """The study's sampler."""

    steps: Size
    step_size: FiniteFloat


class Spec(Entry):
    """What `plan.json` says of a cell."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    dataset_fingerprint: Text
    points: Annotated[str, Field(pattern=r"\Apoints-[0-9a-f]{16}\.npy\z")] | None
    num_train: Size
    num_samples: Size
    num_metric_samples: Size
    langevin: Langevin
    energy: dict[Text, JsonValue]
    training: dict[Text, JsonValue]


class Plan(TypedDict):
    """`plan.json`: the specs of all runs."""

    schema: Literal[2]
    runs: dict[RunId, Spec]


class Result(TypedDict):
    """`result.json` of a cell."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    status: Literal["done", "diverged"]
    reason: Text
    rows: list[tuple[Step, Name, FiniteFloat | Literal["inf", "-inf"] | None]]
    ebmark: Text
    versions: dict[Text, Text]
    code_hash: Text
    device: Text
    seconds: NotRequired[FiniteFloat]


_NOTHING = dict.fromkeys(("title", "command", "ebmark", "code_hash", "device", "started"), "")
_NOTHING |= {"energy": "", "seeds": 0}
_LISTS = ("datasets", "methods", "notes", "axes", "plot_metrics")
_TABLES = ("dataset_fingerprints", "versions", "settings", "recipes", "method_info", "dataset_info")
_STUDY = pydantic.TypeAdapter(Study)
_PLAN = pydantic.TypeAdapter(Plan)
_RESULT = pydantic.TypeAdapter(Result)


def load_study(folder: Path) -> dict[str, Any]:
    """`study.json`. Raises UserError if the folder is not that of a study."""
    path = Path(folder) / "study.json"
    mend = f"remove {path.name} and give the command of the study again: its cells are kept"
    try:
        study = read_json(path, _STUDY, mend, marked=True)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no folder of a study (it holds no study.json); `ebmark run` makes one"
        ) from None
    study = _NOTHING | {key: [] for key in _LISTS} | {key: {} for key in _TABLES} | study
    study = {"name": "", "null_ranges": {}, "step_bias": {}, "runs": {}} | study
    for kind in ("dataset", "method"):
        entries = {
            (cell[kind], cell["recipe"] * (kind == "method")) for cell in study["runs"].values()
        }
        if len(entries) > _MOST_ENTRIES:
            raise UserError(f"{path}: {len(entries):,} {kind}s, more than a page can show")
    return study


def read_plan(folder: Path) -> dict[str, dict[str, Any]]:
    """`plan.json`, name -> spec. Raises UserError if there is none, or not one of a study."""
    path = Path(folder) / "plan.json"
    try:
        return read_json(path, _PLAN, "give the command of the study again", marked=True)["runs"]
    except FileNotFoundError:
        raise UserError(f"{folder}: holds no plan.json, the specs of its cells") from None


def write_plan(folder: Path, plan: dict[str, dict[str, Any]]) -> None:
    """`plan.json`, whole."""
    write_whole(Path(folder) / "plan.json", json.dumps({"schema": SCHEMA, "runs": plan}))


def read_result(folder: Path, cell: str) -> dict[str, Any] | None:
    """`result.json` of a cell; None if it is not done. Raises UserError if it is damaged."""
    place = Path(folder) / "runs" / cell
    mend = f"remove the folder {place} and give the command of the study again"
    try:
        return read_json(place / "result.json", _RESULT, mend, 64 << 20, marked=True)
    except FileNotFoundError:
        return None
