"""The answers of the study of sample metrics in 64 dimensions, in words."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.metrics.distortions import ONE_GAUSSIAN, UNDISTORTED
from benchmarks.metrics.power_64_values import LEVEL, Block, exact_kl, rank_correlation

# rank correlations of metrics that are called close to the KL, and those that are called unrelated
HIGH, LOW = 0.8, 0.5


def claims(rows: pd.DataFrame, main: dict[str, Block], blocks: list[Block]) -> list[str]:
    """Return the answers in words: of a main block per kind of units, and of all sample sizes."""
    first = main["pixels"]
    both = [m for m in first.metrics if all(m in block.metrics for block in main.values())]
    medians = {m: [block.median(m) for block in main.values()] for m in both}
    close = [m for m in both if min(medians[m]) >= HIGH]
    unrelated = [m for m in both if max(medians[m]) < LOW]
    best = max(both, key=lambda m: min(medians[m]))
    table = exact_kl(rows)
    references = {m: correlation_with_kl(table.drop(UNDISTORTED), m) for m in table.columns}
    return [
        "# Sample metrics in 64 dimensions",
        "",
        f"**Which sample metrics rank models as the exact KL does?** Of {len(both)} metrics that"
        f" need samples only, {join_names(close)} {_verb(close, 'has', 'have')} a median Spearman"
        f" correlation of at least {HIGH} with KL(target ‖ model) in both units, pixels and"
        f" whitened ({len(first.kl)} distortions of `digits_64`, n = {first.n:,}). The highest"
        f" correlation in the worse of the two units is that of `{best}`: {_pair(medians[best])}."
        f" {join_names(unrelated)} {_verb(unrelated, 'is', 'are')} below {LOW} in both. With exact"
        f" densities, total variation has {references['tv']:.2f}, reverse KL"
        f" {references['reverse_kl']:.2f}, and the Fisher divergence"
        f" {references['fisher_divergence_pixels']:.2f} in pixels and"
        f" {references['fisher_divergence_whitened']:.2f} in whitened units.",
        "",
        *_detection_claims(main, both, table.loc[ONE_GAUSSIAN, "kl"]),
        "",
        *_size_claims(both, blocks),
        "",
        *_advice(main, both, close, best),
        "",
    ]


def _detection_claims(main: dict[str, Block], both: list[str], gaussian_kl: float) -> list[str]:
    first = main["pixels"]
    finders = [m for m in both if all(block.detects_gaussian(m) for block in main.values())]
    lines = [
        "**Which detect an error at all?** One Gaussian with the moments of the target has a KL of"
        f" {gaussian_kl:.1f} nats. At n = {first.n:,}, {join_names(finders)}"
        f" {_verb(finders, 'detects', 'detect')} it in both units.",
    ]
    for units, block in main.items():
        missed = [m for m in block.metrics if not block.detects_gaussian(m)]
        most = [m for m in both if block.num_detected(m) == _most(block, both)]
        rest = f"{join_names(missed)} {_verb(missed, 'does', 'do')} not" if missed else "all do"
        num_better = {m: block.num_better(m) for m in both}
        wrong = sorted((m for m in both if num_better[m]), key=lambda m: -num_better[m])
        counts = [f"`{m}` ({num_better[m]})" for m in wrong]
        lines += [
            f"In {unit_words(units)}, {rest}."
            f" Most distortions are detected by {join_names(most)}: {_most(block, both)} of"
            f" {len(block.kl)}. By some metrics a distorted model is better than"
            f" {LEVEL:.0%} of the target's own samples (number of distortions):"
            f" {', '.join(counts) or 'none'}.",
        ]
    return lines


def _size_claims(both: list[str], blocks: list[Block]) -> list[str]:
    """What the best detector of each sample size detects."""
    texts = []
    for block in blocks:
        names = [m for m in both if m in block.metrics and block.keeps_level(m)]
        if not names:
            continue
        best = [m for m in names if block.num_detected(m) == _most(block, names)]
        texts.append(
            f"{_most(block, names)} at n = {block.n:,} in {unit_words(block.units)}"
            f" ({join_names(best)})"
        )
    return [
        "**How many samples are needed?** The best metric by which the undistorted target is not"
        f" detected itself detects, of {len(blocks[0].kl)} distortions: {'; '.join(texts)}.",
    ]


def _advice(main: dict[str, Block], both: list[str], close: list[str], best: str) -> list[str]:
    finders = [m for m in both if all(block.detects_gaussian(m) for block in main.values())]
    trusted = [m for m in close if m in finders]
    sound = [m for m in both if not any(block.num_better(m) for block in main.values())]
    least = {m: min(block.num_detected(m) for block in main.values()) for m in sound}
    detectors = sorted(sound, key=lambda m: -least[m])[:2]
    text = f"use {join_names(trusted)}, which {_verb(trusted, 'does', 'do')} both in either unit."
    if not trusted:
        text = (
            f"no metric has a correlation of {HIGH} and detects the Gaussian in both units;"
            f" `{best}` comes closest."
        )
    return [
        "**What to trust for d > 2.** The exact KL, where the density is known. To rank models by"
        f" samples alone: {text} To detect an error: of the {len(sound)} metrics by which no"
        f" distorted model is better than the target, {join_names(detectors)} detect most,"
        f" {' and '.join(str(least[m]) for m in detectors)} of {len(main['pixels'].kl)} in the"
        " worse of the two units. A value of any other metric within its null range is no evidence"
        " of a good model.",
    ]


def _most(block: Block, names: list[str]) -> int:
    return max(block.num_detected(name) for name in names)


def _verb(names: list[str], one: str, many: str) -> str:
    return one if len(names) < 2 else many


def _pair(values: list[float]) -> str:
    return f"{values[0]:.2f} in pixels and {values[1]:.2f} in whitened units"


def unit_words(units: str) -> str:
    return "pixels" if units == "pixels" else "whitened units"


def join_names(names: Iterable[str]) -> str:
    """Join names as code; `none` if there are none."""
    words = [f"`{name}`" for name in names]
    if len(words) < 2:
        return "".join(words) or "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def correlation_with_kl(table: pd.DataFrame, metric: str) -> float:
    return rank_correlation(table[metric], table["kl"])
