"""Statistics: comparison with scipy, coverage and level, the rule for runs that diverged."""

import doctest
import importlib
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers.costs import full_unless
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ebmark.statistics import (
    _paired,
    all_positive,
    at_equal_budget,
    bca,
    best,
    compare_to_reference,
    curve,
    error_sources,
    final_values,
    holm,
    median_seed,
    paired,
    profiles,
    reference,
    seeds_needed,
    success,
    summary,
    time_to_target,
    worst_if_diverged,
)
from ebmark.statistics._coverage import coverage, family_error, power
from ebmark.statistics._profiles import profile

NAN = math.nan
INF = math.inf
MODULES = ["_intervals", "_paired", "_power", "_ranks", "_runs", "_sweeps"]
COLUMNS = ["dataset", "method", "seed", "step", "metric", "value", "status"]


def table(rows):
    """A table of results from (method, seed, final value) rows; earlier values are larger."""
    results = []
    for method, seed, value in rows:
        status = "done" if math.isfinite(value) else "diverged"
        for step, scale in ((100, 9.0), (50, 1.0), (200, 1.0)):
            row = ("d", method, seed, step, "kl", value * scale, status)
            results.append(row)
    return pd.DataFrame(results, columns=COLUMNS)


def test_mean_interval_matches_scipy_on_logarithm():
    x = np.random.default_rng(0).lognormal(size=12)
    s, y = summary(x), np.log(x)
    low, high = stats.t.interval(0.95, 11, y.mean(), stats.sem(y))
    assert np.allclose([s.mean, s.low, s.high], np.exp([y.mean(), low, high]))


def test_mean_interval_matches_scipy_for_any_sign():
    x = np.random.default_rng(1).normal(size=12)
    s = summary(x)
    assert np.allclose((s.low, s.high), stats.t.interval(0.95, 11, x.mean(), stats.sem(x)))
    assert s.mean == pytest.approx(x.mean())


@pytest.mark.parametrize("n", [6, 7, 10, 11, 20, 41])
def test_median_interval_matches_scipy(n):
    x = np.random.default_rng(n).normal(size=n)
    expected = stats.quantile_test(x, p=0.5).confidence_interval(0.95)
    s = summary(x)
    assert (s.median_low, s.median_high) == (expected.low, expected.high)
    assert s.median == np.median(x)


def test_intervals_have_nominal_coverage():
    """95% of 1,500 studies of 10 seeds, within 1.7 points (three standard errors).

    The median and the geometric mean of the log-normal distribution are both exp(-4). The interval
    of the median is that of the 2nd and 9th order statistics: its exact coverage is 0.9785.
    """
    rng = np.random.default_rng(2)
    sums = [summary(x) for x in rng.lognormal(mean=-4.0, sigma=0.6, size=(1500, 10))]
    center = math.exp(-4.0)
    assert np.mean([s.low <= center <= s.high for s in sums]) == pytest.approx(0.95, abs=0.017)
    exact = 1 - 2 * stats.binom.cdf(1, 10, 0.5)
    median = np.mean([s.median_low <= center <= s.median_high for s in sums])
    assert median == pytest.approx(exact, abs=0.012)


def test_summary_has_no_interval_for_few_seeds():
    assert math.isnan(summary([1.0, 2.0, 3.0, 4.0, 5.0]).median_low)
    one = summary([3.0])
    assert (one.n, one.median, one.mean, one.worst) == (1, 3.0, pytest.approx(3.0), 3.0)
    assert math.isnan(one.low) and math.isnan(one.high)
    assert summary([]).n == 0 and math.isnan(summary([]).median)


def test_summary_counts_diverged_run_as_worst():
    s = summary([1.0, 2.0, NAN, 4.0, INF])
    assert (s.n, s.diverged, s.median, s.worst) == (5, 2, 4.0, INF)
    assert s.mean == pytest.approx(2.0)  # the cube root of 1 x 2 x 4
    assert summary([1.0, NAN, NAN]).median == INF
    assert summary([1.0, 3.0, NAN, NAN]).median == INF  # between 3 and +inf
    assert summary([NAN, NAN]).diverged == 2
    assert list(worst_if_diverged([1.0, NAN, -INF])) == [1.0, INF, INF]


