"""The work of `ebmark score` and `ebmark impute` on a model object."""

import warnings

import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.cli._score import score_rows
from ebmark.datasets.tables import read_table
from ebmark.estimator import ModelQueries


def fit(table, **options):
    options |= {"baselines": False, "early_stopping": False, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eb.EnergyModel("gaussian", **options).fit(table)


def test_scores_rank_flag_and_name_the_column():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    model = fit(table)
    table.loc[3, "b"] = 9.0
    scored = score_rows(model, table)
    added = ["log_density", "anomaly_rank", "is_outlier", "top_column"]
    assert scored.columns.tolist() == ["a", "b", *added]
    assert scored.loc[3, added[1:]].tolist() == [1, True, "b"]
    assert sorted(scored["anomaly_rank"]) == [*range(1, 201)]
    with pytest.raises(eb.UserError, match="now missing"):
        score_rows(model, table[["a"]])


def test_impute_counts_the_values_that_it_fills(run):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"]).assign(id="x")
    fit(table, drop=["id"]).save("m.ebm")
    holes = table.head(20).astype({"id": object})
    holes.iloc[:2, 2] = None
    holes.to_csv("holes.csv", index=False)
    status, out, _ = run("impute", "m.ebm", "holes.csv", "--out", "full.csv")
    left = "2 left in columns that the model does not use"
    assert status == 0 and out == f"0 missing values filled, {left}: full.csv\n"
    holes.iloc[3:6, 1] = np.nan
    holes.to_parquet("holes.parquet", index=False)
    _, out, _ = run("impute", "m.ebm", "holes.parquet", "--out", "full.csv")
    assert out == f"3 missing values filled, {left}: full.csv\n"
    assert read_table("full.csv").frame.isna().sum().tolist() == [0, 0, 2]


class Drawn(Exception):
    """The work has begun."""


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("command", ["score", "impute", "sample"])
def test_file_of_numbers_is_refused_before_the_work(run, monkeypatch, command, suffix):
    """If a column of the rows is text, and only then."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    table = pd.DataFrame({"a": x[:, 0], "kind": np.where(x[:, 1] > 0, "u", "v"), "b": x[:, 2]})
    fit(table).save("text.ebm")
    fit(x).save("array.ebm")
    table.to_csv("text.csv", index=False)
    np.save("array.npy", x)

    def begin(*_, **__):
        raise Drawn

    for work in ("score_samples", "impute", "sample"):
        monkeypatch.setattr(ModelQueries, work, begin)
    files = {"text": ["text.csv"], "array": ["array.npy"]}
    if command == "sample":
        files = {"text": [], "array": []}
    options = ("--out", f"new{suffix}")
    status, _, err = run(command, "text.ebm", *files["text"], *options)
    assert status == 2 and "column 'kind' is no number" in err and err.count("\n") == 1
    with pytest.raises(Drawn):
        run(command, "array.ebm", *files["array"], *options)


def test_samples_of_an_array_with_text_are_written(run):
    x = np.random.default_rng(0).normal(size=(100, 2))
    array = np.empty((100, 2), object)
    array[:, 0], array[:, 1] = x[:, 0], np.where(x[:, 1] > 0, "u", "v")
    fit(array).save("m.ebm")
    assert run("sample", "m.ebm", "-n", 30, "--out", "new.csv")[0] == 0
    frame = read_table("new.csv").frame
    assert [*frame.columns] == ["x1", "x2"] and frame["x2"].isin(["u", "v"]).all()
    status, _, err = run("sample", "m.ebm", "--out", "new.npy")
    assert status == 2 and "column 'x2' is no number" in err


def test_imputed_text_has_the_types_of_fit(run):
    """A file of text whose model was fitted to typed columns becomes a Parquet file of these."""
    rng = np.random.default_rng(0)
    moments = pd.date_range("2024-03-01", periods=200, freq="D", tz="Europe/Berlin")
    flags = pd.array(rng.random(200) < 0.5)
    table = pd.DataFrame({"flag": flags, "when": moments, "x": rng.normal(size=200)})
    fit(table).save("m.ebm")
    holes = table.head(60).astype({"flag": object})
    holes.iloc[3:5, 0], holes.iloc[4:7, 1] = None, pd.NaT
    holes.to_csv("holes.csv", index=False)
    status, out, err = run("impute", "m.ebm", "holes.csv", "--out", "full.parquet")
    assert status == 0 and out.startswith("5 missing values filled: "), err
    full = read_table("full.parquet").frame
    pd.testing.assert_frame_equal(full.iloc[7:], table.iloc[7:60], rtol=1e-15)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"x": np.ones(3), "kind": ["a", "b", "c"]}, "column 'kind' is no number"),
        ({"x": np.arange(3.0)}, "it has 1"),
    ],
)
def test_other_columns_than_those_of_an_array_are_named(tmp_path, run, columns, problem):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 2)))
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    model, out = str(tmp_path / "m.ebm"), str(tmp_path / "s.csv")
    status, _, err = run("fit", str(tmp_path / "x.npy"), "--method", "gaussian", "--out", model)
    assert status == 0, err
    for command in ("score", "impute"):
        status, _, err = run(command, model, str(tmp_path / "t.csv"), "--out", out)
        assert status == 2 and problem in err and "array of 2 columns" in err
