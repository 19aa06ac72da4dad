"""All that ebmark knows by name, with a line each.

python -m ebmark.cli.catalogue        makes catalogue.json and docs/methods/index.md
"""

import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path

from ebmark.cli.list import CATALOGUE
from ebmark.datasets import DATASETS
from ebmark.methods import METHODS, Recipe, about, advice
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.samplers import SAMPLERS
from ebmark.store.metric_info import METRICS
from ebmark.studies.builtin import STUDIES
from ebmark.system.writing import write_whole


def catalogue() -> dict[str, dict[str, str]]:
    """Kind -> name -> line."""
    return {
        "studies": {name: study.title for name, study in STUDIES.items()},
        "datasets": {name: _dataset(name) for name in DATASETS},
        "methods": _lines(METHODS),
        "rivals, with the extra `peers`": _lines(EXTERNAL_METHODS),
        "samplers": {name: about(sampler)["line"] for name, sampler in SAMPLERS.items()},
        "metrics": {name: info.summary for name, info in METRICS.items()},
    }


def _lines(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    return {name: about(type(recipe.method))["line"] for name, recipe in recipes.items()}


def _dataset(name: str) -> str:
    dataset = DATASETS[name]
    numbers = f"{dataset.modes} modes, entropy {dataset.entropy:.4f} nats"
    return f"{dataset.words} ({numbers})"


def methods_page() -> str:
    """docs/methods/index.md: each method's loss, cost, notes and source, from its docstring."""
    names: dict[type, list[str]] = {}
    for name, recipe in METHODS.items():
        names.setdefault(type(recipe.method), []).append(name)
    table = ["| method | what it does | needs | evaluations a datum | updates |"]
    table.append("|---|---|---|---:|---:|")
    sections = []
    for kind, found in names.items():
        needs = advice(kind).get("needs", "")
        for name in found:
            recipe = METHODS[name]
            each = recipe.method.network_evaluations(recipe.batch_size, 2) / recipe.batch_size
            cost = f"{each:.3g}" if recipe.num_updates else "-"
            own = [
                f"{f.name} {getattr(recipe.method, f.name)}"
                for f in dataclasses.fields(kind)
                if getattr(recipe.method, f.name) != f.default
            ]
            line = about(kind)["line"] + (f" ({', '.join(own)})" if own else "")
            row = (f"`{name}`", line, needs, cost, str(recipe.num_updates or "none"))
            table.append(f"| {' | '.join(row)} |")
        paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
        body = [p if p.startswith("$$") else p.replace("\n", " ") for p in paragraphs]
        heading = ", ".join(f"`{name}`" for name in found)
        sections.append(f"## {heading}: {about(kind)['title']}\n\n" + "\n\n".join(body))
    head = (
        "# Training methods\n\nMade from docstrings by `python -m ebmark.cli.catalogue`. "
        "Evaluations are forward passes of the\nnetwork for each point of the batch and update, "
        "at the default "
        "recipe in two dimensions (3 for a\ngradient in the parameters, 2 for one in x). Every "
        "method needs energies and their gradient in\nthe parameters; what it needs beside them is "
        "said. KL in nats, at the default recipes, of single seeds\nwhere no number of seeds "
        "is given."
    )
    return "\n\n".join([head, "\n".join(table), *sections]) + "\n"


if __name__ == "__main__":
    write_whole(CATALOGUE, json.dumps(catalogue(), indent=1) + "\n")
    page = Path(__file__).parents[2] / "docs" / "methods" / "index.md"
    if page.exists():  # in the repository, not where ebmark is installed
        write_whole(page, methods_page())