def test_paired_matches_scipy():
    a, b = np.random.default_rng(3).normal(size=(2, 10))
    test = paired(a, b)
    assert test.n == 10 and test.low < test.difference < test.high
    assert test.p == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert paired(b, a).difference == -test.difference and paired(b, a).p == test.p


def test_paired_p_is_nan_for_few_seeds():
    five = paired([1.0, 2, 3, 4, 5], [2.0, 3, 5, 7, 9])
    assert not five.enough and math.isnan(five.p) and five.difference == -2.0
    six = paired([1.0, 2, 3, 4, 5, 6], [2.0, 4, 6, 8, 10, 12.5])
    assert six.enough and six.p == pytest.approx(2 / 2**6)
    assert paired([], []).n == 0
    assert paired(np.ones(8), np.ones(8)).p == 1.0


def test_paired_counts_divergence_as_largest_difference():
    a, b = np.arange(1.0, 9.0), np.arange(1.0, 9.0) + np.linspace(0.1, 0.8, 8)
    better = paired(a, b)
    diverged = paired(np.append(a[:-1], NAN), b)
    assert better.p == pytest.approx(2 / 2**8)
    expected = stats.wilcoxon([-1.0, -2, -3, -4, -5, -6, -7, 8])
    assert diverged.p == pytest.approx(expected.pvalue) and diverged.p > better.p
    assert paired([1.0, NAN], [NAN, NAN]).n == 1  # a seed on which both diverged is left out


def test_paired_has_nominal_level():
    """Of 800 pairs of equal methods with 10 seeds, p < 0.05 in 4.9% (exact), within 2.3 points."""
    rng = np.random.default_rng(4)
    p = [paired(*x).p for x in rng.normal(size=(800, 2, 10))]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.049, abs=0.023)


def test_final_values_selects_last_step():
    rows = table([("a", 0, 1.0), ("a", 1, NAN), ("b", 1, 2.0)])
    runs = final_values(rows, "d", "kl")
    assert list(runs) == ["a", "b"]
    assert runs["a"][0] == 1.0 and math.isnan(runs["a"][1]) and runs["b"].to_dict() == {1: 2.0}
    assert final_values(rows, "d", "no such metric") == {}
    assert final_values(rows, "no such dataset", "kl") == {}


def test_final_values_includes_diverged_run_without_metric():
    rows = table([("a", 0, 1.0), ("a", 1, NAN)])
    other = rows["metric"].where(rows["status"] == "done", "train_seconds")
    assert math.isnan(final_values(rows.assign(metric=other), "d", "kl")["a"][1])


def test_best_is_significant_only_by_paired_test():
    shared = np.random.default_rng(5).normal(size=10) ** 2 + 1
    rows = [("a", s, v) for s, v in enumerate(shared)]
    rows += [("b", s, v + 0.01 * (s + 1)) for s, v in enumerate(shared)]
    rows += [("mle", s, 1e-6) for s in range(10)]
    lowest = best(table(rows), "d", "kl")
    assert (lowest.method, lowest.runner_up, lowest.significant) == ("a", "b", True)
    noise = np.random.default_rng(6).normal(size=10)
    same = [("a", s, v) for s, v in enumerate(shared)]
    same += [("b", s, v + 0.01 * e) for s, (v, e) in enumerate(zip(shared, noise, strict=True))]
    assert not best(table(same), "d", "kl").significant


