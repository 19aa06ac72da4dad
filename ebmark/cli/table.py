"""`ebmark table`: one metric as a table."""

from pathlib import Path

from ebmark.cli._common import Positional


def table(
    folder: Positional[Path],
    /,
    metric: str = "kl",
    format: str = "markdown",
    statistic: str = "mean",
    digits: int = 3,
) -> int:
    """Print one metric of a study as a table for a paper, with its 95 % intervals.

    Args:
        folder: the folder that `ebmark run` wrote.
        metric: one of results.csv, such as kl, w1_exact or train_cpu_seconds.
        format: markdown, latex (of the package booktabs) or csv.
        statistic: mean (geometric) or median.
        digits: how many significant ones.
    """
    from ebmark.report.paper_table import paper_table, render

    print(render(paper_table(folder, metric, statistic), format, digits), end="")
    return 0
