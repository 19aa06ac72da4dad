"""Verdicts: direction, values that are unknown, missing seeds, the null, Holm's correction."""

import doctest
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ebmark.statistics import (
    _null,
    best,
    compare_to_null,
    compare_to_reference,
    curve,
    error_sources,
    final_values,
    paired,
    paired_by_seed,
    ranks,
    summary,
    sweep_points,
    usable,
)

NAN = math.nan
INF = math.inf
PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)
COLUMNS = ["dataset", "method", "seed", "step", "metric", "value", "status"]


def table(values, metric="kl", dataset="d"):
    """Results of method -> values by seed; NaN diverged, None is a completed run without a row."""
    rows = []
    for method, by_seed in values.items():
        for seed, value in enumerate(by_seed):
            lost = value is not None and math.isnan(value)
            status = "diverged" if lost else "done"
            if value is not None:
                rows.append((dataset, method, seed, 1, metric, value, status))
            rows.append((dataset, method, seed, 1, "train_seconds", 1.0, status))
    return pd.DataFrame(rows, columns=COLUMNS)


def negated(results, metric):
    is_metric = results["metric"] == metric
    return results.assign(value=results["value"].where(~is_metric, -results["value"]))


seed_values = st.lists(
    st.one_of(st.floats(-100, 100), st.just(NAN)), min_size=7, max_size=7
)  # one value per seed of a method


@pytest.mark.full
@PROPERTY
@given(st.lists(seed_values, min_size=3, max_size=3))
def test_verdicts_mirror_with_direction(columns):
    """Of a metric of which more is better, every verdict is that of the negated metric."""
    falling = table(dict(zip("abc", columns, strict=True)))
    rising = negated(falling, "kl")
    args = (["d"], list("abc"), "kl")
    assert ranks(falling, *args) == ranks(rising, *args, higher_is_better=True)
    assert best(falling, "d", "kl") == best(rising, "d", "kl", higher_is_better=True)
    low = compare_to_reference(falling, *args, "a")
    high = compare_to_reference(rising, *args, "a", higher_is_better=True)
    for one, other in zip(low, high, strict=True):
        np.testing.assert_equal(one.paired.p, other.paired.p)
        np.testing.assert_equal(one.paired.difference, -other.paired.difference)
        np.testing.assert_equal(one.paired.low, -other.paired.high)
        assert one.median == -other.median and one.adjusted is not None


@pytest.mark.full
@PROPERTY
@given(st.lists(seed_values, min_size=2, max_size=2), st.sets(st.integers(0, 6), max_size=6))
def test_value_without_row_counts_as_diverged(columns, unknown):
    """A completed run without a KL, or with an infinite one, is judged as a diverged one."""
    a, b = columns
    lost, missing, infinite = (
        table({"a": a, "b": [mark if i in unknown else v for i, v in enumerate(b)]})
        for mark in (NAN, None, INF)
    )
    for other in (missing, infinite):
        expected, actual = (final_values(one, "d", "kl") for one in (lost, other))
        assert expected.keys() == actual.keys()
        for method in expected:
            pd.testing.assert_series_equal(expected[method], actual[method])
        assert best(lost, "d", "kl") == best(other, "d", "kl")


def test_method_without_any_value_counts_as_worst():
    results = table({"a": [1.0, 2.0], "b": [None, None]})
    assert final_values(results, "d", "kl")["b"].isna().all()
    assert best(results, "d", "kl").method == "a"
    # Other metrics are those of some methods only.
    assert "b" not in final_values(table({"a": [1.0], "b": [None]}, "noise_ess"), "d", "noise_ess")


def test_run_without_value_is_worst_during_training():
    results = table({"a": [1.0, 2.0, None]})
    costs = results.loc[results["metric"] == "train_seconds"]
    for cost in ("network_evaluations", "train_cpu_seconds"):
        results = pd.concat([results, costs.assign(metric=cost)])
    assert sorted(curve(results, "d", "a", "kl").values[0]) == [1.0, 2.0, INF]


