"""The statistics: scipy as referee, intervals that cover, one rule for what diverged."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ebmark.statistics import (
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
    ranks,
    reference,
    seeds_needed,
    success,
    summary,
    time_to_target,
    worst_if_diverged,
)
from ebmark.statistics._coverage import coverage, family_error, power
from ebmark.statistics._profiles import profile

NAN, INF = math.nan, math.inf


def table(rows):
    """(method, seed, value) rows of one metric at the last of two steps."""
    made = [
        {"dataset": "d", "method": m, "seed": s, "step": step, "metric": "kl", "value": v * scale}
        | {"status": "done" if math.isfinite(v) else "diverged"}
        for m, s, v in rows
        for step, scale in ((100, 9.0), (50, 1.0), (200, 1.0))
    ]
    return pd.DataFrame(made)


def test_mean_interval_is_t_on_the_logarithm():
    x = np.random.default_rng(0).lognormal(size=12)
    s, y = summary(x), np.log(x)
    low, high = stats.t.interval(0.95, 11, y.mean(), stats.sem(y))
    assert np.allclose([s.mean, s.low, s.high], np.exp([y.mean(), low, high]))


def test_mean_interval_is_plain_t_where_some_value_is_not_positive():
    x = np.random.default_rng(1).normal(size=12)
    s = summary(x)
    assert np.allclose((s.low, s.high), stats.t.interval(0.95, 11, x.mean(), stats.sem(x)))
    assert s.mean == pytest.approx(x.mean())


@pytest.mark.parametrize("n", [6, 7, 10, 11, 20, 41])
def test_median_interval_against_scipy(n):
    x = np.random.default_rng(n).normal(size=n)
    referee = stats.quantile_test(x, p=0.5).confidence_interval(0.95)
    s = summary(x)
    assert (s.median_low, s.median_high) == (referee.low, referee.high)
    assert s.median == np.median(x)


def test_intervals_cover():
    """95 % of 1,500 studies of 10 seeds, within 1.7 points (three standard errors)."""
    rng = np.random.default_rng(2)
    sums = [summary(x) for x in rng.lognormal(mean=-4.0, sigma=0.6, size=(1500, 10))]
    truth = math.exp(-4.0)  # of a log-normal, both the median and the geometric mean
    assert np.mean([s.low <= truth <= s.high for s in sums]) == pytest.approx(0.95, abs=0.017)
    exact = 1 - 2 * stats.binom.cdf(1, 10, 0.5)  # the 2nd of 10: .9785, as near .95 as order goes
    median = np.mean([s.median_low <= truth <= s.median_high for s in sums])
    assert median == pytest.approx(exact, abs=0.012)


def test_too_few_seeds_have_no_interval():
    assert math.isnan(summary([1.0, 2.0, 3.0, 4.0, 5.0]).median_low)
    one = summary([3.0])
    assert (one.n, one.median, one.mean, one.worst) == (1, 3.0, pytest.approx(3.0), 3.0)
    assert math.isnan(one.low) and math.isnan(one.high)
    assert summary([]).n == 0 and math.isnan(summary([]).median)


def test_a_diverged_run_is_the_worst():
    s = summary([1.0, 2.0, NAN, 4.0, INF])
    assert (s.n, s.diverged, s.median, s.worst) == (5, 2, 4.0, INF)
    assert s.mean == pytest.approx(2.0)  # of those that ended: the cube root of 1 x 2 x 4
    assert summary([1.0, NAN, NAN]).median == INF
    assert summary([1.0, 3.0, NAN, NAN]).median == INF  # between 3 and +inf
    assert summary([NAN, NAN]).diverged == 2
    assert list(worst_if_diverged([1.0, NAN, -INF])) == [1.0, INF, INF]


def test_paired_against_scipy():
    a, b = np.random.default_rng(3).normal(size=(2, 10))
    test = paired(a, b)
    assert test.n == 10 and test.low < test.difference < test.high
    assert test.p == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert paired(b, a).difference == -test.difference and paired(b, a).p == test.p


def test_paired_says_when_seeds_are_too_few():
    five = paired([1.0, 2, 3, 4, 5], [2.0, 3, 5, 7, 9])
    assert not five.enough and math.isnan(five.p) and five.difference == -2.0
    six = paired([1.0, 2, 3, 4, 5, 6], [2.0, 4, 6, 8, 10, 12.5])
    assert six.enough and six.p == pytest.approx(2 / 2**6)
    assert paired([], []).n == 0
    assert paired(np.ones(8), np.ones(8)).p == 1.0


def test_paired_counts_divergence_as_the_largest_difference():
    a, b = np.arange(1.0, 9.0), np.arange(1.0, 9.0) + np.linspace(0.1, 0.8, 8)
    won, lost = paired(a, b), paired(np.append(a[:-1], NAN), b)
    assert won.p == pytest.approx(2 / 2**8)
    ranks = stats.wilcoxon([-1.0, -2, -3, -4, -5, -6, -7, 8])
    assert lost.p == pytest.approx(ranks.pvalue) and lost.p > won.p
    assert paired([1.0, NAN], [NAN, NAN]).n == 1  # both diverged: no difference, left out


def test_wilcoxon_holds_its_level():
    """Of 800 pairs of equal laws at 10 seeds, p < .05 in 4.9 % (exact), within 2.3 points."""
    rng = np.random.default_rng(4)
    p = [paired(*x).p for x in rng.normal(size=(800, 2, 10))]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.049, abs=0.023)


def test_final_takes_the_last_step_and_knows_what_diverged():
    rows = table([("a", 0, 1.0), ("a", 1, NAN), ("b", 1, 2.0)])
    found = final_values(rows, "d", "kl")
    assert list(found) == ["a", "b"]
    assert found["a"][0] == 1.0 and math.isnan(found["a"][1]) and found["b"].to_dict() == {1: 2.0}
    assert (
        final_values(rows, "d", "no such metric") == {}
        and final_values(rows, "no such data", "kl") == {}
    )
    assert final_values(table([("a", 0, NAN)]), "d", "kl") == {}


def test_a_diverged_run_counts_also_where_it_has_no_row_of_the_metric():
    rows = table([("a", 0, 1.0), ("a", 1, NAN)])
    other = rows["metric"].where(rows["status"] == "done", "train_seconds")
    assert math.isnan(final_values(rows.assign(metric=other), "d", "kl")["a"][1])


def test_best_is_told_apart_only_by_the_paired_test():
    shared = np.random.default_rng(5).normal(size=10) ** 2 + 1
    rows = [("a", s, v) for s, v in enumerate(shared)]
    rows += [("b", s, v + 0.01 * (s + 1)) for s, v in enumerate(shared)]  # worse on every seed
    rows += [("mle", s, 1e-6) for s in range(10)]  # an oracle is never best
    found = best(table(rows), "d", "kl")
    assert (found.method, found.runner_up, found.significant) == ("a", "b", True)
    noise = np.random.default_rng(6).normal(size=10)
    same = [("a", s, v) for s, v in enumerate(shared)]
    same += [("b", s, v + 0.01 * e) for s, (v, e) in enumerate(zip(shared, noise, strict=True))]
    assert not best(table(same), "d", "kl").significant


@pytest.mark.parametrize("num", [2, 3, 8])
def test_of_equal_methods_the_lowest_is_seldom_told_apart_from_the_next(num):
    """In at most 5 % of tables, however many methods: 200 tables of 10 seeds, fails once in 2,000.

    The next is the nearest: of many equal methods the two lowest are told apart less often still.
    """
    rng, told = np.random.default_rng(num), 0
    for values in rng.normal(size=(200, num, 10)):
        rows = [(f"m{i}", s, v) for i, runs in enumerate(values) for s, v in enumerate(runs)]
        told += best(table(rows), "d", "kl").significant
    assert told <= stats.binom.isf(1 / 2_000, 200, 0.05)
    assert num > 2 or told > 0  # the test can reject


def test_the_very_same_runs_under_another_name_are_no_next():
    twins = [(m, s, 1.0 + s) for m in ("a", "a, tuned") for s in range(6)]
    assert best(table(twins), "d", "kl").runner_up is None
    found = best(table(twins + [("b", s, 3.0 + s) for s in range(6)]), "d", "kl")
    assert (found.method, found.runner_up, found.significant) == ("a", "b", True)


def test_best_ranks_by_the_one_rule():
    rows = [("a", s, 0.1 if s < 4 else NAN) for s in range(10)] + [("b", s, 5.0) for s in range(10)]
    assert best(table(rows), "d", "kl").method == "b"
    assert best(table([("a", 0, NAN), ("b", 0, 1.0)]), "d", "kl").method == "b"
    assert best(table([("a", 0, NAN)]), "d", "kl") is None
    alone = best(table([("a", 0, 1.0)]), "d", "kl")
    assert alone.runner_up is None and not alone.significant


def test_best_compares_common_seeds():
    rows = [("a", s, 1.0 + s) for s in range(3)] + [("b", s, 9.0 + s) for s in range(2, 10)]
    assert best(table(rows), "d", "kl").paired.n == 1


def test_median_run_is_one_of_the_runs():
    rows = table([("a", 7, 3.0), ("a", 8, 1.0), ("a", 9, 2.0), ("a", 4, NAN)])
    assert median_seed(final_values(rows, "d", "kl")["a"]) == 9
    assert median_seed(None) is None


@pytest.mark.parametrize("n", [6, 7, 10, 15])
def test_the_interval_of_a_paired_difference_holds_the_shifts_that_scipy_does_not_reject(n):
    a, b = np.random.default_rng(n).normal(size=(2, n))
    test, step = paired(a, b), 1e-9
    for end, inward in ((test.low, step), (test.high, -step)):
        inside = stats.wilcoxon(a - b - end - inward, method="exact").pvalue
        outside = stats.wilcoxon(a - b - end + inward, method="exact").pvalue
        assert outside <= 0.05 < inside
    assert test.low < test.difference < test.high


def test_a_paired_difference_is_the_median_of_all_averages():
    d = np.random.default_rng(7).normal(size=9)
    averages = [(x + y) / 2 for i, x in enumerate(d) for y in d[i:]]
    assert paired(d, np.zeros(9)).difference == pytest.approx(np.median(averages))


def test_holm_is_the_closed_test_of_bonferroni():
    """Each p adjusted is the largest of Bonferroni's over all families that hold it."""
    p = np.random.default_rng(8).uniform(0, 0.2, size=5)
    families = [f for k in range(1, 6) for f in itertools.combinations(range(5), k)]
    closed = [max(min(1.0, len(f) * min(p[list(f)])) for f in families if i in f) for i in range(5)]
    assert holm(p) == pytest.approx(closed)
    assert holm([0.01, NAN, 0.04]) == pytest.approx([0.02, NAN, 0.04], nan_ok=True)


