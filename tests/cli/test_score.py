"""The work of `ebmark score` and `ebmark impute` on a model object."""

import warnings

import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.cli._score import score_rows


def test_scores_rank_flag_and_name_the_column():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    options = {"baselines": False, "early_stopping": False, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = eb.EnergyModel("gaussian", **options).fit(table)
    table.loc[3, "b"] = 9.0
    scored = score_rows(model, table)
    added = ["log_density", "anomaly_rank", "is_outlier", "top_column"]
    assert scored.columns.tolist() == ["a", "b", *added]
    assert scored.loc[3, added[1:]].tolist() == [1, True, "b"]
    assert sorted(scored["anomaly_rank"]) == [*range(1, 201)]
    with pytest.raises(eb.UserError, match="now missing"):
        score_rows(model, table[["a"]])
