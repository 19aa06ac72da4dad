"""The page of the study of sample metrics in 64 dimensions, from its rows alone."""

import numpy as np
import pandas as pd

from benchmarks.metrics.distortions import MODE_WEIGHTS, ONE_GAUSSIAN, REST, UNDISTORTED
from benchmarks.metrics.power_64 import EXACT, PIXELS, TRAINED, WHITENED
from benchmarks.metrics.power_64_claims import claims, correlation_with_kl, join_names, unit_words
from benchmarks.metrics.power_64_values import (
    HIGHER_IS_BETTER,
    LEVEL,
    Block,
    exact_kl,
)

UNITS = (PIXELS, WHITENED)
# sample size of the claims and of the table of single distortions
MAIN_SIZE = 1_000
OF_TARGET_DENSITY = ("high_quality_fraction", "mode_frequency_tv")
REFERENCES = {
    "reverse_kl": "reverse KL, KL(model ‖ target)",
    "tv": "total variation",
    "fisher_divergence_pixels": "Fisher divergence, pixels",
    "fisher_divergence_whitened": "Fisher divergence, whitened",
}
KINDS = {"langevin": "Langevin chains", "smc": "SMC samples", "native": "native sampler"}


def page(rows: pd.DataFrame) -> str:
    """Return the Markdown of docs/metrics/power_64.md."""
    sizes = sorted(rows.loc[rows["units"].isin(UNITS), "n"].unique())
    blocks = [Block(rows, n, units) for n in sizes for units in UNITS]
    blocks = [block for block in blocks if block.metrics]
    main = {block.units: block for block in blocks if block.n == MAIN_SIZE}
    parts = [
        *claims(rows, main, blocks),
        *_exact(rows),
        *_correlations(blocks),
        *_single(main),
        *_trained(rows),
        *_limits(rows, blocks),
    ]
    return "\n".join(parts) + "\n"


def _exact(rows: pd.DataFrame) -> list[str]:
    table = exact_kl(rows)
    num = int(rows.loc[rows["units"] == EXACT, "n"].iloc[0])
    kl = table["kl"].drop(UNDISTORTED)
    order = [UNDISTORTED, *kl.sort_values().index]
    lines = [
        "## Distortions",
        "",
        f"Each is a mixture of Gaussians with an exact density; divergences are averages over"
        f" {num:,} samples, in nats for KL. A dropped mode keeps {REST:g} of its weight, so that"
        " the KL is finite. The last row is the Spearman correlation with KL over the"
        f" {len(kl)} distortions.",
        "",
        f"| distortion | KL(target ‖ model) ± standard error | {' | '.join(REFERENCES.values())} |",
        f"|---|---:|{'---:|' * len(REFERENCES)}",
    ]
    for name in order:
        values = " | ".join(f"{table.loc[name, m]:.3g}" for m in REFERENCES)
        lines.append(
            f"| {name} | {table.loc[name, 'kl']:.3f} ± {table.loc[name, 'kl_error']:.3f} "
            f"| {values} |"
        )
    last = " | ".join(f"{correlation_with_kl(table.drop(UNDISTORTED), m):.2f}" for m in REFERENCES)
    return [*lines, f"| Spearman correlation | 1 | {last} |", ""]


def _correlations(blocks: list[Block]) -> list[str]:
    lines = [
        "## Rank correlation and detection",
        "",
        "ρ is the Spearman correlation with the exact KL over the distortions: median over seeds"
        " and range. *Without weights*: without the distortions of mode weights alone."
        " *Detected*: distortions whose value is worse than the"
        f" {LEVEL:.0%} quantile of target against target in more than half of the seeds."
        " *Gaussian* and *level*: seeds in which that holds for the one Gaussian and for the"
        " undistorted target.",
        "",
    ]
    for block in blocks:
        lines += [
            f"### n = {block.n:,}, {unit_words(block.units)}",
            "",
            f"Seeds: {max(block.num_seeds.values())}, fewer where the counts say so.",
            "",
            "| metric | ρ | range | ρ without weights | detected | Gaussian | level | null draws |",
            "|---|---:|---|---:|---:|---:|---:|---:|",
        ]
        for metric in sorted(block.metrics, key=lambda m: -block.median(m)):
            lines.append(_row(block, metric))
        lines.append("")
    return lines


def _row(block: Block, metric: str) -> str:
    values = block.correlations(metric)
    without = np.median(block.correlations(metric, without=MODE_WEIGHTS))
    num = block.num_seeds[metric]
    fractions = block.detections(metric)
    counts = [f"{round(fractions[name] * num)} of {num}" for name in (ONE_GAUSSIAN, UNDISTORTED)]
    texts = [
        f"`{metric}`",
        f"{np.median(values):.2f}",
        f"{values.min():.2f} to {values.max():.2f}",
        f"{without:.2f}",
        f"{block.num_detected(metric)} of {len(block.kl)}",
        *counts,
        str(block.null[metric].count()),
    ]
    return f"| {' | '.join(texts)} |"