def by_seed(values):
    return pd.Series(values, dtype=float)


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_entry_known_on_six_of_ten_seeds_is_not_best(higher_is_better):
    sign = -1 if higher_is_better else 1
    a = by_seed({seed: sign * (1.0 + 0.01 * seed) for seed in range(10)})
    b = by_seed({seed: sign * (0.5 + 0.01 * seed) for seed in range(6)})
    assert paired(*a.align(b, join="inner")).p < 0.05
    assert paired_by_seed(b, a, higher_is_better=higher_is_better).p > 0.05
    assert paired_by_seed(a, b, higher_is_better=higher_is_better).p > 0.05


def test_missing_seeds_of_the_worse_are_no_evidence():
    """An unfinished configuration is not significantly worse for its missing runs."""
    a = by_seed({seed: 1.0 + 0.01 * seed for seed in range(30)})
    noise = np.random.default_rng(0).normal(size=8)
    b = by_seed({seed: 1.0 + 0.01 * seed + noise[seed] for seed in range(8)})
    for worse in (b + 0.1, b - 0.1):
        assert paired_by_seed(a, worse).p > 0.05
    complete = paired_by_seed(a, a + 1)
    assert complete == paired(a, a + 1) and complete.p < 1e-6


@PROPERTY
@given(seed_values, seed_values, st.sets(st.integers(0, 6), max_size=6))
def test_missing_seeds_never_help(a, b, missing):
    """p is never lower without some seeds of the better one, as if these had diverged."""
    kept = {seed: value for seed, value in enumerate(a) if seed not in missing}
    test = paired_by_seed(by_seed(kept), by_seed(dict(enumerate(b))))
    if test.p < 0.05 and test.difference < 0:
        worst = [kept.get(seed, NAN) for seed in range(7)]
        assert paired(worst, b).p == test.p


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_sweep_follows_direction(higher_is_better):
    sign = -1 if higher_is_better else 1
    rows = []
    for step, level in ((0.1, 9.0), (0.2, 1.5), (0.3, 1.0), (0.4, 1.9), (0.5, NAN)):
        for seed in range(3):
            run = {"dataset": "d", "method": f"cd, step_size={step}", "seed": seed, "step": 1}
            run |= {"metric": "kl", "run_id": f"{step}{seed}", "step_size": step}
            run["value"] = 10 - level - 0.01 * seed if higher_is_better else level + 0.01 * seed
            rows.append(run | {"status": "diverged" if math.isnan(level) else "done"})
    points = sweep_points(
        pd.DataFrame(rows), ["step_size"], "kl", {}, higher_is_better=higher_is_better
    )
    point, low, high = usable(points, "step_size", 1.2 if higher_is_better else 2.0)
    assert point.at["step_size"] == 0.3 and (low, high) == (0.2, 0.4)
    assert points[-1].found.median == points[-1].found.worst == sign * INF
    assert points[0].ends[0] < points[0].found.median < points[0].ends[1]


def test_sweep_counts_infinite_kl_as_unknown():
    rows = [("d", "cd", s, 1, "kl", v, "done", f"{s}", 1) for s, v in enumerate([0.1, INF, INF])]
    points = sweep_points(
        pd.DataFrame(rows, columns=[*COLUMNS, "run_id", "dim"]), ["dim"], "kl", {}
    )
    assert points[0].unknown == 2 and points[0].found.diverged == 2


def null(draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"n": 100, "mean": float(np.mean(draws)), "low": low, "high": high}


def test_seeds_are_compared_with_all_draws():
    """Ten seeds within the range of single draws are above it together; a median alone is not."""
    draws = np.random.default_rng(0).normal(size=100)
    values = stats.norm.ppf(np.linspace(0.6, 0.97, 10))
    single = compare_to_null(values, null(draws) | {"draws": 100})
    assert single == ("within", pytest.approx(NAN, nan_ok=True)) and single.of_single_draws
    stored = null(draws) | {"draws": draws.tolist()}
    found = compare_to_null(values, stored)
    assert found.position == "above" and not found.of_single_draws
    assert found.p == stats.mannwhitneyu(values, draws).pvalue
    assert compare_to_null(-values, stored).position == "below"
    assert compare_to_null([], stored) is None


