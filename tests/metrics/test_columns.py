"""Column by column, samples are compared in units that no other column and no outlier sets."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from ebmark.datasets import UserDataset
from ebmark.metrics import sample_metrics
from ebmark.metrics.columns import compare_columns
from ebmark.metrics.scores import score_samples

NAMES = ("a", "b", "c")


def target_of(scales, seed=0, n=400):
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 1.0]])
    return rng.normal(size=(2, n, 3)) @ mixing * scales + 10 * np.asarray(scales)


def compare(x, target):
    y = target[: len(target) // 2]
    return compare_columns(x[: len(y)], y, UserDataset("t", target), NAMES)


@given(
    st.lists(st.integers(-9, 9), min_size=3, max_size=3),
    st.integers(0, 2),
    st.sampled_from(["uniform", "sign", "constant", "shift"]),
)
@settings(max_examples=12, deadline=None, derandomize=True)
@pytest.mark.full
def test_wrong_column_is_found_at_any_unit(exponents, column, error):
    scales = 10.0 ** np.array(exponents)
    target, x = target_of(scales)
    z = x[:, column] / scales[column] - 10
    rng = np.random.default_rng(1)
    wrong = {
        "uniform": rng.uniform(-6, 6, len(z)),
        "sign": -z - 20,
        "constant": np.full(len(z), z.mean()),
        "shift": z + 1,
    }
    x[:, column] = (wrong[error] + 10) * scales[column]
    comparison = compare(x, target)
    assert [bool(score.findings) for score in comparison.columns] == [j == column for j in range(3)]
    source = UserDataset("t", target)
    metrics = {"w1": sample_metrics(source)["w1"]}
    (w1,) = score_samples(x[:200], target[:200], source, metrics)
    assert w1.value > w1.null_range["high"]


def test_w1_matches_scipy():
    target, x = target_of([1.0, 5.0, 1e4])
    scale = UserDataset("t", target).metric_units.scale
    for j, score in enumerate(compare(x, target).columns):
        expected = scipy.stats.wasserstein_distance(x[:200, j], target[:200, j]) / scale[j]
        assert score.w1 == pytest.approx(expected, rel=1e-9)


def test_correlation_matches_scipy_and_lost_one_is_found():
    target, x = target_of([1.0, 1.0, 1.0])
    x[:, 1] = np.random.default_rng(2).permutation(x[:, 1])
    strongest = compare(x, target).correlations[0]
    assert strongest.columns == ("a", "b")
    expected = scipy.stats.spearmanr(x[:200, 0], x[:200, 1]).statistic
    assert strongest.value == pytest.approx(expected, abs=1e-12)
    assert abs(strongest.value - strongest.target) > strongest.null_range["high"]


@pytest.mark.full
def test_samples_of_target_are_rarely_above_null_range():
    """Of 30 tables x 3 columns, 2.5% are above: 2.3, and more than 11 with probability 1e-5."""
    num_above = 0
    num_correlations = 0
    for seed in range(30):
        target, x = target_of([1.0, 1e6, 1e-6], seed=seed)
        comparison = compare(x, target)
        num_above += sum(bool(score.findings) for score in comparison.columns)
        pair = comparison.correlations[0]
        num_correlations += abs(pair.value - pair.target) > pair.null_range["high"]
    assert num_above <= 11 and num_correlations <= 7


def test_words_name_what_differs():
    target, x = target_of([1.0, 1.0, 1.0])
    target[:, 2] = np.round(2 * target[:, 2]) / 2
    x[:, 0] += 3
    x[:, 1] = 10 + 5 * (x[:, 1] - 10)
    first, second, third = (" ".join(score.findings) for score in compare(x, target).columns)
    assert "median +3" in first and "outside the target's range" in first
    assert "spread 5" in second or "spread 4" in second
    x[:, 2] = x[:, 2] + 1
    third = " ".join(compare(x, target).columns[2].findings)
    assert "100% of values never seen" in third


def test_outlier_does_not_hide_other_column():
    target, x = target_of([1.0, 1.0, 1.0])
    target[5, 0] = 1e9
    x[:, 1] = -x[:, 1]
    assert compare(x, target).columns[1].findings
    scale = UserDataset("t", target).metric_units.scale
    assert 0.8 < scale[0] < 1.25


def test_single_column_has_no_correlations():
    rng = np.random.default_rng(3)
    source = UserDataset("t", rng.normal(size=(100, 1)))
    x = rng.normal(size=(50, 1))
    assert compare_columns(x, source.points[:50], source, ("a",)).correlations == []
