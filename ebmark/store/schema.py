"""What a study's folder holds, as types that are checked whenever it is read.

A folder may come from a stranger or from a full disk: names are short and printable, a cell's name
is 16 hex digits, numbers are finite and in their ranges, and nothing leads out of the folder.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import pydantic
from pydantic import AfterValidator, Field, FiniteFloat, JsonValue
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.system.reading import read_json

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
CellName = Annotated[str, Field(pattern=rf"\A{CELL.pattern}\z")]
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


class Floor(TypedDict):
    """A metric of two samples of the truth."""

    n: Size
    mean: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


_Three = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]


class StepBias(TypedDict):
    """What Langevin's step does to the mean energy of one run, in nats: `step_bias.py`."""

    cell: CellName
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
    laws: dict[Name, Text]
    seeds: Step
    command: Text
    ebmark: Text
    source: Text
    versions: dict[Text, Text]
    device: Text
    started: Text
    settings: Settings
    energy: Text
    recipes: dict[Name, dict[Text, JsonValue]]
    methods_about: dict[Name, AboutMethod]
    datasets_about: dict[Name, AboutDataset]
    floors: dict[Name, dict[Name, Floor]]
    step_bias: dict[Name, dict[Name, StepBias]]
    cells: dict[CellName, Entry]
    notes: list[Text]
    axes: list[Name]
    measures: list[Name]


class Langevin(TypedDict):
    """The study's sampler."""

    steps: Size
    step_size: FiniteFloat


class Spec(Entry):
    """What `plan.json` says of a cell."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    law: Text
    points: Annotated[str, Field(pattern=r"\Apoints-[0-9a-f]{16}\.npy\z")] | None
    num_train: Size
    num_samples: Size
    transport_points: Size
    langevin: Langevin
    energy: dict[Text, JsonValue]
    training: dict[Text, JsonValue]


class Result(TypedDict):
    """`result.json` of a cell."""

    __pydantic_config__ = pydantic.ConfigDict(extra="allow")
    status: Literal["done", "diverged"]
    reason: Text
    rows: list[tuple[Step, Name, FiniteFloat | Literal["inf", "-inf"] | None]]
    ebmark: Text
    versions: dict[Text, Text]
    source: Text
    device: Text
    seconds: NotRequired[FiniteFloat]


_NOTHING = dict.fromkeys(("title", "command", "ebmark", "source", "device", "started"), "")
_NOTHING |= {"energy": "", "seeds": 0}
_LISTS = ("datasets", "methods", "notes", "axes", "measures")
_TABLES = ("laws", "versions", "settings", "recipes", "methods_about", "datasets_about")
_STUDY = pydantic.TypeAdapter(Study)
_PLAN = pydantic.TypeAdapter(dict[CellName, Spec])
_RESULT = pydantic.TypeAdapter(Result)


def load_study(folder: Path) -> dict[str, Any]:
    """`study.json`. Raises UserError if the folder is not that of a study."""
    path = Path(folder) / "study.json"
    mend = f"remove {path.name} and give the command of the study again: its cells are kept"
    try:
        study = read_json(path, _STUDY, mend)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no folder of a study (it holds no study.json); `ebmark run` makes one"
        ) from None
    study = _NOTHING | {key: [] for key in _LISTS} | {key: {} for key in _TABLES} | study
    study = {"name": "", "floors": {}, "step_bias": {}, "cells": {}} | study
    for kind in ("dataset", "method"):
        entries = {
            (cell[kind], cell["recipe"] * (kind == "method")) for cell in study["cells"].values()
        }
        if len(entries) > _MOST_ENTRIES:
            raise UserError(f"{path}: {len(entries):,} {kind}s, more than a page can show")
    return study


def read_plan(folder: Path) -> dict[str, dict[str, Any]]:
    """`plan.json`, name -> spec. Raises UserError if there is none, or not one of a study."""
    path = Path(folder) / "plan.json"
    try:
        return read_json(path, _PLAN, "give the command of the study again")
    except FileNotFoundError:
        raise UserError(f"{folder}: holds no plan.json, the specs of its cells") from None


def read_result(folder: Path, cell: str) -> dict[str, Any] | None:
    """`result.json` of a cell; None if it is not done. Raises UserError if it is damaged."""
    place = Path(folder) / "cells" / cell
    mend = f"remove the folder {place} and give the command of the study again"
    try:
        return read_json(place / "result.json", _RESULT, mend, 64 << 20)
    except FileNotFoundError:
        return None