def test_diverged_runs_are_worse_than_the_null():
    stored = null(np.arange(39.0)) | {"draws": list(np.arange(39.0))}
    assert compare_to_null([NAN] * 6, stored).position == "above"
    assert compare_to_null([NAN] * 6, stored, higher_is_better=True).position == "below"


@pytest.mark.parametrize("num_seeds", [1, 3, 10, 20])
def test_null_comparison_has_nominal_level(num_seeds):
    """Of 400 right models at most 5% are outside: 3.9 standard errors, 0.0425, 1 in 20,000."""
    rng = np.random.default_rng(num_seeds)
    outside = 0
    for _ in range(400):
        draws = rng.normal(size=39)
        found = compare_to_null(rng.normal(size=num_seeds), null(draws) | {"draws": draws.tolist()})
        outside += found.position != "within"
    assert outside / 400 < 0.05 + 0.0425
    assert num_seeds == 1 or outside > 0


def test_error_sources_are_adjusted_over_configurations():
    """p of each test is Holm's over the configurations: 20 equal ones have none significant."""
    rng = np.random.default_rng(1)
    names = [f"m{i}" for i in range(20)]
    metrics = ("w1_exact", "w1_langevin", "w1_sampling_error", "w1_sampling_error_null")
    results = pd.concat(
        table({name: 1 + 0.1 * rng.normal(size=10) for name in names}, metric) for metric in metrics
    )
    draws = (1 + 0.1 * rng.normal(size=39)).tolist()
    sources = error_sources(results, "d", names, null(draws) | {"draws": draws})
    runs = {metric: final_values(results, "d", metric) for metric in metrics}
    raw = [paired(runs[metrics[2]][name], runs[metrics[3]][name]).p for name in names]
    assert min(raw) < 0.05 < min(source.sampled.p for source in sources)
    assert all(source.is_converged and not source.masked for source in sources)
    assert all(source.null.position == "within" for source in sources)


def test_unmixed_samples_do_not_mask():
    """Seeds without SMC samples are left out of the test of Langevin samples."""
    exact = [None] * 8 + [1.0, 1.1]
    results = pd.concat(
        [table({"a": exact}, "w1_smc"), table({"a": np.linspace(1, 1.1, 10)}, "w1_langevin")]
    )
    (source,) = error_sources(results, "d", ["a"], null([1.0, 1.2]))
    assert source.gap.n == 2 and source.masked == 0


def test_interval_of_median_holds_where_seeds_fail():
    """A tenth of the seeds is 50 times as large: of 1,000 studies of 10 seeds it covers 97.9%.

    Within 4 standard errors, 0.018. The t interval of the mean covers less than 90%.
    """
    rng = np.random.default_rng(3)
    values = np.exp(0.3 * rng.normal(size=(1_000, 10)))
    values *= np.where(rng.uniform(size=values.shape) < 0.1, 50.0, 1.0)
    median = math.exp(0.3 * stats.norm.ppf(0.5 / 0.9))
    sums = [summary(x) for x in values]
    covered = np.mean([s.median_low <= median <= s.median_high for s in sums])
    assert covered == pytest.approx(0.979, abs=0.018)
    assert np.mean([s.low <= 50**0.1 <= s.high for s in sums]) < 0.9


def test_examples_run():
    assert doctest.testmod(_null).failed == 0


def test_one_seed_is_compared_with_single_draws():
    """Its smallest p by a rank test is 2 / (m + 1), 0.1 for 19 draws, however far it lies."""
    draws = list(np.linspace(0.1, 0.3, 19))
    null_range = {"low": 0.1, "high": 0.3, "draws": draws}
    for value, position in ((5.0, "above"), (0.2, "within"), (0.01, "below")):
        found = compare_to_null([value], null_range)
        assert found.position == position and found.of_single_draws
    assert not compare_to_null([5.0, 5.1], null_range).of_single_draws