def test_bca_is_scipys_and_needs_two_different_runs():
    x = np.random.default_rng(9).lognormal(size=10)
    mean, low, high = bca([*x, NAN])
    referee = stats.bootstrap((x,), np.mean, n_resamples=9_999, rng=np.random.default_rng(1))
    assert mean == pytest.approx(x.mean())
    assert (low, high) == pytest.approx(tuple(referee.confidence_interval), rel=0.05)
    assert math.isnan(bca([1.0, 1.0])[1]) and math.isnan(bca([])[0])


def test_the_success_rate_has_the_interval_of_clopper_and_pearson():
    ended, n, low, high = success([1.0, NAN, 2.0, INF, 3.0, 4.0])
    assert (ended, n) == (4, 6)
    assert stats.binom.sf(3, 6, low) == pytest.approx(0.025)
    assert stats.binom.cdf(4, 6, high) == pytest.approx(0.025)


def test_simulated_coverage_is_what_is_said():
    """600 studies of 10 seeds: 3.5 standard errors of 95 %, .031, fail by chance in 1 of 2,000."""
    held = coverage(10, 0.6, num_studies=600)
    assert held["mean"] == pytest.approx(0.95, abs=0.031)
    assert held["difference"] == pytest.approx(0.951, abs=0.031)  # 1 - 2 P(W <= 8), exact
    assert held["median"] == pytest.approx(0.979, abs=0.021)
    assert 0.80 < held["bca"] < 0.92  # the field's warning: it covers less