@pytest.mark.slow
@pytest.mark.parametrize("num", full_unless((2).__eq__, [2, 3, 8]))
def test_best_is_rarely_significant_for_equal_methods(num):
    """In at most 5% of 200 tables of 10 seeds, for any number of methods: fails once in 2,000.

    With two methods the test must reject in some of them.
    """
    rng = np.random.default_rng(num)
    num_significant = 0
    for values in rng.normal(size=(200, num, 10)):
        rows = [(f"m{i}", s, v) for i, runs in enumerate(values) for s, v in enumerate(runs)]
        num_significant += best(table(rows), "d", "kl").significant
    assert num_significant <= stats.binom.isf(1 / 2_000, 200, 0.05)
    assert num > 2 or num_significant > 0


def test_best_ignores_copy_of_its_runs():
    twins = [(m, s, 1.0 + s) for m in ("a", "a, tuned") for s in range(6)]
    assert best(table(twins), "d", "kl").runner_up is None
    lowest = best(table(twins + [("b", s, 3.0 + s) for s in range(6)]), "d", "kl")
    assert (lowest.method, lowest.runner_up, lowest.significant) == ("a", "b", True)


def test_best_counts_diverged_runs_as_worst():
    rows = [("a", s, 0.1 if s < 4 else NAN) for s in range(10)] + [("b", s, 5.0) for s in range(10)]
    assert best(table(rows), "d", "kl").method == "b"
    assert best(table([("a", 0, NAN), ("b", 0, 1.0)]), "d", "kl").method == "b"
    assert best(table([("a", 0, NAN)]), "d", "kl") is None
    single = best(table([("a", 0, 1.0)]), "d", "kl")
    assert single.runner_up is None and not single.significant


@pytest.mark.parametrize("seed", range(5))
def test_best_of_rising_metric_mirrors_falling_one(seed):
    """Also with diverged runs, which are the worst in both directions."""
    values = np.random.default_rng(seed).normal(size=(4, 9)) + np.arange(4)[:, None]
    values[np.random.default_rng(seed).uniform(size=(4, 9)) < 0.2] = NAN
    runs = [(m, s, v) for m, row in zip("abcd", values, strict=True) for s, v in enumerate(row)]
    mirrored = [(method, seed, -value) for method, seed, value in runs]
    falling = best(table(runs), "d", "kl")
    rising = best(table(mirrored), "d", "kl", higher_is_better=True)
    assert rising == falling and rising.significant == falling.significant


def test_summary_of_rising_metric_mirrors_falling_one():
    values = np.random.default_rng(0).normal(size=12)
    values[:3] = NAN
    falling, rising = summary(values), summary(-values, higher_is_better=True)
    assert rising.median == -falling.median and rising.worst == -falling.worst == -INF
    assert (rising.median_low, rising.median_high) == (-falling.median_high, -falling.median_low)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.floats(-1, 1e3), st.floats(0, 10)), min_size=2, max_size=9))
def test_mean_of_one_kind_keeps_order(pairs):
    """A configuration that is nowhere higher has no higher mean, whatever the signs."""
    b = np.array([low for low, _ in pairs])
    a = b + np.array([rise for _, rise in pairs])
    is_geometric = all_positive([a, b])
    means = [summary(values, is_geometric=is_geometric) for values in (a, b)]
    assert means[0].is_geometric == means[1].is_geometric == bool(np.all(b > 0))
    assert means[1].mean <= means[0].mean + 1e-9 * abs(means[0].mean)


def test_best_compares_common_seeds():
    rows = [("a", s, 1.0 + s) for s in range(3)] + [("b", s, 9.0 + s) for s in range(2, 10)]
    assert best(table(rows), "d", "kl").paired.n == 1


def test_median_seed_is_seed_of_a_run():
    rows = table([("a", 7, 3.0), ("a", 8, 1.0), ("a", 9, 2.0), ("a", 4, NAN)])
    assert median_seed(final_values(rows, "d", "kl")["a"]) == 9
    assert median_seed(None) is None


