"""The statistics: scipy as referee, intervals that cover, one rule for what diverged."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ebmark.statistics import best, final, median_run, paired, summary, worst_if_diverged

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
    assert test.n == 10 and test.difference == pytest.approx(np.median(a - b))
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
    found = final(rows, "d", "kl")
    assert list(found) == ["a", "b"]
    assert found["a"][0] == 1.0 and math.isnan(found["a"][1]) and found["b"].to_dict() == {1: 2.0}
    assert final(rows, "d", "no such metric") == {} and final(rows, "no such data", "kl") == {}
    assert final(table([("a", 0, NAN)]), "d", "kl") == {}


def test_a_diverged_run_counts_also_where_it_has_no_row_of_the_metric():
    rows = table([("a", 0, 1.0), ("a", 1, NAN)])
    other = rows["metric"].where(rows["status"] == "done", "train_seconds")
    assert math.isnan(final(rows.assign(metric=other), "d", "kl")["a"][1])


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
    assert median_run(rows, "d", "a", "kl") == 9
    assert median_run(rows, "d", "b", "kl") is None
