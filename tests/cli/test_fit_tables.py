"""Tables on the command line: columns and types come back, and refusals name the flag."""

import csv
import io
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.mixed_tables import OPTIONS, TABLES, orders

import ebmark as eb
from ebmark.cli._fit import _split
from ebmark.cli._flags import choose_dropped, name_flags
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.datasets.tables import read_table, write_table


def check_table(run, table, suffix, method, *options):
    """Fit, sample and evaluate a table from a file, beside the same model in Python."""
    write_table(f"table{suffix}", table)
    read = read_table(f"table{suffix}").frame
    assert [*read.columns] == [*table.columns] and len(read) == len(table)
    if suffix == ".parquet":
        pd.testing.assert_frame_equal(read, table)
    status, out, err = run("fit", f"table{suffix}", "--out", "m.ebm", "--method", method, *options)
    assert status == 0, err
    shown = "each column" if table.shape[1] <= 20 else f"20 of {table.shape[1]} columns"
    assert "mean log-likelihood" in out and shown in out
    model = eb.load("m.ebm")
    assert np.isfinite(model.score_samples(read)).mean() == 1
    assert run("sample", "m.ebm", "-n", 30, "--out", f"new{suffix}", "--seed", 4)[0] == 0
    drawn = model.sample(30, random_state=4)
    pd.testing.assert_series_equal(drawn.dtypes, read.dtypes)
    new = read_table(f"new{suffix}").frame
    if suffix == ".parquet":
        pd.testing.assert_frame_equal(new, drawn)
    assert [*new.columns] == [*table.columns]
    status, out, err = run("evaluate", f"new{suffix}", "--model", "m.ebm")
    assert status == 0, err
    assert "mean log-likelihood of 30" in out


@pytest.mark.full
@pytest.mark.parametrize(("name", "suffix"), [("iris", ".csv"), ("orders", ".parquet")])
def test_table_goes_in_and_comes_out(run, name, suffix):
    table = TABLES[name]().reset_index(drop=True).iloc[:, -3:]
    check_table(run, table, suffix, "gaussian")


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", TABLES)
def test_twelve_tables_go_in_and_come_out(run, name, suffix):
    table = TABLES[name]().reset_index(drop=True)
    check_table(run, table, suffix, "nce", "--updates", 50)


def test_held_out_rows_of_a_sorted_file_are_a_random_sample():
    """Their mean is within four standard errors of that of all rows."""
    table = pd.DataFrame({"x": np.sort(np.random.default_rng(0).normal(size=20_000))})
    train, test = _split(table, table, 0)
    assert (len(train), len(test)) == (16_000, 1_000)
    assert not set(train.index) & set(test.index)
    assert abs(test["x"].mean()) < 4 / np.sqrt(1_000)
    assert test.equals(_split(table, table, 0)[1])


