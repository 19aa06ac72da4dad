"""Which method for a table: the table and the answer by hand, refusals, and a run."""

import math

import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.studies import plugins
from ebmark.studies.twin import _values, compare_methods, state_answer


def by_seed(*values):
    return pd.Series(values, dtype=float)


KL = {
    "nce": by_seed(0.2, 0.3, 0.4, 0.5, 0.6, math.nan),
    "cd": by_seed(0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    "dsm": by_seed(0.1, 0.1, math.nan, math.nan, math.nan, math.nan),
}
NLL = {
    "nce": by_seed(1, 2, 3, 4, 5, 6),
    "cd": by_seed(2, 3, 4, 5, 6, 7),
    "dsm": by_seed(3, 4, 5, 6, 7, 8),
}


@pytest.fixture
def restored():
    """Forget the twin of a test."""
    yield
    for name, kind in plugins._IN_PROCESS.items():
        plugins._KINDS[kind][0].pop(name, None)
    plugins._IN_PROCESS.clear()


def test_ranking_matches_hand_computation():
    """Medians 0.35, 0.45 and unresolved; cd - nce is negative on all 6 seeds: p = 2 / 2^6."""
    table = compare_methods(KL, NLL)
    assert table.index.tolist() == ["cd", "nce", "dsm"]
    np.testing.assert_allclose(table["kl"], [0.35, 0.45, math.inf])
    np.testing.assert_allclose(table["log_likelihood"], [-4.5, -3.5, -5.5])
    np.testing.assert_allclose(table.loc["cd", ["kl_low", "kl_high"]].astype(float), [0.1, 0.6])
    assert math.isnan(table.loc["cd", "p"]) and table.loc["nce", "p"] == 2 / 2**6


def test_answer_states_both_rankings():
    """cd is first and nce second on the twin, the other way round on the rows: 2 of 3 pairs."""
    answer = state_answer(compare_methods(KL, NLL), 1.25, 0.1, 6).replace("\u00a0", " ")
    assert answer == (
        "The twin gains 1.2 ± 0.1 nats per held-out row over a Gaussian. On the twin, cd has the "
        "lowest median KL (0.35 nats), significantly lower than the runner-up nce (Wilcoxon "
        "signed-rank test on paired seeds, p = 0.031). On held-out rows, nce has the highest "
        "log-likelihood (-3.5 nats). The two rankings agree on 2 of 3 pairs of methods "
        "(Kendall's tau 0.33)."
    )


def test_answer_without_test_or_resolved_run():
    two = {name: values[:2] for name, values in KL.items()}
    assert "not tested (2 seeds; at least 6 are needed)" in state_answer(
        compare_methods(two, NLL), 1.0, 0.1, 2
    )
    nothing = {"dsm": KL["dsm"]}
    answer = state_answer(compare_methods(nothing, nothing), 1.0, 0.1, 6)
    assert answer.count("all median runs diverged or are unresolved") == 2


def test_gaussian_twin_cannot_rank():
    answer = state_answer(compare_methods({}, NLL), 0.01, 0.02, 6)
    assert answer.startswith("The twin is a Gaussian: no mixture has a significantly higher")
    assert "cannot rank methods" in answer and "nce has the highest log-likelihood" in answer


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (np.eye(3), {}, "has 3 complete rows. Give at least 25."),
        (np.full((30, 2), np.inf), {}, "infinite|finite"),
        ([[1.0, math.nan], [2.0, 3.0]] * 15, {}, "Pass missing='drop'"),
        (np.ones((30, 2)), {}, "constant"),
        (np.eye(30), {"missing": "model"}, "must be None, 'drop' or 'impute'"),
        (np.eye(30), {"methods": ["nec"]}, "Did you mean 'nce'"),
    ],
)
def test_unusable_tables_are_refused(table, options, message):
    """Before anything is fitted, in one line."""
    with pytest.raises((ValueError, eb.UserError), match=message) as error:
        eb.twin(table, **options)
    assert "\n" not in str(error.value)


@pytest.mark.full
def test_twin_ranks_methods_of_a_table(tmp_path, restored):
    """Two clusters and a category: a Gaussian is worse than a kernel density estimate on both."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=200)
    size = 6.0 * kind + rng.normal(size=200)
    table = pd.DataFrame({"size": size.round(2), "kind": np.where(kind, "a", "b")})
    result = eb.twin(table, methods=["gaussian", "kde", "nce"], seeds=2, updates=200, out=tmp_path)
    assert result.gain > 2 * result.gain_error and result.components > 1
    assert result.table.loc["kde", "kl"] < result.table.loc["gaussian", "kl"]
    likelihoods = result.table["log_likelihood"]
    assert likelihoods["kde"] > likelihoods["gaussian"]
    drawn = result.sample(50, random_state=0)
    pd.testing.assert_series_equal(drawn.dtypes, table.dtypes)
    assert set(drawn["kind"]) == {"a", "b"} and drawn["size"].between(-4, 10).all()
    assert result.answer in result._repr_html_()
    study = eb.compare(["gaussian"], datasets=[result.dataset], seeds=2, num_train=160)
    assert study.table("kl").index.tolist() == ["gaussian"]
    again = eb.twin(table, methods=["gaussian", "kde", "nce"], seeds=2, updates=200, out=tmp_path)
    pd.testing.assert_frame_equal(again.table, result.table)


def test_significance_has_the_sign_of_the_difference():
    """cd has the lower median, but nce is lower on most seeds."""
    nce = by_seed(*range(1, 10))
    cd = by_seed(1.5, 2.5, 3.5, 4.5, 4.9, 6.5, 7.5, 8.5, 9.5)
    table = compare_methods({"cd": cd, "nce": nce}, {"cd": cd, "nce": nce})
    assert table.index[0] == "cd" and table["p"].iloc[1] < 0.05 and table["difference"].iloc[1] < 0
    assert "cd has the lowest median KL (4.9 nats), not significantly" in state_answer(
        table, 1.0, 0.1, 9
    ).replace("\u00a0", " ")


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_methods_without_a_resolved_run_are_in_the_table(value):
    rows = [("twin", m, s, 1, "kl", value, "done") for m in ("cd", "nce") for s in range(6)]
    columns = ["dataset", "method", "seed", "step", "metric", "value", "status"]
    kl = _values(pd.DataFrame(rows, columns=columns), "twin", "kl")
    nll = _values(pd.DataFrame(rows, columns=columns), "twin", "nll")
    table = compare_methods(kl, nll)
    assert list(table.index) == ["cd", "nce"] and not np.isfinite(table["log_likelihood"]).any()
    answer = state_answer(table, 1.0, 0.1, 6)
    assert answer.count("all median runs diverged or are unresolved") == 2
