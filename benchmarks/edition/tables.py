"""Tables in Markdown from the published studies and from the results of benchmarks."""

import math
from importlib import import_module

import numpy as np
import pandas as pd

from benchmarks.edition.published import RESULTS, by_entry, rows_of
from ebmark.report import markdown
from ebmark.report.page._numbers import (
    count_decimals,
    format_brief,
    format_interval,
    format_number,
    state_p,
)
from ebmark.report.paper_table import paper_table, render
from ebmark.statistics import (
    Summary,
    holm,
    median_and_ends,
    paired_by_seed,
    role,
    summary,
    sweep_points,
)
from ebmark.store.metric_info import metric_info, stem
from ebmark.store.schema import load_study
from ebmark.store.units import distance_unit

# modules with a table of their own results
BENCHMARKS = {
    "waiting": "benchmarks.cli.waiting",
    "imputation": "benchmarks.metrics.imputation",
    "recipes_above_2d": "benchmarks.studies.recipes_above_2d",
    "log_z_coverage": "benchmarks.partition_function.coverage",
}


def columns(folder: str, dataset: str, metrics: str, *entries: str) -> str:
    """Return a table of medians: a row for each configuration, a column for each metric.

    The metrics are separated by commas. With null ranges, they are the last row.
    """
    study = load_study(RESULTS / folder)
    names = metrics.split(",")
    found = {name: by_entry(folder, dataset, name) for name in names}
    rows = [
        [_label(entry), *(_median(name, runs.get(entry)) for name, runs in found.items())]
        for entry in entries or sorted(found[names[0]], key=lambda entry: role(entry) is not None)
    ]
    ranges = [study["null_ranges"].get(dataset, {}).get(stem(name)) for name in names]
    if any(ranges):
        ends = [f"{one['low']:.3g} to {one['high']:.3g}" if one else "" for one in ranges]
        rows.append(["null range", *ends])
    unit = distance_unit(study)
    return _markdown([dataset, *(metric_info(name, unit).label_with_unit for name in names)], rows)


def sweep(folder: str, panel: str, metric: str, axis: str, *lines: str) -> str:
    """Return a table of medians along a swept setting: a row for each configuration.

    A panel is a dataset, or a family of datasets that differ by the setting. Other settings than
    this one belong to the configuration.
    """
    study = load_study(RESULTS / folder)
    families = {name: info["family"] for name, info in study["dataset_info"].items()}
    is_better = metric_info(metric).higher_is_better
    points = [
        point
        for point in sweep_points(
            rows_of(folder),
            study["axes"],
            metric,
            families if panel in families.values() else {},
            higher_is_better=is_better,
        )
        if point.panel == panel
    ]
    if not points:
        raise KeyError(panel)
    values = sorted({point.at[axis] for point in points if axis in point.at})
    by_line: dict[str, dict] = {}
    for point in points:
        others = [f"{key}={value}" for key, value in point.at.items() if key != axis]
        by_line.setdefault(", ".join([point.line, *others]), {})[point.at.get(axis)] = point
    rows = []
    for line in lines or by_line:
        shared = by_line[line].get(None)  # a configuration without the setting, such as an oracle
        rest = format_brief(shared.found.median) if shared else ""
        along = [by_line[line].get(value) for value in values]
        rows.append([_label(line), *(_show(one.found, one.ends) if one else rest for one in along)])
    return _markdown([axis.replace("_", " "), *map(_setting, values)], rows)


def excess(folder: str, metric: str, oracle: str = "mle") -> str:
    """Return a table of how far each configuration is above the oracle, over all datasets."""
    gaps: dict[str, dict[str, float]] = {}
    for dataset in load_study(RESULTS / folder)["datasets"]:
        found = by_entry(folder, dataset, metric)
        reached = summary(found[oracle]).median
        for entry, values in found.items():
            if role(entry) is None:
                gaps.setdefault(entry, {})[dataset] = summary(values).median - reached
    rows = []
    for entry in sorted(gaps, key=lambda entry: max(gaps[entry].values())):
        farthest = max(gaps[entry], key=gaps[entry].__getitem__)
        middle = float(np.median(list(gaps[entry].values())))
        rows.append([f"`{entry}`", f"{middle:.3f}", f"{gaps[entry][farthest]:.3f}", farthest])
    name = metric_info(metric).label_with_unit
    return _markdown([f"{name} above `{oracle}`", "median of datasets", "largest", "on"], rows)


