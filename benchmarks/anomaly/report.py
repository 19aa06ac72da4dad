"""The page and the figure of results/anomaly, from its table of runs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.anomaly.detectors import DEFAULT
from ebmark.report.figures import svg
from ebmark.report.figures._axes import set_entries
from ebmark.report.figures._style import blank, styled
from ebmark.report.markdown import table
from ebmark.statistics import SIGNIFICANT, Paired, Ranks, bca, holm, paired, rank
from ebmark.store.method_info import look

HEADS = ("detector", "mean AUROC", "95% interval", "mean rank", "mean average precision")

PAGE = """# Anomaly scores on fourteen labeled tables

`python -m benchmarks.anomaly` runs what [results.csv](results.csv) lacks and writes this page;
`--remake` writes only the page. [Protocol and configurations](../../benchmarks/anomaly/README.md):
each detector is fitted to a random half of the normal rows of a
[table](../../benchmarks/anomaly/data/README.md), and scores the other half and all anomalies. Means
are over {num_seeds} seeds, then over tables; intervals are BCa bootstraps over tables. Code {code}.

## Result

{answer}

{summary}

![AUROC of each detector: dots are tables, large markers means with 95% intervals](auroc.svg)

## The default against the others

Difference of AUROC over tables (Hodges-Lehmann estimate, 95% interval, Holm-adjusted p of the
Wilcoxon signed-rank test); positive where the default is higher.

{tests}

## AUROC per table

Means over seeds; the highest value of a table is bold.

{by_table}
"""
ANSWER = """**The {name} has a mean AUROC of {auroc:.3f} and a mean rank of {rank:.1f} of {num}.**
The highest mean AUROC is that of {best}, the best mean rank that of {first}.
Friedman's test that all ranks are equal: p = {friedman:.2g}.
AUROC significantly below that of the default: {lower}; significantly above: {higher}
(Wilcoxon signed-rank over {num_tables} tables, Holm-adjusted p < {level})."""


def means(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean over seeds of each table (rows) and detector (columns)."""
    return rows.pivot_table(index="table", columns="detector", values=metric, sort=False)


def ranking(auroc: pd.DataFrame) -> Ranks:
    """Rank detectors by their AUROC; 1 is best."""
    return rank(-auroc.to_numpy(), [*auroc.index], [*auroc.columns])


def compare(auroc: pd.DataFrame) -> dict[str, Paired]:
    """Test the default against each other detector over tables, with Holm-adjusted p-values."""
    others = [name for name in auroc.columns if name != DEFAULT]
    tests = [paired(-auroc[DEFAULT], -auroc[name]) for name in others]
    adjusted = holm([test.p for test in tests])
    return {
        name: Paired(test.n, p, -test.difference, -test.high, -test.low)
        for name, test, p in zip(others, tests, adjusted, strict=True)
    }


def page(rows: pd.DataFrame) -> str:
    """Return the Markdown of results/anomaly/README.md."""
    auroc = means(rows, "auroc")
    ranks = ranking(auroc)
    precision = means(rows, "average_precision").mean()
    mean_rank = dict(zip(ranks.entries, ranks.mean, strict=True))
    order = auroc.mean().sort_values(ascending=False).index
    summary = []
    for name in order:
        mean, low, high = bca(auroc[name])
        values = (f"{mean:.3f}", f"[{low:.3f}, {high:.3f}]", f"{mean_rank[name]:.1f}")
        summary.append([_shown(name), *values, f"{precision[name]:.3f}"])
    tests = [
        [name, f"{t.difference:+.3f}", f"[{t.low:+.3f}, {t.high:+.3f}]", f"{t.p:.2g}"]
        for name, t in compare(auroc).items()
    ]
    by_table = [
        [str(name), *(_bold(value, values) for value in values)]
        for name, values in zip(auroc.index, auroc[order].to_numpy(), strict=True)
    ]
    return PAGE.format(
        num_seeds=rows["seed"].nunique(),
        code=", ".join(rows["code"].unique()),
        answer=answer(auroc, ranks),
        summary="\n".join(table(HEADS, summary)),
        tests="\n".join(table(("detector", "difference", "95% interval", "p"), tests)),
        by_table="\n".join(table(("table", *map(str, order)), by_table)),
    )


def answer(auroc: pd.DataFrame, ranks: Ranks) -> str:
    """Say what the study shows."""
    mean, tests = auroc.mean(), compare(auroc)
    best = str(mean.idxmax())
    lower = [n for n, t in tests.items() if t.p < SIGNIFICANT and t.difference > 0]
    higher = [n for n, t in tests.items() if t.p < SIGNIFICANT and t.difference < 0]
    mean_rank = ranks.mean[ranks.entries.index(DEFAULT)]
    return ANSWER.format(
        name=DEFAULT,
        auroc=mean[DEFAULT],
        rank=mean_rank,
        num=len(ranks.entries),
        best=f"{best} ({mean[best]:.3f})",
        first=f"{ranks.entries[0]} ({ranks.mean[0]:.1f})",
        friedman=ranks.p,
        lower=", ".join(lower) or "none",
        higher=", ".join(higher) or "none",
        level=SIGNIFICANT,
        num_tables=len(auroc),
    )


@styled
def draw(rows: pd.DataFrame) -> Figure:
    """Draw the AUROC of each detector: dots are tables, large markers means with intervals."""
    auroc = means(rows, "auroc")
    order = [str(name) for name in auroc.mean().sort_values(ascending=False).index]
    figure = blank(6.4, 0.9 + 0.3 * len(order))
    axes = figure.subplots()
    for row, name in enumerate(order):
        library, _, method = name.partition("ebmark ")
        drawn = look("gaussian" if library else method)
        mean, low, high = bca(auroc[name])
        axes.plot(auroc[name], np.full(len(auroc), row), ".", color=drawn.color, alpha=0.4)
        axes.plot([low, high], [row, row], color=drawn.color, linewidth=1.5)
        axes.plot([mean], [row], drawn.marker, color=drawn.color, markersize=8)
    set_entries(axes, order)
    axes.set_xlabel("AUROC")
    axes.grid(axis="x")
    return figure


def picture(rows: pd.DataFrame) -> bytes:
    """Return the figure as an SVG file."""
    return svg(draw(rows))


def _shown(name: str) -> str:
    return f"**{name}**" if name == DEFAULT else name


def _bold(value: float, values: np.ndarray) -> str:
    return f"**{value:.3f}**" if value == values.max() else f"{value:.3f}"
