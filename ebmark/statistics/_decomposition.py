"""Sources of the W1 of a configuration: finite samples, model, training method, sampler."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.statistics._intervals import summary
from ebmark.statistics._null import NullComparison, compare_to_null
from ebmark.statistics._paired import SIGNIFICANT, Paired, holm, paired
from ebmark.statistics._runs import final_values, role

Runs = Mapping[str, pd.Series]


class ErrorSources(NamedTuple):
    """Sources of the W1 of a configuration: medians over seeds, NaN where not measured.

    For d > 2, SMC samples replace exact samples.

    Attributes:
        entry: The configuration.
        null_mean: W1 between two independent target samples.
        model: Model error: excess of the oracle's exact samples over `null_mean`, due to finite
            data and the network.
        method: Method error: further excess of the configuration's exact samples.
        sampling: Sampling error: W1 of Langevin to exact samples of the same energy, minus W1
            between two exact samples of it.
        exact: W1 of exact samples.
        langevin: W1 of Langevin samples, the value usually reported.
        sampled: Paired test of the sampling error against its null; p is Holm-adjusted over the
            configurations.
        gap: Paired test of `langevin` against `exact`; p likewise.
        null: Comparison of exact samples with the null; p likewise.
    """

    entry: str
    null_mean: float
    model: float
    method: float
    sampling: float
    exact: float
    langevin: float
    sampled: Paired
    gap: Paired
    null: NullComparison | None = None

    @property
    def total(self) -> float:
        """Sum of all sources: by the triangle inequality, a bound on `langevin` up to nulls."""
        sources = (self.model, self.method, self.sampling)
        return self.null_mean + sum(value for value in sources if not math.isnan(value))

    @property
    def is_converged(self) -> bool:
        """Whether the sampling error is not significantly above its null."""
        return not (self.sampled.p < SIGNIFICANT and self.sampled.difference > 0)

    @property
    def masked(self) -> float:
        """W1 that is masked by unconverged chains, which are closer to the target than exact."""
        is_closer = self.gap.p < SIGNIFICANT and self.gap.difference < 0
        if self.is_converged or not is_closer:
            return 0.0
        return -self.gap.difference


def error_sources(
    table: pd.DataFrame, dataset: str, entries: Sequence[str], null_range: Mapping[str, Any]
) -> list[ErrorSources]:
    r"""Decompose W1 into its sources; each is what it adds to the ones before, at least 0.

    $$ W_1(\mathrm{Langevin}, \mathrm{target}) \le W_1(\mathrm{Langevin}, \mathrm{exact})
       + W_1(\mathrm{exact}, \mathrm{target}) $$

    Args:
        table: Results, with configurations in the column `method`.
        dataset: Name of the dataset.
        entries: Configurations; the oracle among them separates model and method error.
        null_range: The null range of W1 on the dataset.

    Returns:
        One element per configuration with a finite W1 of exact or Langevin samples.
    """
    exact = final_values(table, dataset, "w1_exact") or final_values(table, dataset, "w1_smc")
    langevin = final_values(table, dataset, "w1_langevin")
    errors = final_values(table, dataset, "w1_sampling_error")
    nulls = final_values(table, dataset, "w1_sampling_error_null")
    null_mean = float(null_range["mean"])
    oracle_medians = [_median(exact, entry) for entry in entries if role(entry) == "oracle"]
    oracle_excess = _excess(min(filter(math.isfinite, oracle_medians), default=math.nan), null_mean)
    sources = []
    for entry in entries:
        exact_median = _median(exact, entry)
        langevin_median = _median(langevin, entry)
        if not (math.isfinite(langevin_median) or math.isfinite(exact_median)):
            continue
        excess = _excess(exact_median, null_mean)
        model = oracle_excess
        if excess < oracle_excess:
            model = excess
        entry_sources = ErrorSources(
            entry=entry,
            null_mean=null_mean,
            model=model,
            method=excess - (0.0 if math.isnan(model) else model),
            sampling=_excess(_median(errors, entry), _median(nulls, entry)),
            exact=exact_median,
            langevin=langevin_median,
            sampled=_paired(errors, nulls, entry),
            gap=_paired(langevin, exact, entry),
            null=compare_to_null(_values(exact, entry), null_range),
        )
        sources.append(entry_sources)
    return _adjust(sources)


def _adjust(sources: list[ErrorSources]) -> list[ErrorSources]:
    """Apply Holm's correction to each of the three tests over the configurations."""
    sampled = holm([one.sampled.p for one in sources])
    gaps = holm([one.gap.p for one in sources])
    nulls = holm([one.null.p if one.null else math.nan for one in sources])
    return [
        one._replace(
            sampled=one.sampled._replace(p=p),
            gap=one.gap._replace(p=gap_p),
            null=one.null and one.null.adjusted(null_p),
        )
        for one, p, gap_p, null_p in zip(sources, sampled, gaps, nulls, strict=True)
    ]


def _values(runs: Runs, entry: str) -> pd.Series:
    return runs.get(entry, pd.Series(dtype=float))


def _median(runs: Runs, entry: str) -> float:
    return summary(_values(runs, entry)).median


def _excess(value: float, null: float) -> float:
    """`value - null`, at least 0; NaN if it is not finite."""
    excess = value - null
    return max(excess, 0.0) if math.isfinite(excess) else math.nan


def _paired(a: Runs, b: Runs, entry: str) -> Paired:
    """The test over the seeds with both values: a value that is missing is not a worse one."""
    return paired(*_values(a, entry).dropna().align(_values(b, entry).dropna(), join="inner"))