def test_holm_controls_the_family_wise_error_and_without_it_nothing_does():
    """400 studies of 8 equal entries: .05 and 3 standard errors, 1 in 700."""
    corrected, plain = family_error(10, 8, num_studies=400)
    assert corrected < 0.083 < 0.15 < plain


def test_the_seeds_said_to_be_needed_find_the_difference_four_times_in_five():
    """400 studies: 3.5 standard errors, .07, beside the approximation's own .05."""
    n, share = power(0.7, num_studies=400)
    assert 15 < n < 30 and share == pytest.approx(0.8, abs=0.1)
    assert seeds_needed([0.0, 0.0]) is None and seeds_needed([1.0, INF]) is None
    assert seeds_needed([1.0, 1.1, 0.9]) == 6  # fewer could tell nothing
    assert seeds_needed([1.0, -1.0, 0.1], comparisons=20) > seeds_needed([1.0, -1.0, 0.1])


def test_every_entry_is_judged_against_the_one_named():
    rng = np.random.default_rng(10)
    rows = [("a", s, v) for s, v in enumerate(rng.lognormal(size=10))]
    rows += [("b", s, 3.0 + v) for _, s, v in rows]
    rows += [("c", s, v + 0.3 * rng.normal()) for _, s, v in rows[:10]]
    rows += [("d", s, v if s else NAN) for _, s, v in rows[:10]]
    found = {
        one.entry: one for one in compare_to_reference(table(rows), ["d"], list("abcd"), "kl", "a")
    }
    assert list(found) == ["b", "c", "d"]
    b, c, d = found.values()
    assert b.is_significant and not b.is_lower and b.seeds_needed is None
    assert b.paired.difference == pytest.approx(3.0) and b.paired.low == pytest.approx(3.0)
    assert not c.is_significant and c.seeds_needed > 10
    assert (d.num_completed, d.num_runs, d.is_significant, d.seeds_needed) == (9, 10, False, None)
    assert b.adjusted == pytest.approx(3 * b.paired.p)


