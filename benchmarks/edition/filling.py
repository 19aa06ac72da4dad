"""Fill numbers and tables in Markdown from `results/` and `benchmarks/results/`.

A text between two comments is replaced by what the first one asks for:

    <!-- results: median images digits_64 kl dsm -->3.6<!-- end -->
    <!-- results: table comparison kl -->
    ...
    <!-- end -->

The words are those of a command line: a function of `FUNCTIONS` and its arguments.
"""

import re
import shlex
from collections.abc import Callable

import pandas as pd
from scipy.stats import spearmanr

from benchmarks.edition.published import RESULTS, by_entry, rows_of
from benchmarks.edition.studies import STUDIES
from benchmarks.edition.tables import columns, excess, measured, step_biases, sweep, table, tuned
from ebmark.errors import UserError
from ebmark.report.page._answer import answer as answer_of
from ebmark.report.page._numbers import count_seeds, format_brief, format_signed
from ebmark.statistics import summary, worst_if_diverged
from ebmark.store.schema import load_study

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


def median(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return the median over seeds; a run that diverged or is unresolved counts as the worst."""
    return format_brief(summary(by_entry(folder, dataset, metric)[entry]).median)


def value(folder: str, dataset: str, metric: str, entry: str, seed: str) -> str:
    """Return the value of one run."""
    return format_brief(float(by_entry(folder, dataset, metric)[entry].loc[int(seed)]))


def failed(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return how many runs diverged or are unresolved."""
    return str(summary(by_entry(folder, dataset, metric)[entry]).diverged)


def span(folder: str, dataset: str, metric: str, entry: str) -> str:
    """Return the lowest and the highest value of the seeds; a run that diverged is the worst."""
    values = worst_if_diverged(by_entry(folder, dataset, metric)[entry])
    return f"{format_brief(float(values.min()))} to {format_brief(float(values.max()))}"


def seeds(folder: str) -> str:
    """Return the number of seeds."""
    return str(rows_of(folder)["seed"].nunique())


def runs(folder: str) -> str:
    """Return the number of runs."""
    return f"{rows_of(folder)['run_id'].nunique():,}"


def rank_correlation(folder: str, dataset: str, metric: str, other: str) -> str:
    """Return Spearman's correlation of two metrics over the medians of the configurations."""
    medians = [
        {name: summary(values).median for name, values in by_entry(folder, dataset, m).items()}
        for m in (metric, other)
    ]
    both = pd.DataFrame(medians).dropna(axis=1).to_numpy()
    return format_signed(float(spearmanr(*both).statistic))


def about(folder: str, root: str = "../..") -> str:
    """Return what a study holds: its runs, seeds, training time and version of the code.

    The root of the repository is as seen from the text, for a link to the study.
    """
    rows = rows_of(folder)
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
    return answer_of(rows_of(folder), load_study(RESULTS / folder)).sentence


FUNCTIONS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (about, answer, columns, command, excess, failed, measured, median)
    + (rank_correlation, runs, seeds, span, step_biases, sweep, table, tuned, value)
}
