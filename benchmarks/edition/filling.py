"""Fill numbers and tables in Markdown from `results/`.

A text between two comments is replaced by what the first one asks for:

    <!-- results: median images digits_64 kl dsm -->3.6<!-- end -->
    <!-- results: table comparison kl -->
    ...
    <!-- end -->

The words are those of a command line: a function of `FUNCTIONS` and its arguments.
"""

import functools
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ebmark.errors import UserError
from ebmark.report.page._numbers import format_brief, format_signed
from ebmark.statistics import all_positive, final_values, role, summary
from ebmark.store.schema import load_study
from ebmark.store.table import read, with_entries

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


def _values(folder: str, dataset: str, metric: str, entry: str) -> pd.Series:
    return final_values(_table(folder), dataset, metric)[entry]


def median(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return the median over seeds; a run that diverged or is unresolved counts as the worst."""
    return format_brief(summary(_values(folder, dataset, metric, entry)).median)


def failed(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return how many runs diverged or are unresolved."""
    return str(summary(_values(folder, dataset, metric, entry)).diverged)


def seeds(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return the number of seeds."""
    return str(summary(_values(folder, dataset, metric, entry)).n)


def runs(folder: str) -> str:
    """Return the number of runs."""
    return f"{_table(folder)['run_id'].nunique():,}"


def rank_correlation(folder: str, dataset: str, metric: str, other: str) -> str:
    """Return Spearman's correlation of two metrics over the medians of the configurations."""
    medians = [
        {name: summary(values).median for name, values in final_values(rows, dataset, m).items()}
        for rows, m in ((_table(folder), metric), (_table(folder), other))
    ]
    both = pd.DataFrame(medians).dropna(axis=1)
    return format_signed(float(both.rank(axis=1).T.corr().iloc[0, 1]))


def table(folder: str, metric: str, *entries: str) -> str:
    """Return a table of geometric means [95% interval] by configuration and dataset.

    The lowest mean of the methods, without oracle and baselines, is bold.
    """
    rows = _table(folder)
    datasets = list(dict.fromkeys(rows["dataset"]))
    columns = {dataset: final_values(rows, dataset, metric) for dataset in datasets}
    names = entries or tuple(dict.fromkeys(rows["method"]))
    lines = ["", "| " + " | ".join(["", *(f"`{name}`" for name in datasets)]) + " |"]
    lines.append("|---" * (1 + len(datasets)) + "|")
    cells = {dataset: _cells(columns[dataset], names) for dataset in datasets}
    for name in names:
        label = f"`{name}`" + (f" ({role(name)})" if role(name) else "")
        lines.append(f"| {label} | " + " | ".join(cells[d][name] for d in datasets) + " |")
    return "\n".join([*lines, ""])


def _cells(columns: dict[str, pd.Series], names: tuple[str, ...]) -> dict[str, str]:
    is_geometric = all_positive(columns[name] for name in names)
    sums = {name: summary(columns[name], is_geometric=is_geometric) for name in names}
    methods = [name for name in names if role(name) is None]
    # a mean without the runs that failed is not compared
    whole = [name for name in methods if not sums[name].diverged]
    best = min(whole, key=lambda name: sums[name].mean) if whole else None
    cells = {}
    for name, s in sums.items():
        mean, low, high = (format_brief(value, 3) for value in (s.mean, s.low, s.high))
        mean = f"**{mean}**" if name == best else mean
        failures = f" ({s.diverged} of {s.n} failed)" if s.diverged else ""
        cells[name] = f"{mean} [{low}, {high}]{failures}"
    return cells


FUNCTIONS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (median, failed, seeds, runs, rank_correlation, table)
}