@pytest.mark.parametrize("n", [6, 7, 10, 15])
def test_paired_interval_inverts_scipy_test(n):
    a, b = np.random.default_rng(n).normal(size=(2, n))
    test, step = paired(a, b), 1e-9
    for end, inward in ((test.low, step), (test.high, -step)):
        inside = stats.wilcoxon(a - b - end - inward, method="exact").pvalue
        outside = stats.wilcoxon(a - b - end + inward, method="exact").pvalue
        assert outside <= 0.05 < inside
    assert test.low < test.difference < test.high


@pytest.mark.parametrize("n", [6, 20, 49, 50, 51, 60, 200, 1_023, 1_024, 2_500])
def test_paired_interval_excludes_0_if_significant(n):
    """p and the interval agree, at shifts around the end of the interval, for any number."""
    d = np.random.default_rng(n).normal(size=n)
    test = paired(d, np.zeros(n))
    assert test.n == n and test.p == stats.wilcoxon(d).pvalue
    assert test.low < test.difference < test.high
    for end in (test.low, test.high):
        for shift in (end - 1e-9, end + 1e-9):
            shifted = paired(d - shift, np.zeros(n))
            is_excluded = shifted.low > 0 or shifted.high < 0
            assert is_excluded == (shifted.p <= 0.05)


def test_paired_interval_is_continuous_in_seeds():
    """The normal approximation is within one average of the exact distribution at 50 seeds."""
    exact = _paired._num_excluded.__wrapped__
    for n in range(30, 51):
        sum_of_squares = n * (n + 1) * (2 * n + 1)
        approximate = n * (n + 1) / 4 + stats.norm.ppf(0.025) * math.sqrt(sum_of_squares / 24)
        assert abs(exact(n) - math.floor(approximate)) <= 1


def test_paired_difference_is_median_of_walsh_averages():
    d = np.random.default_rng(7).normal(size=9)
    averages = [(x + y) / 2 for i, x in enumerate(d) for y in d[i:]]
    assert paired(d, np.zeros(9)).difference == pytest.approx(np.median(averages))


def test_holm_equals_closed_bonferroni_test():
    """An adjusted p is the largest of Bonferroni's over all families that contain it."""
    p = np.random.default_rng(8).uniform(0, 0.2, size=5)
    families = [f for k in range(1, 6) for f in itertools.combinations(range(5), k)]
    closed = [max(min(1.0, len(f) * min(p[list(f)])) for f in families if i in f) for i in range(5)]
    assert holm(p) == pytest.approx(closed)
    assert holm([0.01, NAN, 0.04]) == pytest.approx([0.02, NAN, 0.04], nan_ok=True)


def test_bca_matches_scipy():
    x = np.random.default_rng(9).lognormal(size=10)
    mean, low, high = bca([*x, NAN])
    expected = stats.bootstrap((x,), np.mean, n_resamples=9_999, rng=np.random.default_rng(1))
    assert mean == pytest.approx(x.mean())
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), rel=0.05)
    assert math.isnan(bca([1.0, 1.0])[1]) and math.isnan(bca([])[0])


def test_success_has_clopper_pearson_interval():
    num_completed, num_runs, low, high = success([1.0, NAN, 2.0, INF, 3.0, 4.0])
    assert (num_completed, num_runs) == (4, 6)
    assert stats.binom.sf(3, 6, low) == pytest.approx(0.025)
    assert stats.binom.cdf(4, 6, high) == pytest.approx(0.025)


def test_coverage_simulation_matches_theory():
    """600 studies of 10 seeds: 3.5 standard errors of 95%, 0.031, fail by chance in 1 of 2,000.

    The exact coverage of the paired difference is 1 - 2 P(W <= 8). BCa covers less than 95%.
    """
    fractions = coverage(10, 0.6, num_studies=600)
    assert fractions["mean"] == pytest.approx(0.95, abs=0.031)
    assert fractions["difference"] == pytest.approx(0.951, abs=0.031)
    assert fractions["median"] == pytest.approx(0.979, abs=0.021)
    assert 0.80 < fractions["bca"] < 0.92


