"""The work of `ebmark score` and `ebmark impute` on a model object."""

import warnings

import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.cli._score import score_rows
from ebmark.datasets.tables import read_table


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
