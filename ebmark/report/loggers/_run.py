"""A finished cell as viewers want it: settings, and numbers by step."""

import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmark.store import table
from ebmark.store.schema import read_plan, read_result

_LOSSES = 100  # points of the loss curve: each is the mean of the updates since the last


class Run(NamedTuple):
    """One cell: what was set, and what came of it."""

    cell: str
    title: str
    settings: dict[str, str | int | float | bool]  # flat: training.learning_rate, ...
    metrics: dict[int, dict[str, float]]  # step -> metric -> value; NaN where it diverged
    losses: dict[int, float]
    outcome: str  # done, or diverged and why

    @property
    def last(self) -> dict[str, float]:
        """The value of every metric at its last step."""
        return {
            m: value for step in sorted(self.metrics) for m, value in self.metrics[step].items()
        }


def finished(folder: Path, seen: Set[str] = frozenset()) -> Iterator[Run]:
    """The study's cells that are done and not `seen`, in the plan's order."""
    for name, spec in read_plan(folder).items():
        result = None if name in seen else read_result(folder, name)
        if result is None:
            continue
        metrics: dict[int, dict[str, float]] = {}
        for step, metric, value in result["rows"]:
            metrics.setdefault(step, {})[metric] = float("nan" if value is None else value)
        outcome = ": ".join(word for word in (result["status"], result["reason"]) if word)
        title = f"{spec['method']} on {spec['dataset']}, seed {spec['seed']}"
        losses = _thinned(table.load_arrays(folder, name).get("losses", np.zeros(0)))
        yield Run(name, title, _flat(spec), metrics, losses, outcome)


def _thinned(losses: np.ndarray) -> dict[int, float]:
    ends = np.unique(np.linspace(0, len(losses), _LOSSES + 1).round().astype(int))
    spans = zip(ends[:-1], ends[1:], strict=True)
    return {int(end): float(np.mean(losses[start:end], dtype=np.float64)) for start, end in spans}


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, str | int | float | bool)
            found[prefix + key] = value if plain else json.dumps(value)
    return found