def table(folder: str, metric: str, *entries: str) -> str:
    """Return the table of `ebmark table`, of all configurations or only of some, in their order."""
    whole = paper_table(RESULTS / folder, metric)
    rows = dict(whole.rows)
    chosen = [(name, rows[name]) for name in entries or rows]
    return "\n" + render(whole._replace(rows=chosen), "markdown")


def tuned(folder: str, metric: str, *entries: str) -> str:
    """Return a table of geometric means, by default recipes to tuned ones.

    p is that of the signed-rank test on paired seeds, Holm-adjusted over the table.
    """
    pairs = {}
    for dataset in load_study(RESULTS / folder)["datasets"]:
        runs = by_entry(folder, dataset, metric)
        pairs[dataset] = [(runs[entry], runs[f"{entry}, tuned"]) for entry in entries]
    tests = [paired_by_seed(*pair).p for column in pairs.values() for pair in column]
    adjusted = iter(holm(tests))
    columns = [[_change(*pair, next(adjusted)) for pair in column] for column in pairs.values()]
    rows = [[_label(entry), *cells] for entry, *cells in zip(entries, *columns, strict=True)]
    return _markdown([metric_info(metric).label_with_unit, *pairs], rows)


def step_biases(folder: str) -> str:
    """Return a table of the bias of the mean energy by the step size of Langevin sampling.

    Over the configurations of each dataset, from the smallest to the largest.
    """
    rows = []
    for dataset, found in load_study(RESULTS / folder)["step_bias"].items():
        columns = [*zip(*(one["biases"] for one in found.values()), strict=True)]
        columns.append([error for one in found.values() for error in one["bias_errors"]])
        rows.append([dataset, *(f"{min(column):.2g} to {max(column):.2g}" for column in columns)])
    return _markdown(["dataset", "at h, nats", "at h/2", "at h/4", "standard error"], rows)


def measured(benchmark: str) -> str:
    """Return the table of a benchmark from its own results."""
    return f"\n{import_module(BENCHMARKS[benchmark]).as_markdown()}\n"


def _change(before: pd.Series, after: pd.Series, p: float) -> str:
    means = [summary(runs, is_geometric=True).mean for runs in (before, after)]
    return f"{' to '.join(f'{mean:#.3g}' for mean in means)} ({state_p(p)})"


def _label(entry: str) -> str:
    label = role(entry)
    return f"`{entry}` ({label})" if label else f"`{entry}`"


def _setting(value: float | str) -> str:
    """A value of an axis.

    Example:
        >>> _setting(1500000.0), _setting(0.07), _setting("kde")
        ('1.50\xa0M', '0.07', 'kde')
    """
    if isinstance(value, str):
        return value
    return format_brief(float(value)) if value >= 1e6 else f"{value:,g}"


def _median(metric: str, runs: pd.Series | None) -> str:
    if runs is None:
        return ""
    is_better = metric_info(metric).higher_is_better
    return _show(*median_and_ends(runs, higher_is_better=is_better))


def _show(found: Summary, ends: tuple[float, float]) -> str:
    """The median, the ends of an interval, and the number of runs that failed."""
    decimals = count_decimals([found.median if math.isfinite(found.median) else ends[0]])
    parts = [format_number(found.median, decimals)]
    if math.isinf(found.median):
        parts = ["failed"]
    if found.n > 1 and math.isfinite(ends[0]):
        parts.append(format_interval(*ends, decimals))
    if found.diverged:
        parts.append(f"({found.diverged})")
    return " ".join(parts)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n" + "\n".join(markdown.table(head, rows)) + "\n"
