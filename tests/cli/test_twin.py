"""`ebmark twin`: refusals are one line with the fix, and the answer is the last line."""

import numpy as np
import pandas as pd
import pytest

TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
REFUSALS = [
    (["none.csv"], "none.csv: no such file"),
    (["table.csv", "--methods", "nec"], "Did you mean 'nce'"),
    (["table.csv", "--seeds", 0], "--seeds must be at least 1"),
    (["table.csv", "--drop", "c"], "--drop: Unknown column 'c'"),
    (["holes.csv"], "holes.csv: NaN or missing values in column(s) a. Pass --missing drop"),
    (["short.csv"], "The table has 22 complete rows. Give at least 25."),
    (["names.csv"], "--drop name"),
    (["table.csv", "--out", "table.csv"], "table.csv"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS)
def test_refusal_is_one_line(run, arguments, message):
    TABLE.to_csv("table.csv", index=False)
    TABLE.assign(a=TABLE["a"].mask(TABLE.index == 3)).to_csv("holes.csv", index=False)
    TABLE.head(22).to_csv("short.csv", index=False)
    TABLE.assign(name=[f"person {i}" for i in range(40)]).to_csv("names.csv", index=False)
    status, _, err = run("twin", *arguments)
    last = err.strip().splitlines()[-1]
    assert status == 2 and last.startswith("ebmark: ") and message in last


@pytest.mark.full
def test_answer_is_last(run):
    """Of a Gaussian table: the likelihoods of the rows, and no KL."""
    TABLE.to_csv("table.csv", index=False)
    options = ["--methods", "gaussian", "kde", "--seeds", 2, "--jobs", 1, "--out", "results"]
    status, out, err = run("twin", "table.csv", *options)
    assert status == 0, err
    answer = out[out.index("The twin is a Gaussian") :].split()
    assert "cannot rank methods" in " ".join(answer) and answer[-1] == "nats)."
    assert "log-likelihood of rows" in out and "KL on the twin" not in out
