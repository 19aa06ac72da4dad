"""Fill numbers and tables in Markdown from `results/` and `benchmarks/results/`.

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

from benchmarks.cli import waiting as waiting_times
from ebmark.errors import UserError
from ebmark.report.page._numbers import format_brief, format_signed
from ebmark.report.paper_table import paper_table, render
from ebmark.statistics import final_values, summary
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
    """Return the table of `ebmark table`, of all configurations or only of some, in their order."""
    whole = paper_table(RESULTS / folder, metric)
    rows = dict(whole.rows)
    chosen = [(name, rows[name]) for name in entries or rows]
    return "\n" + render(whole._replace(rows=chosen), "markdown")


def waiting() -> str:
    """Return the table of what people wait for, from `benchmarks/results/waiting.json`."""
    return f"\n{waiting_times.as_markdown(waiting_times.read_results())}\n"


FUNCTIONS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (median, failed, seeds, runs, rank_correlation, table, waiting)
}
