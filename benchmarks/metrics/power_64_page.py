"""The page of the study of sample metrics in 64 dimensions, from its rows alone."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmarks.metrics.distortions import MODE_WEIGHTS, ONE_GAUSSIAN, REST, UNDISTORTED
from benchmarks.metrics.power_64_values import EXACT, HIGHER_IS_BETTER, LEVEL, Block, exact_kl

TRAINED = "trained"
UNITS = ("pixels", "whitened")
# sample size of the claims and of the table of single distortions
MAIN_SIZE = 1_000
# rank correlations of metrics that the page calls close to the KL, and those it calls unrelated
HIGH, LOW = 0.8, 0.5
OF_TARGET_DENSITY = ("high_quality_fraction", "mode_frequency_tv", "ksd_sq")
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
        *_claims(rows, main),
        *_exact(rows),
        *_correlations(blocks),
        *_single(main),
        *_trained(rows),
        *_limits(rows, blocks),
    ]
    return "\n".join(parts) + "\n"


def _claims(rows: pd.DataFrame, main: dict[str, Block]) -> list[str]:
    first = main["pixels"]
    both = [m for m in first.metrics if all(m in block.metrics for block in main.values())]
    medians = {m: [block.median(m) for block in main.values()] for m in both}
    close = [m for m in both if min(medians[m]) >= HIGH]
    unrelated = [m for m in both if max(medians[m]) < LOW]
    finders = [m for m in both if all(block.detects_gaussian(m) for block in main.values())]
    table = exact_kl(rows)
    references = {m: _rank_correlation(table, m) for m in REFERENCES}
    best = max(both, key=lambda m: min(medians[m]))
    most = {units: max(b.metrics, key=b.num_detected) for units, b in main.items()}
    gaussian = table.loc[ONE_GAUSSIAN, "kl"]
    lines = [
        "# Sample metrics in 64 dimensions",
        "",
        f"**Which sample metrics rank models as the exact KL does?** Of {len(both)} sample metrics,"
        f" {_names(close)} {'has' if len(close) == 1 else 'have'} a median Spearman correlation of"
        f" at least {HIGH} with KL(target ‖ model) both in pixels and in whitened units"
        f" ({len(first.kl)} distortions of `digits_64`, n = {first.n:,}). The highest is that of"
        f" `{best}`: {_pair(medians[best])}. {_names(unrelated)}"
        f" {'is' if len(unrelated) == 1 else 'are'} below {LOW} in both units. With exact"
        f" densities, reverse KL has {references['reverse_kl']:.2f}, and the Fisher divergence"
        f" {references['fisher_divergence_pixels']:.2f} in pixels and"
        f" {references['fisher_divergence_whitened']:.2f} in whitened units.",
        "",
        f"**Which detect an error at all?** One Gaussian with the moments of the target has a KL of"
        f" {gaussian:.1f} nats. At n = {first.n:,}, {_names(finders)}"
        f" {'detects' if len(finders) == 1 else 'detect'} it in both units.",
    ]
    for units, block in main.items():
        missed = [m for m in block.metrics if not block.detects_gaussian(m)]
        name = most[units]
        lines += [
            f"In {_unit_words(units)}, {_names(missed)} {'does' if len(missed) == 1 else 'do'} not;"
            f" `{name}` detects most distortions, {block.num_detected(name)} of {len(block.kl)}.",
        ]
    trusted = sorted(set(close) & set(finders), key=lambda m: -min(medians[m]))
    lines += [
        "",
        "**For d > 2, trust** the exact KL where the density is known."
        f" To rank models by samples alone, use {_names(trusted)}: close to the KL and able to"
        " detect the Gaussian, both in either units."
        f" To detect an error, use {_names(sorted(set(most.values())))}."
        " No value of another sample metric within its null range is evidence of a good model.",
        "",
    ]
    return lines


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
    last = " | ".join(f"{_rank_correlation(table, m):.2f}" for m in REFERENCES)
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
            f"### n = {block.n:,}, {_unit_words(block.units)}",
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
    cells = [
        f"`{metric}`",
        f"{np.median(values):.2f}",
        f"{values.min():.2f} to {values.max():.2f}",
        f"{without:.2f}",
        f"{block.num_detected(metric)} of {len(block.kl)}",
        *counts,
        str(block.null[metric].count()),
    ]
    return f"| {' | '.join(cells)} |"


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
            f"### {_unit_words(units).capitalize()}",
            "",
            f"| distortion | KL | {' | '.join(f'`{m}`' for m in block.metrics)} |",
            f"|---|---:|{'---:|' * len(block.metrics)}",
        ]
        worse = {m: block.detections(m) for m in block.metrics}
        better = {m: block.improvements(m) for m in block.metrics}
        for name in block.kl.sort_values().index:
            cells = [
                "better" if better[m][name] > 0.5 else f"{100 * worse[m][name]:.0f}"
                for m in block.metrics
            ]
            lines.append(f"| {name} | {block.kl[name]:.2f} | {' | '.join(cells)} |")
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
    kl = table["kl"]
    of_methods = table.groupby("distortion").median()
    lines = [
        "## Trained models",
        "",
        f"Spearman correlation with the KL over {len(table)} runs of {len(of_methods)} methods"
        f" (study `images`, {of['n'].iloc[0]:,} samples per run), and over the medians of the"
        f" methods. {int(np.isinf(kl).sum())} runs with an unresolved KL rank last; diverged runs"
        " have no values. A native sampler is that of the method. Fisher divergence, which needs"
        f" no samples: {_over_runs(table, 'fisher_divergence')} over runs,"
        f" {_over_runs(of_methods, 'fisher_divergence')} over methods.",
        "",
        "| metric | samples | runs | ρ over runs | ρ over methods |",
        "|---|---|---:|---:|---:|",
    ]
    for kind, words in KINDS.items():
        names = [m for m in of["metric"].unique() if m.endswith(f"_{kind}")]
        for metric in sorted(names, key=lambda m: -table[m].corr(kl, method="spearman")):
            lines.append(
                f"| `{metric.removesuffix(f'_{kind}')}` | {words} | {table[metric].count()} |"
                f" {_over_runs(table, metric)} | {_over_runs(of_methods, metric)} |"
            )
    return [*lines, ""]


def _limits(rows: pd.DataFrame, blocks: list[Block]) -> list[str]:
    sizes = [f"{b.n:,} in {_unit_words(b.units)}" for b in blocks]
    least = min(block.null[m].count() for block in blocks for m in block.metrics)
    hours = rows["cpu_seconds"].sum() / 3600
    return [
        "## Limits",
        "",
        "- One target, a mixture fitted to digits, and distortions of our choice: a rank"
        " correlation depends on the mix of distortions.",
        f"- Complete are n = {'; '.join(sizes)}. A null quantile of few draws (here at least"
        f" {least}) is itself uncertain: with 20, an undistorted sample exceeds it with"
        " probability 0.05 to 0.1 on average.",
        "- The samples of a seed share their target samples, and are exact: errors of a sampler"
        " come on top.",
        f"- {_names(OF_TARGET_DENSITY)} use the density or the score of the target.",
        "- `c2st` is a gradient-boosted forest, `c2st_mlp` a network of two hidden layers of 256"
        " units, `c2st_1nn` the nearest neighbor; all are accuracies on points that they were not"
        " trained on.",
        "",
        f"Created by `python -m benchmarks.metrics.power_64` ({hours:.1f} CPU hours of metrics on"
        " one thread) from `benchmarks/results/metric_power_64.csv`; `--page` only makes the page.",
    ]


def _rank_correlation(table: pd.DataFrame, metric: str) -> float:
    return _correlate(table.drop(UNDISTORTED), metric)


def _correlate(table: pd.DataFrame, metric: str) -> float:
    return float(table[metric].corr(table["kl"], method="spearman"))


def _over_runs(table: pd.DataFrame, metric: str) -> str:
    return f"{_correlate(table, metric):.2f}"


def _unit_words(units: str) -> str:
    return "pixels" if units == "pixels" else "whitened units"


def _pair(values: list[float]) -> str:
    return f"{values[0]:.2f} in pixels and {values[1]:.2f} in whitened units"


def _names(names: Iterable[str]) -> str:
    """Join names as code; `none` if there are none."""
    words = [f"`{name}`" for name in names]
    if len(words) < 2:
        return "".join(words) or "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"
