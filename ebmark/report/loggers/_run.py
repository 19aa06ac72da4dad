"""A completed run as loggers need it: settings, and numbers by step."""

import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmark.store import table
from ebmark.store.schema import read_plan, read_result

_NUM_LOSSES = 100  # points of the loss curve; each is the mean of the updates since the last


class Run(NamedTuple):
    """One run: its settings and results.

    Attributes:
        run_id: its id.
        title: method, dataset and seed.
        settings: its spec, with dotted names such as `training.learning_rate`.
        metrics: step -> metric -> value; NaN where it diverged.
        losses: update -> mean loss since the previous entry.
        outcome: `done`, or `diverged` and why.
    """

    run_id: str
    title: str
    settings: dict[str, str | int | float | bool]
    metrics: dict[int, dict[str, float]]
    losses: dict[int, float]
    outcome: str

    @property
    def last(self) -> dict[str, float]:
        """The value of every metric at its last step."""
        last: dict[str, float] = {}
        for step in sorted(self.metrics):
            last |= self.metrics[step]
        return last


def completed_runs(folder: Path, seen: Set[str] = frozenset()) -> Iterator[Run]:
    """Yield the study's completed runs that are not `seen`, in the plan's order."""
    for name, spec in read_plan(folder).items():
        result = None if name in seen else read_result(folder, name)
        if result is None:
            continue
        metrics: dict[int, dict[str, float]] = {}
        for step, metric, value in result["rows"]:
            # JSON holds NaN as null and infinities as strings.
            number = float("nan") if value is None else float(value)
            metrics.setdefault(step, {})[metric] = number
        yield Run(
            run_id=name,
            title=f"{spec['method']} on {spec['dataset']}, seed {spec['seed']}",
            settings=_flatten(spec),
            metrics=metrics,
            losses=_thin(table.load_arrays(folder, name).get("losses", np.zeros(0))),
            outcome=": ".join(filter(None, (result["status"], result["reason"]))),
        )


def _thin(losses: np.ndarray) -> dict[int, float]:
    """Return the mean loss of at most 100 stretches, by the last update of each."""
    ends = np.unique(np.linspace(0, len(losses), _NUM_LOSSES + 1).round().astype(int))
    stretches = zip(ends[:-1], ends[1:], strict=True)
    return {
        int(end): float(np.mean(losses[start:end], dtype=np.float64)) for start, end in stretches
    }


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested dictionaries by dotted names."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float | bool):
            flat[prefix + key] = value
        else:
            flat[prefix + key] = json.dumps(value)
    return flat
