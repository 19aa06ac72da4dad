"""The estimator on tables: frames in and out, log probabilities of levels, refusals."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.mixed_tables import OPTIONS, TABLES, fit, orders
from sklearn.utils.estimator_checks import (
    check_classifier_data_not_an_array,
    check_dataframe_column_names_consistency,
)

import ebmark as eb


@pytest.fixture(scope="module")
def model():
    return fit(orders())


def test_samples_have_the_columns_types_and_ranges(model):
    table = orders()
    drawn = model.sample(50, random_state=0)
    pd.testing.assert_series_equal(drawn.dtypes, table.dtypes)
    assert set(drawn["kind"]) == {"red", "white"} and set(drawn["shop"]) == {"north"}
    assert drawn["year"].between(table["year"].min(), table["year"].max()).all()
    assert drawn["price"].str.fullmatch(r"\d+,\d\d").all()
    assert model.columns_["kind"].tolist() == ["number", "category", "integer", "category"]


def test_columns_are_matched_by_name(model):
    table = orders().head(20)
    scores = model.score_samples(table)
    assert scores.shape == (20,) and np.isfinite(scores).all()
    assert set(model.predict(table)) <= {-1, 1}
    np.testing.assert_array_equal(model.score_samples(table[table.columns[::-1]]), scores)
    np.testing.assert_array_equal(
        model.score_samples(pa.Table.from_pandas(table[[*table]], preserve_index=False)), scores
    )
    np.testing.assert_allclose(model.energy(table), -scores - model.log_z_, rtol=1e-12)
    assert model.feature_names_in_.tolist() == [*table] and model.n_features_in_ == 4
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(model.score_samples(table.to_numpy()), scores)
    for wrong, message in [
        (table.drop(columns="year"), "Missing column.s. year"),
        (table.assign(extra=1), "Unknown column.s. extra"),
        (table.assign(kind="rose"), "unknown level 'rose'"),
        (table.assign(year=None), "'year' has missing values, first in row 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.predict(wrong)


@pytest.mark.full
def test_log_density_of_levels_is_a_log_probability():
    r"""$\sum_k e^{\log p(k)} \approx \sum_k P(k) = 1$ for one integer column."""
    counts = pd.DataFrame({"k": np.random.default_rng(0).poisson(6.0, 2_000)})
    model = fit(counts, "nce", updates=150)
    levels = pd.DataFrame({"k": np.arange(-5, 40)})
    assert np.exp(model.score_samples(levels)).sum() == pytest.approx(1, abs=0.03)
    share = (counts["k"] == 6).mean()
    assert np.exp(model.score_samples(pd.DataFrame({"k": [6]})))[0] == pytest.approx(
        share, abs=0.05
    )


def test_frame_of_floats_is_as_its_array():
    x = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    one, other = fit(x), fit(frame)
    np.testing.assert_array_equal(one.score_samples(x), other.score_samples(frame))
    assert isinstance(one.sample(3), np.ndarray) and not hasattr(one, "columns_")
    assert other.sample(3).columns.tolist() == ["a", "b"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_classifier_data_not_an_array]
)
def test_frame_of_numbers_obeys_scikit_learn(check):
    """Names in the order of fit; without names, a frame is as its array, with real numbers."""
    check("EnergyModel", eb.EnergyModel("gaussian", **OPTIONS))


@pytest.mark.parametrize("missing", ["drop", "impute"])
def test_missing_values_follow_the_policy(missing):
    table = orders()
    table.iloc[:20, 0] = " "
    with pytest.raises(ValueError, match="price.*missing='drop'"):
        fit(table)
    model = fit(table, missing=missing)
    assert model.columns_["num_missing"].tolist() == [20, 0, 0, 0]
    assert np.isfinite(model.score(table.iloc[20:]))


def test_arrays_take_the_options_too():
    x = np.random.default_rng(0).normal(size=(50, 3))
    x[0, 1] = np.nan
    model = fit(x, missing="drop", drop=[0])
    assert model.sample(4).shape == (4, 2) and model.n_features_in_ == 3
    assert model.score_samples(x[1:]).shape == (49,)
    assert fit([[1.5, "a"], [2.5, "b"], [0.5, "a"]]).sample(4).shape == (4, 2)


def test_too_many_levels_name_the_column_and_the_fix():
    table = orders().assign(id=[f"order {k}" for k in range(200)])
    with pytest.raises(ValueError, match="'id' has 200 levels in 200 rows.*drop=.'id'."):
        fit(table)
    model = fit(table, drop=["id"])
    assert "id" not in model.sample(2) and np.isfinite(model.score(table))
    assert model.score(orders()) == model.score(table)


@pytest.mark.full
@pytest.mark.parametrize("name", TABLES)
def test_real_tables_go_in_and_come_out(name):
    table = TABLES[name]()
    model = fit(table, "nce", updates=50)
    assert np.isfinite(model.score_samples(table)).all()
    assert model.predict(table).shape == (len(table),)
    drawn = model.sample(30, random_state=0)
    pd.testing.assert_series_equal(drawn.dtypes, table.dtypes)
    assert np.isfinite(model.score_samples(drawn)).all()
    assert model.columns_["column"].tolist() == [*table]


def test_twelve_tables_are_there():
    assert len(TABLES) == 12
