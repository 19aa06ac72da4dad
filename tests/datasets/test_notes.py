"""Notes on user data: one for each kind of trouble, with the column's name, none for clean data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebmark.datasets.tables._notes import describe_limitations

CLEAN = {
    "normal": lambda rng, size: rng.normal(size=size),
    "uniform": lambda rng, size: rng.random(size),
    "exponential": lambda rng, size: rng.exponential(size=size),
    "two modes": lambda rng, size: rng.normal(size=size) + 8 * (rng.random(size) < 0.3),
    "small mode": lambda rng, size: 0.1 * rng.normal(size=size) + 5 * (rng.random(size) < 0.1),
}
HEAVY = {
    "cauchy": lambda rng, size: rng.standard_cauchy(size),
    "pareto": lambda rng, size: rng.pareto(1, size),
    "t2": lambda rng, size: rng.standard_t(2, size),
}


def notes_on(x: np.ndarray) -> tuple[str, ...]:
    return describe_limitations(x, tuple("abcdef"[: x.shape[1]]))


@given(
    st.sampled_from(sorted(CLEAN)),
    st.sampled_from([400, 1_000, 3_000]),
    st.integers(-9, 9),
    st.sampled_from([0.0, 1.0, 1e3, -1e6]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_clean_table_gets_no_note(kind, n, exponent, offset, dtype, seed):
    """Any scale, any offset that the type of the stored numbers resolves."""
    rng = np.random.default_rng(seed)
    z = CLEAN[kind](rng, (n, 2))
    x = (z + (min(abs(offset), 100) if dtype is np.float32 else offset)) * 10.0**exponent
    assert notes_on(x.astype(dtype).astype(float)) == ()


@given(
    st.sampled_from(["cauchy", "pareto"]),
    st.sampled_from([400, 1_000, 3_000]),
    st.integers(-9, 9),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_heavy_tails_are_noted(kind, n, exponent, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    x[:, 1] = HEAVY[kind](rng, n) * 10.0**exponent
    notes = [note for note in notes_on(x) if '"b"' in note]
    assert len(notes) == 1 and ("heavy tails" in notes[0] or "outliers" in notes[0])


def test_tails_of_t2_are_noted():
    """At 4,000 points for all seeds; at 400 for most."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert notes_on(np.c_[HEAVY["t2"](rng, 4_000), rng.normal(size=4_000)])


@given(st.floats(3, 12), st.sampled_from([-1, 1]), st.integers(-9, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_far_outlier_is_noted(log_distance, sign, exponent, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 2))
    x[17, 1] = sign * 10**log_distance
    (note,) = notes_on(x * 10.0**exponent)
    assert '"b" have far outliers' in note


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (lambda rng: rng.integers(0, 2, 400) * 0.5, "discrete"),
        (lambda rng: np.round(rng.normal(size=400)) / 2, "discrete"),
        (lambda rng: np.maximum(rng.normal(size=400), 0.0), "discrete"),
        (lambda rng: rng.integers(0, 100, 400), "integers"),
        (lambda rng: 1.7e9 + 1e7 * rng.random(400), "Unix times"),
        (lambda rng: 1.7e12 + 1e10 * rng.random(400), "Unix times"),
        (lambda rng: np.sort(rng.random(400)), "increase from row to row"),
        (lambda rng: -np.sort(rng.random(400)), "increase from row to row, or decrease"),
        (lambda rng: (1e9 + 1e3 * rng.random(400)).astype("f4").astype(float), "few digits"),
        (lambda rng: rng.random(400).astype("f2").astype(float), "few digits"),
    ],
)
def test_property_of_column_is_noted(column, words):
    rng = np.random.default_rng(1)
    x = np.c_[rng.normal(size=400), column(rng)]
    assert any(words in note and '"b"' in note for note in notes_on(x))


@pytest.mark.parametrize("num", [0, 1, 3, 200])
def test_repeated_rows_are_noted(num):
    x = np.random.default_rng(2).normal(size=(500, 2)) + 1e7
    notes = notes_on(np.vstack([x, x[:num]]))
    assert notes == () if num < 3 else f"{num} repeat another" in notes[0]
