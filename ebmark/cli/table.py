"""`ebmark table`: print one metric as a table."""

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
    """Print one metric as a Markdown, LaTeX or CSV table.

    Values have 95% confidence intervals.

    Args:
        folder: a folder written by `ebmark run`.
        metric: a metric of results.csv, such as kl, w1_exact or train_cpu_seconds.
        format: markdown, latex (requires the package booktabs) or csv.
        statistic: mean (geometric if every value is positive, else arithmetic) or median.
        digits: number of significant digits.
    """
    from ebmark.report.paper_table import paper_table, render

    print(render(paper_table(folder, metric, statistic), format, digits), end="")
    return 0