@pytest.mark.slow
def test_whole_numbers_follow_one_rule(run, tmp_path):
    """Discrete in a frame and in its files; real in an array and in its files."""
    x = np.random.default_rng(0).integers(0, 9, size=(60, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    write_table("x.csv", frame)
    np.save("x.npy", x)
    for table, kinds in ((frame, ["integer"] * 2), (read_table("x.csv").frame, ["integer"] * 2)):
        model = eb.EnergyModel("gaussian", **OPTIONS).fit(table)
        assert model.columns_["kind"].tolist() == kinds
    for array in (x, read_table("x.npy").frame):
        assert not hasattr(eb.EnergyModel("gaussian", **OPTIONS).fit(array), "columns_")
        model = eb.EnergyModel("gaussian", drop=[0], **OPTIONS).fit(array)
        assert model.columns_["treatment"].tolist() == ["unchanged"]


REFUSALS = {
    "": ["--drop id"],
    "--drop id": ["price", "--missing drop", "--missing impute"],
    "--drop ib": ["--drop", "'ib'", "id."],
    "--columns kind,pricce": ["--columns", "'price'"],
    "--columns shop": ["All columns are constant"],
}


@pytest.mark.parametrize("options", REFUSALS)
def test_refusal_names_the_flag(run, options):
    table = orders().assign(id=[f"order {k}" for k in range(200)])
    table.iloc[3, 0] = None
    write_table("table.csv", table)
    status, _, err = run("fit", "table.csv", "--out", "m.ebm", *options.split())
    line = err.strip().splitlines()[-1]
    assert status == 2 and line.startswith("ebmark: ") and line.endswith(".")
    for word in REFUSALS[options]:
        assert word in line


NAMES = ["a,b", "c", 'd "x" d', '"e', "f,'g", " h", "i\nj", ","]


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_any_name_are_dropped_as_suggested(name):
    """By the flag of the refusal, alone, and beside others as a field of CSV."""
    frame = pd.DataFrame([[0] * len(NAMES)], columns=NAMES)
    suggested = name_flags(f"Pass drop=[{name!r}].")
    if "\n" not in name and "\\" not in repr(name):
        _, _, flag = shlex.split(suggested.removesuffix("."))
        assert choose_dropped(frame, None, flag) == [name]
    assert choose_dropped(frame, None, name) == [name]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([name, "c"])
    assert choose_dropped(frame, None, line.getvalue()) == [name, "c"]
    assert name not in choose_dropped(frame, line.getvalue(), None)


def test_hint_on_missing_values_is_one_that_the_command_takes(run):
    table = pd.DataFrame({"x": [np.nan, *range(40)], "y": np.arange(41) / 4})
    write_table("table.csv", table)
    for command in (["twin", "table.csv"], ["fit", "table.csv", "--out", "m.ebm"]):
        status, _, err = run(*command)
        assert status == 2 and "--missing drop" in err and "--missing impute" in err
        assert ("--missing model" in err) == (command[0] == "fit")


@pytest.mark.full
def test_missing_values_and_columns_are_chosen(run):
    """Files of a model without some columns still have them when they are read again."""
    table = orders().assign(id=[f"order {k}" for k in range(200)])
    table.iloc[3, 0] = None
    write_table("table.csv", table)
    options = ("--columns", "price,kind,year", "--missing", "impute", "--method", "gaussian")
    status, out, err = run("fit", "table.csv", "--out", "m.ebm", *options)
    assert status == 0 and "median" in out, err
    assert [*eb.load("m.ebm").sample(2).columns] == ["price", "kind", "year"]
    status, _, err = run(
        "evaluate", "table.csv", "--model", "m.ebm", "--target-samples", "table.csv"
    )
    assert status == 0 and "1 of 200 rows have missing values" in err


@pytest.mark.filterwarnings("always::ebmark.EBMWarning")
def test_given_values_are_written_as_they_are(run):
    write_table("table.csv", orders())
    options = ("--method", "gaussian", "--drop", "shop")
    assert run("fit", "table.csv", "--out", "m.ebm", *options)[0] == 0
    command = ("sample", "m.ebm", "-n", 2, "--out", "new.csv", "--given")
    status, _, err = run(*command, "price=1e9")
    assert status == 0 and "outside the range of fit, 2,11 to 51,67" in err
    assert read_table("new.csv", min_rows=1).frame["price"].tolist() == [1e9] * 2
    for values in (["price="], ["kind="], ["price=nan"], ["price=1", "price=2"]):
        status, _, err = run(*command, *values)
        assert status == 2 and err.startswith("ebmark: --given: ") and err.count("\n") == 1


TEXTS = {
    "x,k\n1,2\n3\n": "line 3: 1 cell, expected 2 as in line 1",
    "x,k\n1,1e40\n": "1e+40 exceeds 1e30",
    "x,k\n1,-inf\n": "--drop k",
    "x,k\n1,\ufffd\n": "line 2: bytes cannot be decoded",
}


@pytest.mark.parametrize("text", TEXTS)
def test_bad_text_is_one_line(text, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(text + "1.5,2\n" * 30)
    with pytest.raises(eb.UserError) as caught:
        read_table(path)
    assert TEXTS[text] in str(caught.value) and "\n" not in str(caught.value)


def test_types_of_text_are_inferred(tmp_path):
    rows = [
        "n,x,code,when,word",
        *(f"{i},{i}.5,0{i % 9},2024-01-{i % 9 + 1:02},é{i % 3}" for i in range(40)),
    ]
    rows[3] = ",NA,01,2024-01-01,"
    (tmp_path / "x.csv").write_bytes("\n".join(rows).encode("latin-1"))
    frame = read_table(tmp_path / "x.csv").frame
    assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "float64", "str", "str", "str"]
    assert frame.loc[2].isna().tolist() == [True, True, False, False, True]
    assert frame["word"][0] == "é0" and frame["code"][1] == "01"


IDS = {
    "int64": (["1234567890123456789", "1"], "int64"),
    "with a blank": (["1234567890123456789", ""], "Int64"),
    "ends of int64": (["-9223372036854775808", "9223372036854775807"], "int64"),
    "above int64": (["9223372036854775808", "-3"], "str"),
    "30 digits": (["9" * 30, ""], "str"),
    "5,000 digits": (["9" * 5000, "7"], "str"),
}


@pytest.mark.parametrize(("ids", "dtype"), IDS.values(), ids=IDS.keys())
def test_large_whole_numbers_are_exact(tmp_path, ids, dtype):
    text = "id,x\n" + "".join(f"{ids[i % 2]},{i}.5\n" for i in range(30))
    (tmp_path / "x.csv").write_text(text)
    frame = read_table(tmp_path / "x.csv").frame
    assert str(frame["id"].dtype) == dtype
    write_table(tmp_path / "y.csv", frame)
    assert (tmp_path / "y.csv").read_text() == text
    encoder = TableEncoder(missing="impute")
    with pytest.raises(ValueError, match="'id' holds integers above|'id' has an infinite value"):
        encoder.fit(frame)


def test_parquet_integers_with_missing_values_are_exact(tmp_path):
    ids = pa.array([1234567890123456789, None] * 15, pa.int64())
    pq.write_table(pa.table({"id": ids, "x": np.arange(30.0)}), tmp_path / "x.parquet")
    frame = read_table(tmp_path / "x.parquet").frame
    assert frame["id"].dropna().tolist() == [1234567890123456789] * 15


def test_score_and_impute_write_identifiers_unchanged(run):
    ids = [str(1234567890123456789 + i) for i in range(1, 61)]
    ids[5] = "1"
    x = np.random.default_rng(0).normal(size=(60, 2)).round(2).astype(str)
    rows = [",".join(row) for row in zip(ids, *x.T, strict=True)]
    Path("x.csv").write_text("\n".join(["id,a,b", *rows]))
    rows[3] = rows[3].rsplit(",", 1)[0] + ","
    Path("holes.csv").write_text("\n".join(["id,a,b", *rows]))
    assert run("fit", "x.csv", "--drop", "id", "--out", "m.ebm", "--method", "gaussian")[0] == 0
    assert run("score", "m.ebm", "x.csv", "--out", "out.csv")[0] == 0
    assert run("impute", "m.ebm", "holes.csv", "--out", "full.csv")[0] == 0
    for name in ("out.csv", "full.csv"):
        lines = Path(name).read_text().splitlines()[1:]
        assert [line.split(",")[0] for line in lines] == ids


HOLES = np.random.default_rng(0).normal(size=(60, 3))
HOLES[::7, 1] = np.nan


def save_array(name, x):
    np.savez(name, x=x) if name.endswith("npz") else np.save(name, x)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nan_in_arrays_is_missing(run, suffix):
    save_array(f"x{suffix}", HOLES)
    options = (f"x{suffix}", "--out", "m.ebm", "--method", "gaussian")
    status, _, err = run("fit", *options)
    assert status == 2 and "missing values in column(s) x2. Pass --missing" in err
    assert len(err[err.index("ebmark: ") :].splitlines()) == 1
    status, _, err = run("fit", *options, "--drop", "x1")
    assert status == 2 and "missing values in column(s) x2. Pass --missing" in err
    assert run("fit", *options, "--drop", "x2")[0] == 0
    np.save("complete.npy", HOLES[:, ::2])
    assert run("fit", "complete.npy", "--out", "c.ebm", "--method", "gaussian")[0] == 0
    np.save("holes.npy", HOLES[:, 1:])
    status, _, err = run("score", "c.ebm", "holes.npy", "--out", "s.csv")
    assert status == 2 and "has missing values, first in row 1" in err.splitlines()[-1]
    assert run("impute", "c.ebm", "holes.npy", "--out", "full.csv")[0] == 0
    status, _, err = run("fit", *options, "--missing", "impute")
    assert status == 0, err
    for out in ("full.npy", "full.csv"):
        status, printed, err = run("impute", "m.ebm", f"x{suffix}", "--out", out)
        assert status == 0 and "9 missing values filled" in printed, err
        filled = read_table(out).frame.to_numpy()
        np.testing.assert_allclose(filled[~np.isnan(HOLES)], HOLES[~np.isnan(HOLES)])
        assert np.isfinite(filled).all()


@pytest.mark.parametrize("value", ["inf", "-inf", "1e31", "1e400"])
@pytest.mark.parametrize("suffix", [".csv", ".npy", ".parquet"])
def test_unfit_numbers_are_refused_unless_dropped(run, suffix, value):
    x = np.random.default_rng(0).normal(size=(60, 3))
    x[4, 1] = float(value)
    frame = pd.DataFrame(x, columns=["a", "b c", "d"])
    np.save("x.npy", x) if suffix == ".npy" else write_table(f"x{suffix}", frame)
    name = "x2" if suffix == ".npy" else "b c"
    options = (f"x{suffix}", "--out", "m.ebm", "--method", "gaussian")
    status, _, err = run("fit", *options)
    assert status == 2 and len(err.splitlines()) == 1 and "row 5, column" in err
    assert f"--drop {shlex.quote(name)}." in err
    for command in (("fit", *options), ("twin", f"x{suffix}", "--quick", "--methods", "none")):
        assert "row 5" not in run(*command, "--drop", name)[2]
    assert run("score", "m.ebm", f"x{suffix}", "--out", "scored.csv")[0] == 0
    scored = read_table("scored.csv", find_dropped=lambda frame: [*frame.columns]).frame
    np.testing.assert_allclose(scored.iloc[:, 1].astype(float), x[:, 1])
    status, _, err = run("evaluate", f"x{suffix}", "--model", "m.ebm")
    assert status == 0, err
