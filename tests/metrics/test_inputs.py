"""What every sample metric accepts, at every scale: samples of any numeric type, or one error.

Properties hold for every example; examples are derandomized.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import (
    ADDITIONAL_SAMPLE_METRICS,
    SAMPLE_METRICS,
    additional_metrics,
    energy_distance,
    high_quality_fraction,
    kernel_stein_discrepancy,
    minibatch_wasserstein,
    mmd,
    mode_frequency_tv,
    sample_metrics,
    sinkhorn_on_the_fly,
    sliced_wasserstein,
    wasserstein,
)

SOURCE = SyntheticDataset("eight_gaussians")
METRICS = {
    **ADDITIONAL_SAMPLE_METRICS,
    **SAMPLE_METRICS,
    **additional_metrics(SOURCE),
    **sample_metrics(SOURCE),
    "minibatch_w1": lambda x, y: minibatch_wasserstein(x, y, order=1),
    "sinkhorn_on_the_fly": sinkhorn_on_the_fly,
}
OF_TWO_COLUMNS = {"high_quality_fraction": high_quality_fraction, "mode_tv": mode_frequency_tv}
FAST = ["w1", "w2", "sliced_w2", "mmd_sq", "energy_distance_sq", "ksd_sq", "coverage"]
TYPES = ["f2", "f4", "f8", ">f4", ">f8", "i1", "u1", "i4", ">i8", "frame", "objects", "list"]
examples = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def drawn(seed, n=30, dim=2):
    return np.random.default_rng(seed).normal(size=(n, dim))


def converted(x, kind):
    if kind == "frame":
        return pd.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])])
    if kind in ("objects", "list"):
        return x.astype(object) if kind == "objects" else x.tolist()
    return x.astype(kind)


@examples
@given(st.sampled_from(FAST), st.sampled_from(TYPES), st.sampled_from(TYPES), st.integers(0, 99))
def test_metric_accepts_every_numeric_type(name, x_type, y_type, seed):
    """The number of the same values in float64, all of which every type holds."""
    x = np.random.default_rng(seed).integers(0, 9, (30, 2)).astype(float)
    y = np.random.default_rng(seed + 100).integers(0, 9, (40, 2)).astype(float)
    assert METRICS[name](converted(x, x_type), converted(y, y_type)) == METRICS[name](x, y)


BAD = {
    "flat": (drawn(0)[:, 0], drawn(1)),
    "both flat": (drawn(0)[:, 0], drawn(1)[:, 0]),
    "1 against 2 columns": (drawn(0, dim=1), drawn(1)),
    "2 against 3 columns": (drawn(0), drawn(1, dim=3)),
    "no columns": (drawn(0, dim=0), drawn(1, dim=0)),
    "three axes": (drawn(0)[None], drawn(1)[None]),
    "no points": (drawn(0, n=0), drawn(1)),
    "a number": (1.0, drawn(1)),
    "text": (drawn(0).astype(str), drawn(1)),
    "ragged": ([[1.0, 2.0], [3.0]], drawn(1)),
    "complex": (drawn(0) + 1j, drawn(1)),
    "dates": (drawn(0).astype("M8[s]"), drawn(1)),
    "text among objects": (np.array([["1", 2.0]] * 30, object), drawn(1)),
    "masked": (np.ma.masked_greater(drawn(0), 0), drawn(1)),
    "other names": (pd.DataFrame(drawn(0), columns=["u", "v"]), converted(drawn(1), "frame")),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", METRICS)
def test_metric_refuses_other_input(name, case, unchecked_shapes):
    x, y = BAD[case]
    for pair in ((x, y), (y, x)):
        with pytest.raises(ValueError, match=r"must (be|have)|masked") as caught:
            METRICS[name](*pair)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_metric_of_few_points_is_number_or_error(name, n):
    try:
        value = METRICS[name](drawn(0, n), drawn(1, n))
    except ValueError as error:
        assert f"got {n}" in str(error)
    else:
        assert np.isfinite(value)


@pytest.mark.parametrize("metric", OF_TWO_COLUMNS.values(), ids=OF_TWO_COLUMNS)
def test_component_metric_refuses_unlike_widths(metric, unchecked_shapes):
    with pytest.raises(ValueError, match="shapes"):
        metric(drawn(0, dim=3), drawn(1))


def matched(x, y, order):
    """W_p of samples of equal size, by the optimal assignment."""
    cost = cdist(x, y)
    scale = cost.max()
    rows, columns = linear_sum_assignment((cost / scale) ** order)
    return scale * np.mean((cost[rows, columns] / scale) ** order) ** (1 / order)


@examples
@given(
    st.floats(1, 6),
    st.floats(-9, 9),
    st.floats(-3, 9),
    st.integers(1, 3),
    st.integers(0, 999),
    st.booleans(),
)
def test_wasserstein_matches_assignment(order, exponent, offset, dim, seed, has_outlier):
    """Any order, scale and offset; an outlier may lie in both samples."""
    x = drawn(seed, 25, dim)
    y = drawn(seed + 1000, 25, dim) * 1.2 + 0.1
    # The reference loses the digits of the others beside a larger outlier.
    x[0] = y[0] = 10 ** (6 / order) if has_outlier else x[0]
    x = x * 10**exponent + 10 ** (exponent + offset)
    y = y * 10**exponent + 10 ** (exponent + offset)
    assert wasserstein(x, y, order=order) == pytest.approx(matched(x, y, order), rel=1e-6)


@examples
@given(st.floats(1, 8), st.floats(-9, 9), st.integers(2, 40), st.integers(2, 40))
def test_wasserstein_of_line_matches_quantiles(order, exponent, n, m):
    r"""In 1-D, $W_p^p = \int |F^{-1} - G^{-1}|^p$, also for samples of unlike sizes."""
    x, y = np.sort(drawn(n, n, 1)), np.sort(drawn(m + 99, m, 1))
    levels = (np.arange(n * m) + 0.5) / (n * m)
    a = np.sort(x[:, 0])[(levels * n).astype(int)]
    b = np.sort(y[:, 0])[(levels * m).astype(int)]
    want = np.mean(np.abs(a - b) ** order) ** (1 / order) * 10**exponent
    assert wasserstein(x * 10**exponent, y * 10**exponent, order=order) == pytest.approx(
        want, rel=1e-6
    )


@pytest.mark.parametrize("order", [0.99, 0, -1, np.nan, np.inf, "2", None])
def test_wasserstein_refuses_order_below_1(order, unchecked_shapes):
    for distance in (wasserstein, minibatch_wasserstein):
        with pytest.raises(ValueError, match="'order' must be a finite number of at least 1"):
            distance(drawn(0), drawn(1), order=order)


def test_wasserstein_of_outliers_in_both_samples():
    """Common outliers at 1e9 are matched with themselves and change nothing but the mean."""
    x, y = drawn(0, 100), drawn(1, 100)
    for order in (1, 2, 3):
        want = wasserstein(x, y, order=order) * (100 / 102) ** (1 / order)
        far = np.array([[1e9, 1e9], [-1e9, 1e9]])
        got = wasserstein(np.vstack([x, far]), np.vstack([far, y]), order=order)
        assert got == pytest.approx(want, rel=1e-9)


def test_wasserstein_of_equal_supports_counts_weights():
    """Half of the points, of a set with an outlier, are counted twice: moves of length 1."""
    x = np.array([[0.0], [0.0], [1.0], [1e7]])
    y = np.array([[0.0], [1.0], [1.0], [1e7]])
    assert wasserstein(x, y, order=1) == pytest.approx(0.25, rel=1e-12)
    assert wasserstein(x, x) == 0


# Squared MMD has no unit, the others have that of data.
SCALED = {
    sliced_wasserstein: 1,
    mmd: 0,
    energy_distance: 1,
    kernel_stein_discrepancy: -2,
    METRICS["sinkhorn"]: 2,
}


@examples
@given(st.sampled_from(list(SCALED)), st.floats(-9, 9), st.floats(-3, 6), st.integers(0, 99))
def test_metric_scales_with_units(metric, exponent, offset, seed):
    """Stored values are multiples of 2^-20 standard deviations, so that an offset loses none."""
    x, y = np.round(drawn(seed) * 2**20) / 2**20, np.round(drawn(seed + 100) * 2**20) / 2**20 + 0.5
    scale, shift = 2.0 ** np.round(exponent / 0.30103), np.round(10**offset)
    want = metric(x, y) * scale ** SCALED[metric]
    moved = (x + shift) * scale, (y + shift) * scale
    if metric is kernel_stein_discrepancy:
        moved = (x + shift) * scale, y / scale
    assert metric(*moved) == pytest.approx(want, rel=1e-6)


def brute_force(name, x, y):
    """The metric of few points by its definition, in extended precision, with all pairs at once."""
    x, y = (
        np.asarray(z, np.longdouble) - np.asarray(y, np.longdouble).mean(axis=0) for z in (x, y)
    )
    distances = {
        pair: np.sqrt(np.sum((a[:, None] - b) ** 2, axis=-1))
        for pair, (a, b) in {"xx": (x, x), "yy": (y, y), "xy": (x, y)}.items()
    }
    n, m = len(x), len(y)
    radius = {pair: np.sort(distances[pair], axis=1)[:, 5] for pair in ("xx", "yy")}
    if name in ("w1", "w2"):
        scale = distances["xy"].max()
        order = int(name[1])
        rows, columns = linear_sum_assignment(np.asarray(distances["xy"] / scale, float) ** order)
        return np.mean(distances["xy"][rows, columns] ** order) ** (1 / order)
    if name == "sliced_w2":
        angles = np.pi * np.arange(200) / 200
        u = np.stack([np.cos(angles), np.sin(angles)])
        return np.sqrt(np.mean((np.sort(x @ u, axis=0) - np.sort(y @ u, axis=0)) ** 2))
    if name == "energy_distance_sq":
        within = distances["xx"].sum() / (n * (n - 1)) + distances["yy"].sum() / (m * (m - 1))
        return 2 * distances["xy"].mean() - within
    if name == "mmd_sq":
        squares = np.median((distances["yy"] ** 2)[np.triu_indices(m, 1)])
        kernel = {
            pair: np.mean(
                [np.exp(-(d**2) / (2 * w**2 * squares)) for w in (0.1, 0.3, 1, 3)], axis=0
            )
            for pair, d in distances.items()
        }
        within = (kernel["xx"].sum() - n) / (n * (n - 1)) + (kernel["yy"].sum() - m) / (m * (m - 1))
        return within - 2 * kernel["xy"].mean()
    if name == "sinkhorn":
        epsilon = 0.1 * y.var(axis=0).sum()
        values = {
            pair: log_sinkhorn(np.asarray(d**2 / epsilon, float)) for pair, d in distances.items()
        }
        return epsilon * (values["xy"] - values["xx"] / 2 - values["yy"] / 2)
    return {
        "precision": np.mean((distances["xy"] <= radius["yy"]).any(axis=1)),
        "recall": np.mean((distances["xy"] <= radius["xx"][:, None]).any(axis=0)),
        "density": np.sum(distances["xy"] <= radius["yy"]) / (5 * n),
        "coverage": np.mean((distances["xy"] <= radius["yy"]).any(axis=0)),
    }[name]


def log_sinkhorn(cost):
    f, g = np.zeros(cost.shape[0]), np.zeros(cost.shape[1])
    for _ in range(300):
        f = -np.log(np.exp(g - cost).mean(axis=1))
        g = -np.log(np.exp(f[:, None] - cost).mean(axis=0))
    return f.mean() + g.mean()


REFEREED = sorted(set(SAMPLE_METRICS) | set(ADDITIONAL_SAMPLE_METRICS) - {"c2st"})


@pytest.mark.parametrize("name", REFEREED)
@settings(examples, max_examples=12)
@given(
    st.floats(-9, 9),
    st.floats(-2, 9),
    st.sampled_from(["f8", ">f8", "f4", "f2", "i8"]),
    st.integers(0, 99),
)
def test_metric_matches_brute_force(name, exponent, offset, kind, seed):
    """To 1e-6 of the values as stored, at any scale, offset and type that holds them."""
    x, y = drawn(seed), drawn(seed + 100) * 1.3 + 0.2
    if kind in ("f8", ">f8"):
        x, y = ((z + 10**offset) * 10**exponent for z in (x, y))
    x, y = ((z * (1000 if kind == "i8" else 1)).astype(kind) for z in (x, y))
    value = METRICS[name](x, y)
    want = float(brute_force(name, x.astype(float), y.astype(float)))
    # Differences of mean distances lose the digits by which they are smaller.
    size = cdist(x.astype(float), y.astype(float)).mean() if name == "energy_distance_sq" else 0
    # The iteration of Sinkhorn divergences ends near the optimum.
    relative = 1e-5 if name == "sinkhorn" else 1e-6
    absolute = max(1e-9 * size, 1e-12 * (name == "mmd_sq"))
    assert value == pytest.approx(want, rel=relative, abs=absolute)


def test_c2st_is_invariant_to_units():
    """To scale and offset, as it depends on ranks and distances in standard deviations."""
    x, y = np.round(drawn(0, 60) * 2**20) / 2**20, np.round(drawn(1, 60) * 2**20) / 2**20 + 0.5
    want = METRICS["c2st"](x, y)
    for scale, shift in ((2.0**-30, 0), (2.0**30, 0), (1, 2.0**20)):
        assert METRICS["c2st"]((x + shift) * scale, (y + shift) * scale) == want