@pytest.mark.full
def test_holm_controls_family_wise_error():
    """400 studies of 8 equal configurations: 0.05 and 3 standard errors, 1 in 700."""
    corrected, uncorrected = family_error(10, 8, num_studies=400)
    assert corrected < 0.083 < 0.15 < uncorrected


def test_seeds_needed_gives_power_80_percent():
    """400 studies: 3.5 standard errors, 0.07, plus 0.05 for the approximation."""
    n, fraction = power(0.7, num_studies=400)
    assert 15 < n < 30 and fraction == pytest.approx(0.8, abs=0.1)
    assert seeds_needed([0.0, 0.0]) is None and seeds_needed([1.0, INF]) is None
    assert seeds_needed([0.1, 0.2, -0.3, 0.4, -0.1, -0.3]) is None  # 0 but for rounding
    assert seeds_needed([1.0, 1.1, 0.9]) == 6
    assert seeds_needed([1.0, -1.0, 0.1], comparisons=20) > seeds_needed([1.0, -1.0, 0.1])


def test_compare_to_reference_tests_every_entry():
    rng = np.random.default_rng(10)
    rows = [("a", s, v) for s, v in enumerate(rng.lognormal(size=10))]
    rows += [("b", s, 3.0 + v) for _, s, v in rows]
    rows += [("c", s, v + 0.3 * rng.normal()) for _, s, v in rows[:10]]
    rows += [("d", s, v if s else NAN) for _, s, v in rows[:10]]
    b, c, d = compare_to_reference(table(rows), ["d"], list("abcd"), "kl", "a")
    assert [b.entry, c.entry, d.entry] == ["b", "c", "d"]
    assert b.is_significant and not b.is_lower and b.seeds_needed is None
    assert b.paired.difference == pytest.approx(3.0) and b.paired.low == pytest.approx(3.0)
    assert not c.is_significant and c.seeds_needed > 10
    assert (d.num_completed, d.num_runs, d.is_significant, d.seeds_needed) == (9, 10, False, None)
    assert b.adjusted == pytest.approx(3 * b.paired.p)


def test_reference_is_first_method():
    assert reference(["mle", "cd, tuned", "nce"]) == "cd, tuned"
    assert reference(["cd", "nce"], "nce") == "nce" and reference(["cd"], "gone") == "cd"
    assert reference(["mle", "kde"]) is None


def test_profiles_are_fractions_with_bands():
    rows = [("a", s, v) for s, v in enumerate([1.0, 1, 1, 2, NAN])]
    rows.append(("mle", 0, 1.0))
    a = profiles(table(rows), ["d"], ["a", "mle"], "kl", np.array([0.9, 1.0, 2.0, 99.0]))["a"]
    assert a.share.tolist() == pytest.approx([0.0, 0.6, 0.8, 0.8])
    assert np.all(a.low <= a.share) and np.all(a.share <= a.high)


def test_profile_band_has_nominal_coverage():
    """At the true median it contains 0.5 in 95% of 200 studies of 2 x 10 runs, within 4 standard
    errors plus 0.03 for the bootstrap of few seeds."""
    rng = np.random.default_rng(13)
    num_covered = 0
    for _ in range(200):
        band = profile(list(rng.lognormal(size=(2, 10))), np.array([1.0]))
        num_covered += band.low[0] <= 0.5 <= band.high[0]
    assert num_covered / 200 == pytest.approx(0.95, abs=0.09)