def test_the_reference_is_the_first_method_and_never_the_best_by_results():
    assert reference(["mle", "cd, tuned", "nce"]) == "cd, tuned"
    assert reference(["cd", "nce"], "nce") == "nce" and reference(["cd"], "gone") == "cd"
    assert reference(["mle", "kde"]) is None


def many(medians):
    """A table of datasets d0, d1, ... with one seed: a row of medians each, entries a, b, ..."""
    return pd.concat(
        table([(chr(97 + e), 0, v) for e, v in enumerate(one)]).assign(dataset=f"d{i}")
        for i, one in enumerate(medians)
    )


def test_ranks_against_scipy_and_demsars_table():
    medians = np.random.default_rng(11).lognormal(size=(8, 5)) + np.arange(5)
    found = ranks(many(medians), [f"d{i}" for i in range(8)], list("abcde"), "kl")
    assert found.p == pytest.approx(stats.friedmanchisquare(*medians.T).pvalue)
    assert found.critical == pytest.approx(2.728 * math.sqrt(5 * 6 / (6 * 8)), rel=1e-3)
    each = stats.rankdata(medians, axis=1).mean(axis=0)
    assert sorted(found.mean) == found.mean == pytest.approx(sorted(each))
    assert found.cliques and all(
        found.mean[last] - found.mean[first] < found.critical for first, last in found.cliques
    )


def test_a_diverged_median_is_the_worst_rank_and_few_datasets_are_not_tested():
    found = ranks(many([[1.0, NAN, 2.0]] * 5), [f"d{i}" for i in range(5)], list("abc"), "kl")
    assert found.entries == ["a", "c", "b"] and found.mean == [1.0, 2.0, 3.0]
    assert not found.enough and math.isnan(found.p) and math.isnan(found.critical)
    assert ranks(many([[1.0]]), ["d0"], ["a"], "kl") is None


def test_friedmans_test_holds_its_level():
    """Of 300 tables of 4 equal entries on 10 datasets, .05 and 3.5 standard errors: 1 in 2,000."""
    rng = np.random.default_rng(12)
    p = [stats.friedmanchisquare(*rng.normal(size=(4, 10))).pvalue for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 300)


def test_profiles_are_shares_of_runs_with_bands_that_hold_the_truth():
    """Of 200 studies of 2 x 10 runs the band at the truth's median: .95 within 4 standard errors
    and the bootstrap's own .03 at so few seeds."""
    rows = [("a", s, v) for s, v in enumerate([1.0, 1, 1, 2, NAN])] + [("mle", 0, 1.0)]
    found = profiles(table(rows), ["d"], ["a", "mle"], "kl", np.array([0.9, 1.0, 2.0, 99.0]))
    assert found["a"].share.tolist() == pytest.approx([0.0, 0.6, 0.8, 0.8])
    assert np.all(found["a"].low <= found["a"].share) and np.all(
        found["a"].share <= found["a"].high
    )
    rng, held = np.random.default_rng(13), 0
    for _ in range(200):
        one = profile(list(rng.lognormal(size=(2, 10))), np.array([1.0]))
        held += one.low[0] <= 0.5 <= one.high[0]
    assert held / 200 == pytest.approx(0.95, abs=0.09)


