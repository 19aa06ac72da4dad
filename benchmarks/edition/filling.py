"""Fill numbers and tables in Markdown from `results/` and `benchmarks/results/`.

A text between two comments is replaced by what the first one asks for:

    <!-- results: median images digits_64 kl dsm -->3.6<!-- end -->
    <!-- results: table comparison kl -->
    ...
    <!-- end -->

The words are those of a command line: a function of `FUNCTIONS` and its arguments.
"""

import functools
import math
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.edition.studies import STUDIES
from ebmark.errors import UserError
from ebmark.report import markdown
from ebmark.report.page._answer import answer as answer_of
from ebmark.report.page._numbers import (
    count_decimals,
    count_seeds,
    format_brief,
    format_interval,
    format_number,
    format_signed,
)
from ebmark.report.paper_table import paper_table, render
from ebmark.statistics import (
    Summary,
    final_values,
    median_and_ends,
    role,
    summary,
    sweep_points,
)
from ebmark.store.metric_info import metric_info, stem
from ebmark.store.schema import load_study
from ebmark.store.table import read, with_entries
from ebmark.store.units import distance_unit

# modules with a table of their own results
BENCHMARKS = {
    "waiting": "benchmarks.cli.waiting",
    "imputation": "benchmarks.metrics.imputation",
    "recipes_above_2d": "benchmarks.studies.recipes_above_2d",
    "log_z_coverage": "benchmarks.partition_function.coverage",
}
RESULTS = Path(__file__).parents[2] / "results"
_MARKED = re.compile(r"(<!-- results: (.+?) -->)(.*?)(<!-- end -->)", re.DOTALL)


def fill(text: str) -> str:
    """Return the text with everything between its comments computed again.

    Raises:
        ValueError: a comment asks for what is not known, or for what the results do not hold.

    Example:
        >>> fill("no comment")
        'no comment'
    """
    return _MARKED.sub(_fill_one, text)


def without_filled(text: str) -> str:
    """Return the text without what is filled.

    Example:
        >>> without_filled("a <!-- results: runs toy -->80<!-- end --> b")
        'a  b'
    """
    return _MARKED.sub("", text)


def _fill_one(match: re.Match[str]) -> str:
    start, words, _, end = match.groups()
    name, *arguments = shlex.split(words)
    if name not in FUNCTIONS:
        raise ValueError(f"'{name}' is not known. Choose from {', '.join(FUNCTIONS)}.")
    try:
        return start + FUNCTIONS[name](*arguments) + end
    except (KeyError, TypeError, UserError) as error:
        raise ValueError(f"'{words}' cannot be filled: {error!r}.") from None


@functools.cache
def _table(folder: str) -> pd.DataFrame:
    path = RESULTS / folder
    return with_entries(load_study(path), read(path))[1]


def _by_entry(folder: str, dataset: str, metric: str) -> dict[str, pd.Series]:
    return final_values(_table(folder), dataset, metric)


def median(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return the median over seeds; a run that diverged or is unresolved counts as the worst."""
    return format_brief(summary(_by_entry(folder, dataset, metric)[entry]).median)


def value(folder: str, dataset: str, metric: str, entry: str, seed: str) -> str:
    """Return the value of one run."""
    return format_brief(float(_by_entry(folder, dataset, metric)[entry].loc[int(seed)]))


def failed(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return how many runs diverged or are unresolved."""
    return str(summary(_by_entry(folder, dataset, metric)[entry]).diverged)


def seeds(folder: str) -> str:
    """Return the number of seeds."""
    return str(_table(folder)["seed"].nunique())


def runs(folder: str) -> str:
    """Return the number of runs."""
    return f"{_table(folder)['run_id'].nunique():,}"


def rank_correlation(folder: str, dataset: str, metric: str, other: str) -> str:
    """Return Spearman's correlation of two metrics over the medians of the configurations."""
    medians = [
        {name: summary(values).median for name, values in _by_entry(folder, dataset, m).items()}
        for m in (metric, other)
    ]
    both = pd.DataFrame(medians).dropna(axis=1).to_numpy()
    return format_signed(float(spearmanr(*both).statistic))


def about(folder: str, root: str = "../..") -> str:
    """Return what a study holds: its runs, seeds, training time and version of the code.

    The root of the repository is as seen from the text, for a link to the study.
    """
    rows = _table(folder)
    last = rows.loc[rows["metric"] == "train_cpu_seconds"].drop_duplicates("run_id", keep="last")
    counts = [f"{runs(folder)} runs", count_seeds(rows["seed"].nunique())]
    if len(last):
        counts.append(f"{format_brief(last['value'].sum() / 60)} CPU minutes of training")
    code_hash = load_study(RESULTS / folder)["code_hash"][:7]
    link = f"[results/{folder}]({root}/results/{folder}/report.html)"
    return f"{', '.join(counts)}, code {code_hash} ({link})."


def command(folder: str) -> str:
    """Return the command that makes the study."""
    return f"`ebmark {STUDIES[folder]}`"


def answer(folder: str) -> str:
    """Return the answer to the study's question, as its report states it."""
    return answer_of(_table(folder), load_study(RESULTS / folder)).sentence


def columns(folder: str, dataset: str, metrics: str, *entries: str) -> str:
    """Return a table of medians: a row for each configuration, a column for each metric.

    The metrics are separated by commas. With null ranges, they are the last row.
    """
    study = load_study(RESULTS / folder)
    names = metrics.split(",")
    found = {name: _by_entry(folder, dataset, name) for name in names}
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
            _table(folder),
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
        by_entry = _by_entry(folder, dataset, metric)
        reached = summary(by_entry[oracle]).median
        for entry, values in by_entry.items():
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


def measured(benchmark: str) -> str:
    """Return the table of a benchmark from its own results."""
    return f"\n{import_module(BENCHMARKS[benchmark]).as_markdown()}\n"


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


FUNCTIONS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (about, answer, columns, command, excess, failed, measured, median)
    + (rank_correlation, runs, seeds, sweep, table, value)
}