def snapshots_of(entry, kl, seconds, network_evaluations):
    """Results of one configuration: KL of (seeds, snapshots), and the costs per snapshot."""
    rows = []
    for seed, values in enumerate(kl):
        status = "done" if np.isfinite(values).all() else "diverged"
        for i, value in enumerate(values, start=1):
            metrics = {
                "kl": value,
                "train_cpu_seconds": seconds * i,
                "network_evaluations": network_evaluations * i,
            }
            rows += [("d", entry, seed, 100 * i, m, v, status) for m, v in metrics.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_equal_budget_is_that_of_cheapest_method():
    """The first snapshot of mle costs more CPU time than the budget of 4 s: it is left out."""
    rows = pd.concat(
        [
            snapshots_of("a", [[8.0, 4, 2, 1], [8, 4, 2, 1.5], [8, 4, 2, 2]], 1.0, 10),
            snapshots_of("b", [[9.0, 6, 3, 2], [9, 6, NAN, NAN], [9, 6, 3, 2]], 3.0, 5),
            snapshots_of("mle", [[0.1] * 4], 9.0, 1),
        ]
    )
    curves = {e: curve(rows, "d", e, "kl") for e in ("a", "b", "mle")}
    budget, reached = at_equal_budget(curves, "train_cpu_seconds")
    assert budget == 4.0 and "mle" not in reached
    assert (
        reached["a"].over_seeds.median == 1.5 and reached["a"].whole and reached["a"].spent == 1.0
    )
    assert reached["b"].over_seeds.median == 9.0 and not reached["b"].whole
    assert reached["b"].over_seeds.diverged == 1 and reached["b"].spent == 0.75
    budget, reached = at_equal_budget(curves, "network_evaluations")
    assert budget == 20 and reached["a"].over_seeds.median == 4.0
    assert reached["b"].over_seeds.median == 2.0 and reached["b"].whole
    assert at_equal_budget(curves, "num_updates", 0.5)[0] == 200


def test_time_to_target_is_censored_at_half():
    """The run that diverged never reaches the threshold."""
    rows = snapshots_of("a", [[8.0, 4, 2, 1], [8, 4, 2, 1.5], [8, 4, NAN, NAN]], 2.0, 1)
    of_a = curve(rows, "d", "a", "kl")
    assert time_to_target(of_a, 5.0) == (4.0, 2, 3)
    assert time_to_target(of_a, 1.2) == (INF, 1, 3)
    assert curve(rows, "d", "b", "kl") is None


def test_error_sources_add_up_and_are_masked():
    """Langevin samples have a lower W1 than exact ones and a significant sampling error."""
    w1 = {
        "w1_exact": 2.5,
        "w1_langevin": 2.0,
        "w1_sampling_error": 1.9,
        "w1_sampling_error_null": 1.2,
    }
    rows = []
    for entry, values in (("a", w1), ("mle", dict.fromkeys(w1, 1.25))):
        for seed in range(-4, 5):
            for metric, value in values.items():
                noise = 0.01 * seed if metric == "w1_sampling_error" else 0.0
                rows.append(("d", entry, seed, 1, metric, value + noise, "done"))
    results = pd.DataFrame(rows, columns=COLUMNS)
    null_range = {"mean": 1.0, "low": 0.9, "high": 1.1}
    a, mle = error_sources(results, "d", ["a", "mle"], null_range)
    assert (a.null_mean, a.model, a.method, a.sampling) == pytest.approx((1.0, 0.25, 1.25, 0.7))
    assert a.total == pytest.approx(3.2) and not a.is_converged and a.masked == pytest.approx(0.5)
    assert (mle.model, mle.method, mle.sampling) == pytest.approx((0.25, 0.0, 0.0))
    assert mle.is_converged and mle.masked == 0


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    name = f"ebmark.statistics.{module}"
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_final_values_keeps_unresolved_datasets():
    """Of KL, which every run has; a method that does not have another metric gets no row of it."""
    rows = table([("a", 0, NAN), ("b", 0, NAN)])
    assert all(math.isnan(runs[0]) for runs in final_values(rows, "d", "kl").values())
    assert final_values(rows.assign(metric="w1_native"), "d", "w1_native") == {}
    native = table([("a", 0, 1.0)]).assign(metric="w1_native")
    runs = pd.concat([table([("a", 0, 1.0), ("b", 0, 1.0), ("b", 1, NAN)]), native])
    assert list(final_values(runs, "d", "w1_native")) == ["a"]