def trained(entry, kl, seconds, network_evaluations):
    """The snapshots of one entry: (seeds, snapshots) of KL, the costs of each snapshot."""
    rows = []
    for seed, values in enumerate(kl):
        lost = not np.isfinite(values).all()
        for i, value in enumerate(values):
            cost = {"kl": value, "train_cpu_seconds": seconds * (i + 1)}
            cost["network_evaluations"] = network_evaluations * (i + 1)
            rows += [
                {"dataset": "d", "method": entry, "seed": seed, "step": 100 * (i + 1)}
                | {"metric": m, "value": v, "status": "diverged" if lost else "done"}
                for m, v in cost.items()
            ]
    return pd.DataFrame(rows)


def test_equal_budgets_are_those_of_the_cheapest_and_spent_by_whole_snapshots():
    rows = pd.concat(
        [
            trained("a", [[8.0, 4, 2, 1], [8, 4, 2, 1.5], [8, 4, 2, 2]], 1.0, 10),
            trained("b", [[9.0, 6, 3, 2], [9, 6, NAN, NAN], [9, 6, 3, 2]], 3.0, 5),
            trained("mle", [[0.1] * 4], 9.0, 1),
        ]
    )
    curves = {e: curve(rows, "d", e, "kl") for e in ("a", "b", "mle")}
    budget, found = at_equal_budget(curves, "train_cpu_seconds")
    assert budget == 4.0 and "mle" not in found  # its first snapshot takes 9 s
    assert found["a"].over_seeds.median == 1.5 and found["a"].whole and found["a"].spent == 1.0
    assert found["b"].over_seeds.median == 9.0 and not found["b"].whole
    assert found["b"].over_seeds.diverged == 1 and found["b"].spent == 0.75
    budget, found = at_equal_budget(curves, "network_evaluations")
    assert budget == 20 and found["a"].over_seeds.median == 4.0  # b pays for all
    assert found["b"].over_seeds.median == 2.0 and found["b"].whole
    assert at_equal_budget(curves, "num_updates", 0.5)[0] == 200


def test_the_time_to_a_target_is_censored_where_half_never_reach_it():
    rows = trained("a", [[8.0, 4, 2, 1], [8, 4, 2, 1.5], [8, 4, NAN, NAN]], 2.0, 1)
    one = curve(rows, "d", "a", "kl")
    assert time_to_target(one, 5.0) == (4.0, 2, 3)  # the diverged run never counts as there
    assert time_to_target(one, 1.2) == (INF, 1, 3)
    assert curve(rows, "d", "b", "kl") is None


def test_the_parts_of_w1_are_what_each_adds_and_hidden_where_chains_have_not_settled():
    floor = {"mean": 1.0, "low": 0.9, "high": 1.1}
    made = {
        "w1_exact": 2.5,
        "w1_langevin": 2.0,
        "w1_sampling_error": 1.9,
        "w1_sampling_error_null": 1.2,
    }
    oracle = dict.fromkeys(made, 1.25)
    rows = [
        {"dataset": "d", "method": e, "seed": s, "step": 1, "metric": m, "status": "done"}
        | {"value": v + 0.01 * s * (m == "w1_sampling_error")}
        for e, values in (("a", made), ("mle", oracle))
        for s in range(-4, 5)
        for m, v in values.items()
    ]
    a, mle = error_sources(pd.DataFrame(rows), "d", ["a", "mle"], floor)
    assert (a.null_mean, a.model, a.method, a.sampling) == pytest.approx((1.0, 0.25, 1.25, 0.7))
    assert a.total == pytest.approx(3.2) and not a.is_converged and a.masked == pytest.approx(0.5)
    assert (mle.model, mle.method, mle.sampling) == pytest.approx(
        (0.25, 0.0, 0.0)
    ) and mle.is_converged
    assert mle.masked == 0
