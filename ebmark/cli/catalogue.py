"""The catalogue: every registered name with a one-line description.

`python -m ebmark.cli.catalogue` writes catalogue.json, which `ebmark list` reads, and
docs/methods/index.md.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ebmark.cli.list import CATALOGUE
from ebmark.datasets import DATASETS
from ebmark.methods import ABOVE_2D, METHODS, Recipe, about, describe, sections
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.samplers import SAMPLERS
from ebmark.store import metric_info
from ebmark.studies.builtin import STUDIES
from ebmark.system.writing import write_whole

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "index.md"

PAGE_HEAD = """# Training methods

Generated from docstrings by `python -m ebmark.cli.catalogue`. Network evaluations are forward
passes of the network per point of the batch and update, at the default recipe in 2-D (3 for a
gradient in the parameters, 2 for one in x). Every method requires energies and their gradient in
the parameters; the table lists what it requires in addition. KL is that of the default recipes, of
one seed where no number of seeds is given.
"""

ABOVE_2D_HEAD = """## Recipes for d > 2

| method | changes of its recipe |
|---|---|"""


def catalogue() -> dict[str, dict[str, str]]:
    """Return the catalogue: kind -> name -> description."""
    return {
        "studies": {name: study.title for name, study in STUDIES.items()},
        "datasets": {name: _describe_dataset(name) for name in DATASETS},
        "methods": _describe_methods(METHODS),
        "external methods (extra: external)": _describe_methods(EXTERNAL_METHODS),
        "samplers": {name: about(sampler)["line"] for name, sampler in SAMPLERS.items()},
        "metrics": {name: _describe_metric(name) for name in metric_info.METRICS},
    }


def _describe_methods(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    return {name: _describe_method(recipe) for name, recipe in recipes.items()}


def _describe_method(recipe: Recipe) -> str:
    """Return the summary line of the method, and the hyperparameters that differ from its own."""
    changes = [
        f"{field.name}={getattr(recipe.method, field.name)}"
        for field in dataclasses.fields(recipe.method)
        if getattr(recipe.method, field.name) != field.default
    ]
    line = about(type(recipe.method))["line"]
    return f"{line} ({', '.join(changes)})" if changes else line


def _describe_dataset(name: str) -> str:
    dataset = DATASETS[name]
    modes = "1 mode" if dataset.modes == 1 else f"{dataset.modes} modes"
    return f"{dataset.description} ({modes}, entropy {dataset.entropy:.4f} nats)"


def _describe_metric(name: str) -> str:
    """Return the first sentence of the metric's description."""
    info = metric_info.METRICS[name]
    text = getattr(info, "says", None) or getattr(info, "description", "")
    return re.split(r"(?<=\.)\s", text)[0].rstrip(".")


def methods_page() -> str:
    """Return docs/methods/index.md: loss, cost, use and references of each method."""
    names: dict[type, list[str]] = {}
    for name, recipe in METHODS.items():
        names.setdefault(type(recipe.method), []).append(name)
    table = [
        "| method | description | requires | network evaluations per data point | updates |",
        "|---|---|---|---:|---:|",
        *(_table_row(name, recipe) for name, recipe in METHODS.items()),
    ]
    above_2d = [ABOVE_2D_HEAD, *(_changes_row(*item) for item in ABOVE_2D.items())]
    page_sections = [_page_section(kind, kind_names) for kind, kind_names in names.items()]
    return "\n".join([PAGE_HEAD, *table, "", *above_2d, "", *page_sections])


def _table_row(name: str, recipe: Recipe) -> str:
    num_per_point = recipe.method.network_evaluations(recipe.batch_size, 2) / recipe.batch_size
    cost = f"{num_per_point:.3g}" if recipe.num_updates else "-"
    requires = sections(type(recipe.method)).get("Requires", "").rstrip(".")
    updates = str(recipe.num_updates or "none")
    return f"| `{name}` | {_describe_method(recipe)} | {requires} | {cost} | {updates} |"


def _changes_row(name: str, changes: Mapping[str, Any]) -> str:
    fields = {**changes, **changes.get("method", {})}
    words = [f"{field} = {value}" for field, value in fields.items() if field != "method"]
    return f"| `{name}` | {', '.join(words)} |"


def _page_section(kind: type, names: list[str]) -> str:
    """Return the section of one method: its docstring as Markdown."""
    paragraphs = [f"## {', '.join(f'`{name}`' for name in names)}: `{kind.__name__}`"]
    for paragraph in describe(kind):
        is_equation = paragraph.startswith("$$")
        paragraphs.append(paragraph if is_equation else paragraph.replace("\n", " "))
    for title, text in sections(kind).items():
        if title == "Attributes":
            paragraphs.append(_attributes_list(text))
        else:
            paragraphs.append(f"**{title}:** {text}")
    return "\n\n".join(paragraphs) + "\n"


def _attributes_list(text: str) -> str:
    """Return the lines `name: description` of an `Attributes` section as a Markdown list."""
    attributes = re.split(r"\n(?=\S)", text)
    items = [attribute.partition(":") for attribute in attributes]
    return "\n".join(f"- `{name}`: {' '.join(meaning.split())}" for name, _, meaning in items)


if __name__ == "__main__":
    write_whole(CATALOGUE, json.dumps(catalogue(), indent=1) + "\n")
    # The page exists in the repository, but not where ebmark is installed.
    if PAGE.exists():
        write_whole(PAGE, methods_page())