def _single(main: dict[str, Block]) -> list[str]:
    """The seeds that detect each distortion."""
    lines = [
        "## Single distortions",
        "",
        f"Percentage of seeds, at n = {MAIN_SIZE:,}, in which a metric is worse than the"
        f" {LEVEL:.0%} quantile of target against target. *better*: in more than half of the seeds"
        " the distorted model has a better value than all but 5% of the target's own samples.",
        "",
    ]
    for units, block in main.items():
        lines += [
            f"### {unit_words(units).capitalize()}",
            "",
            f"| distortion | KL | {' | '.join(f'`{m}`' for m in block.metrics)} |",
            f"|---|---:|{'---:|' * len(block.metrics)}",
        ]
        worse = {m: block.detections(m) for m in block.metrics}
        better = {m: block.improvements(m) for m in block.metrics}
        for name in block.kl.sort_values().index:
            texts = [
                "better" if better[m][name] > 0.5 else f"{100 * worse[m][name]:.0f}"
                for m in block.metrics
            ]
            lines.append(f"| {name} | {block.kl[name]:.2f} | {' | '.join(texts)} |")
        lines.append("")
    return lines


def _trained(rows: pd.DataFrame) -> list[str]:
    of = rows[rows["units"] == TRAINED]
    table = of.pivot(index=["distortion", "seed"], columns="metric", values="value")
    if table.empty:
        return []
    for metric in table.columns:
        if metric.removesuffix(f"_{metric.split('_')[-1]}") in HIGHER_IS_BETTER:
            table[metric] = -table[metric]
    is_resolved = np.isfinite(table["kl"])
    of_methods = table.groupby("distortion").median()
    lines = [
        "## Trained models",
        "",
        f"Spearman correlation with the KL over {len(table)} runs of {len(of_methods)} methods"
        f" (study `images`, {of['n'].iloc[0]:,} samples per run), over the {is_resolved.sum()} runs"
        " with a resolved KL, and over the medians of the methods. A run with an unresolved KL"
        " ranks last; diverged runs have no values. *Native sampler*: that of the method, where it"
        " has one. The last row needs no samples.",
        "",
        "| metric | samples | runs | methods | ρ over runs | ρ over resolved runs |"
        " ρ over methods |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for kind, words in KINDS.items():
        names = [m for m in table.columns if m.endswith(f"_{kind}")]
        for metric in sorted(names, key=lambda m: -correlation_with_kl(table, m)):
            texts = [f"`{metric.removesuffix(f'_{kind}')}`", words, str(table[metric].count())]
            texts += [str(of_methods[metric].count()), f"{correlation_with_kl(table, metric):.2f}"]
            texts += [
                f"{correlation_with_kl(of, metric):.2f}" for of in (table[is_resolved], of_methods)
            ]
            lines.append(f"| {' | '.join(texts)} |")
    name = "fisher_divergence"
    texts = [f"`{name}`", "none", str(table[name].count()), str(of_methods[name].count())]
    texts += [
        f"{correlation_with_kl(t, name):.2f}" for t in (table, table[is_resolved], of_methods)
    ]
    return [*lines, f"| {' | '.join(texts)} |", ""]


def _limits(rows: pd.DataFrame, blocks: list[Block]) -> list[str]:
    sizes = [f"{b.n:,} in {unit_words(b.units)}" for b in blocks]
    draws = {int(block.null[m].count()) for block in blocks for m in block.metrics}
    levels = [f"{_level(num):.2f} with {num}" for num in sorted(draws)]
    hours = rows["cpu_seconds"].sum() / 3600
    return [
        "## Limits",
        "",
        "- One target, a mixture fitted to digits, and distortions of our choice: a rank"
        " correlation depends on the mix of distortions.",
        f"- Complete are n = {'; '.join(sizes)}. A null quantile of few draws is uncertain:"
        f" target samples exceed it with probability {', '.join(levels)} draws.",
        "- The samples of a seed share their target samples, and are exact: errors of a sampler"
        " come on top.",
        f"- {join_names(OF_TARGET_DENSITY)} use the density or the score of the target.",
        "- [Metrics](../reference/metrics.md) explains the names. `c2st` is a gradient-boosted"
        " forest, `c2st_mlp` a network of two hidden layers of 256 units, `c2st_1nn` the nearest"
        " neighbor; all are accuracies on points that they were not trained on.",
        "",
        f"Created by `python -m benchmarks.metrics.power_64` ({hours:.1f} CPU hours of metrics on"
        " one thread) from `benchmarks/results/metric_power_64.csv`; `--page` only makes the page.",
    ]


def _level(num: int) -> float:
    """The probability that a further value exceeds the interpolated quantile of some values."""
    return 1 - (1 + LEVEL * (num - 1)) / (num + 1)
