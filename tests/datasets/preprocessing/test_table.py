"""The encoder of tables: exact round trips, codes, ranges, missing values and refusals."""

import datetime
import json
import zoneinfo
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import datasets

from ebmark.datasets.preprocessing.frames import is_table
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.datasets.preprocessing.table_json import encoder_as_json, encoder_from_json
from ebmark.datasets.tables import read_table

NUM = 16
DATES = st.dates(datetime.date(1800, 1, 1), datetime.date(2200, 1, 1))
MOMENTS = st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2040, 1, 1))
WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=3)


def rows(values):
    return st.lists(values, min_size=NUM, max_size=NUM)


def levels(values):
    """A few values, repeated."""
    few = st.lists(values, min_size=2, max_size=8, unique=True)
    return few.flatmap(lambda kept: rows(st.sampled_from(kept)))


def typed(values, dtype):
    return rows(values).map(lambda x: pd.Series(x, dtype=dtype))


def with_marks(values, digits, mark, separator):
    return [
        f"{x:,.{digits}f}".translate(str.maketrans({",": separator, ".": mark})) for x in values
    ]


def ordered(words):
    return pd.Series(pd.Categorical(words, categories=sorted(set(words))[::-1], ordered=True))


COLUMNS = {
    "float": typed(st.floats(-1e300, 1e300), "float64"),
    "float32": typed(st.floats(-(2.0**99), 2.0**99, width=32), "float32"),
    "two decimals": rows(st.integers(-(10**9), 10**9)).map(lambda x: pd.Series(x) / 100),
    "int64": typed(st.integers(-(2**53), 2**53), "int64"),
    "uint8": typed(st.integers(0, 255), "uint8"),
    "Int16": typed(st.integers(-(2**15), 2**15 - 1), "Int16"),
    "bool": typed(st.booleans(), "bool"),
    "boolean": typed(st.booleans(), "boolean"),
    "text": levels(WORDS).map(pd.Series),
    "category": levels(WORDS).map(lambda x: pd.Series(pd.Categorical(x, [*set(x), "other one"]))),
    "category of numbers": levels(st.integers(0, 99)).map(lambda x: pd.Series(pd.Categorical(x))),
    "ordered": levels(WORDS).map(ordered),
    "date": rows(DATES).map(lambda x: pd.Series(x, dtype=object)),
    "day": rows(DATES).map(lambda x: pd.Series(pd.to_datetime(x))),
    "moment": rows(MOMENTS).map(lambda x: pd.Series(pd.to_datetime(x))),
    "zone": rows(MOMENTS).map(lambda x: pd.Series(pd.to_datetime(x).tz_localize("Asia/Tokyo"))),
    "time": rows(st.times()).map(lambda x: pd.Series(x, dtype=object)),
    "duration": rows(st.integers(-(10**9), 10**9)).map(
        lambda x: pd.Series(pd.to_timedelta(x, unit="s"))
    ),
    "text of dates": rows(DATES).map(lambda x: pd.Series([str(date) for date in x])),
    "text of moments": st.tuples(
        rows(MOMENTS.map(lambda moment: moment.replace(microsecond=0))),
        st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y", "%m/%d/%Y"]),
        st.sampled_from(["", "Z", "+01:00", "-0530"]),
    ).map(lambda drawn: pd.Series([f"{x:{drawn[1]}}{drawn[2]}" for x in drawn[0]])),
    "decimal comma": rows(st.integers(-(10**9), 10**9)).map(
        lambda x: pd.Series(with_marks(np.array(x) / 100, 2, ",", "."))
    ),
    "thousands": rows(st.integers(-(10**9), 10**9)).map(
        lambda x: pd.Series(with_marks(x, 0, ".", " "))
    ),
    "decimal": rows(st.integers(0, 10**6)).map(lambda x: pd.Series([Decimal(k) / 8 for k in x])),
    "constant": st.sampled_from(["x", 1.5, True, 3]).map(lambda x: pd.Series([x] * NUM)),
    "arrow": typed(st.integers(-100, 100), pd.ArrowDtype(pa.int32())),
    "arrow text": levels(WORDS).map(lambda x: pd.Series(x, dtype=pd.ArrowDtype(pa.string()))),
}


@st.composite
def frames(draw, kinds):
    frame = pd.DataFrame({kind: draw(COLUMNS[kind]) for kind in kinds})
    assume(all(frame[kind].map(str).nunique() > 1 for kind in kinds if kind != "constant"))
    return frame.assign(counter=np.arange(NUM))


@pytest.mark.parametrize("kind", COLUMNS)
def test_round_trip_is_exact(kind):
    """x -> z -> x, for dequantized z too: rounding undoes noise below half a unit."""

    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(frames([kind]))
    def check(frame):
        encoder = TableEncoder()
        z = encoder.fit_transform(frame)
        assert np.isfinite(z).all()
        pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
        np.testing.assert_array_equal(encoder.transform(frame[frame.columns[::-1]]), z)
        noisy = encoder.inverse_transform(encoder.dequantize(z, 0))
        discrete = encoder.summary().query("rounding in ['1', 'level', '1 day']")["column"]
        pd.testing.assert_frame_equal(noisy[[*discrete]], frame[[*discrete]])

    check()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*COLUMNS]), min_size=1, unique=True).flatmap(frames), st.data())
def test_any_matrix_gives_rows_of_the_table(frame, data):
    """Types, columns, ranges and levels are those of fit, whatever the matrix holds."""
    encoder = TableEncoder().fit(frame)
    dim = encoder.transform(frame).shape[1]
    seed, scale = data.draw(st.integers(0, 99)), data.draw(st.sampled_from([1.0, 1e6]))
    z = np.random.default_rng(seed).normal(scale=scale, size=(50, dim))
    drawn = encoder.inverse_transform(z)
    pd.testing.assert_series_equal(drawn.dtypes, frame.dtypes)
    again = encoder.transform(drawn)
    known = encoder.transform(frame)
    assert (again >= known.min(axis=0)).all() and (again <= known.max(axis=0)).all()


@pytest.mark.parametrize("kind", COLUMNS)
def test_saved_encoder_is_equal(kind):
    """Through JSON text: the same matrix, the same rows, the same summary."""

    @settings(max_examples=5, deadline=None, derandomize=True)
    @given(frames([kind]))
    def check(frame):
        encoder = TableEncoder().fit(frame)
        again = encoder_from_json(json.loads(json.dumps(encoder_as_json(encoder))))
        z = encoder.transform(frame)
        np.testing.assert_array_equal(again.transform(frame), z)
        pd.testing.assert_frame_equal(again.inverse_transform(z), frame)
        pd.testing.assert_frame_equal(again.summary(), encoder.summary())

    check()


def test_codes_follow_the_order_of_categories():
    size = pd.Categorical(["s", "l", "m", "s"], categories=["s", "m", "l", "xl"], ordered=True)
    frame = pd.DataFrame({"size": size, "word": ["b", "a", "b", "a"], "yes": [True, False] * 2})
    z = TableEncoder().fit_transform(frame)
    np.testing.assert_array_equal(z, [[0, 1, 1], [2, 0, 0], [1, 1, 1], [0, 0, 0]])


def test_noise_is_uniform_on_one_unit():
    """Mean 0 and variance 1/12; 5 standard errors fail once in a million."""
    frame = pd.DataFrame({"k": np.arange(20_000) % 7, "x": np.linspace(0, np.pi, 20_000)})
    encoder = TableEncoder()
    z = encoder.fit_transform(frame)
    noise = encoder.dequantize(z, 0) - z
    assert np.abs(noise[:, 0]).max() <= 0.5 and not noise[:, 1].any()
    assert noise[:, 0].mean() == pytest.approx(0, abs=5 * np.sqrt(1 / 12 / len(z)))
    assert noise[:, 0].var() == pytest.approx(1 / 12, rel=0.05)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (["1,5", "2,25", "-3"], [1.5, 2.25, -3]),
        (["1.234,5", "12", "0,5"], [1234.5, 12, 0.5]),
        (["1,234", "12,345,678", "7"], [1234, 12345678, 7]),
        (["1 234,5", "10", " 7 "], [1234.5, 10, 7]),
        (["1'000", "2'000'000.5", "3"], [1000, 2000000.5, 3]),
        (["1e-3", ".5", "+2."], [0.001, 0.5, 2]),
        (["1", "NA", "2", "4"], [1, 2, 2, 4]),
        (["1", "  ", "2", "4"], [1, 2, 2, 4]),
    ],
)
def test_text_of_numbers_is_read(text, numbers):
    z = TableEncoder("impute").fit_transform(pd.DataFrame({"x": text}))
    np.testing.assert_allclose(z[:, 0], numbers, rtol=1e-15)


@pytest.mark.parametrize("text", [["$1", "$2"], ["007", "012"], ["1.2.3", "4.5.6"], ["1", "b"]])
def test_other_text_is_a_category(text):
    summary = TableEncoder().fit(pd.DataFrame({"x": text * 3})).summary()
    assert summary["kind"].tolist() == ["category"]


def holed():
    return pd.DataFrame(
        {
            "x": [1.5, None, 3.0, 4.5, 9.0],
            "word": ["a", "b", "b", " ", "b"],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-09", "2020-01-03"]),
        }
    )


def test_missing_values_are_dropped_or_imputed():
    """The median of 1.5, 3, 4.5, 9 is 3.75, rounded to 3.8; of days 0, 1, 2, 8 it is 1.5, so 2."""
    dropped, imputed = TableEncoder("drop"), TableEncoder("impute")
    np.testing.assert_array_equal(dropped.fit_transform(holed()), [[1.5, 0, 0], [9, 1, 2]])
    np.testing.assert_array_equal(
        imputed.fit_transform(holed()),
        [[1.5, 0, 0], [3.8, 1, 1], [3, 1, 2], [4.5, 1, 8], [9, 1, 2]],
    )
    assert dropped.summary()["num_missing"].tolist() == [1, 1, 1]
    done = imputed.summary()["treatment"]
    assert "median (3.8)" in done[0] and "mode (b)" in done[1] and "understates" in done[2]
    with pytest.raises(ValueError, match="x, word, day.*missing='drop'"):
        TableEncoder().fit(holed())
    for can_draw in (False, True):
        with pytest.raises(ValueError) as error:
            TableEncoder(can_draw=can_draw).fit(holed())
        assert ("missing='model'" in str(error.value)) == can_draw
    with pytest.raises(ValueError, match="'x' has missing values, first in row 2. Remove"):
        imputed.transform(holed())


def test_levels_of_dropped_rows_are_not_learned():
    frame = pd.DataFrame({"a": [1.5, None, 2.5, 3.5, 4.5, 5], "b": [*"xyxzzx"]})
    encoder = TableEncoder("drop")
    np.testing.assert_array_equal(encoder.fit_transform(frame)[:, 1], [0, 0, 1, 1, 0])
    assert encoder.summary()["num_missing"].tolist() == [1, 0]


def test_every_row_with_a_missing_value_is_refused():
    frame = pd.DataFrame({"a": [1.0, None], "b": [None, 2.0]})
    with pytest.raises(ValueError, match="Every row.*impute"):
        TableEncoder("drop").fit(frame)


def test_constant_columns_are_given_back():
    frame = pd.DataFrame({"k": ["x"] * 4, "v": [1, 2, 3, 5], "c": 7.5})
    encoder = TableEncoder()
    z = encoder.fit_transform(frame)
    assert z.shape == (4, 1)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
    with pytest.raises(ValueError, match="'c' was constant .7.5. in fit, got 8. Pass drop=.'c'."):
        encoder.transform(frame.assign(c=8.0))


GOOD = pd.DataFrame({"a": [1.5, 2.5, 4.0, 1.0], "b": ["x", "y", "y", "x"]})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (GOOD.iloc[:0], "must have rows"),
        (GOOD[[]], "must have rows and columns"),
        (GOOD.set_axis(["a", "a"], axis=1), "Duplicate column name 'a'"),
        (GOOD.assign(a=[1.0, np.inf, 2, 3]), "'a' has an infinite value in row 2"),
        (GOOD.assign(b=[1, "x", 2, "y"]), "'b' holds a mix of int and str values.*drop=.'b'."),
        (GOOD.assign(b=[[1], [2], [3], [4]]), "'b' holds list values"),
        (GOOD.assign(b=[{}, {}, {}, {}]), "'b' holds dict values"),
        (GOOD.assign(b=[1j, 2, 3, 4]), "'b' holds complex"),
        (GOOD.assign(a=pd.arrays.SparseArray([0.5, 1, 2, 3])), "'a' holds sparse"),
        (GOOD.assign(b=[None] * 4), "'b' has no values"),
        (GOOD.assign(b=list("wxyz")), "'b' has 4 levels in 4 rows.*drop=.'b'."),
        (GOOD.assign(b=[2**60, 1, 2, 3]), "'b' holds integers above"),
        (GOOD.assign(a=1.0, b="x"), "All columns are constant"),
    ],
)
def test_refuses_in_one_line(frame, message):
    with pytest.raises(ValueError, match=message) as error:
        TableEncoder().fit(frame)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (GOOD[["a"]], "Missing column.s. b"),
        (GOOD.assign(c=1), "Unknown column.s. c"),
        (GOOD.assign(b="z"), "'b' is not as in fit .category.: unknown level 'z'"),
        (GOOD.assign(a="one"), "'a' is not as in fit .number."),
        (GOOD.assign(a=np.inf), "'a' has an infinite value"),
    ],
)
def test_refuses_other_tables_than_that_of_fit(frame, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(GOOD).transform(frame)


def test_dropped_columns_are_ignored():
    frame = GOOD.assign(id=list("wxyz"))
    encoder = TableEncoder(drop=["id"])
    z = encoder.fit_transform(frame)
    np.testing.assert_array_equal(encoder.transform(GOOD), z)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), GOOD)
    with pytest.raises(ValueError, match="'ib'"):
        TableEncoder(drop=["ib"]).fit(frame)


class Interchange:
    """A table that offers the interchange protocol only."""

    columns = ("a", "b")

    def __dataframe__(self, *args, **options):
        return pa.Table.from_pandas(GOOD).__dataframe__(*args, **options)


class ArrowStream:
    """A table that offers the Arrow stream, as a polars frame does."""

    columns = ("a", "b")

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.Table.from_pandas(GOOD).__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "table", [pa.Table.from_pandas(GOOD), ArrowStream(), Interchange(), GOOD.to_numpy()]
)
def test_other_tables_give_the_same_matrix(table):
    assert is_table(table)
    encoder = TableEncoder()
    z = encoder.fit_transform(table)
    np.testing.assert_array_equal(z, TableEncoder().fit_transform(GOOD))
    rows = encoder.inverse_transform(z)
    np.testing.assert_array_equal(np.asarray(rows), GOOD.to_numpy())
    assert isinstance(rows, np.ndarray if isinstance(table, np.ndarray) else pd.DataFrame)


LOADERS = ["iris", "wine", "diabetes", "breast_cancer", "linnerud", "digits"]


@pytest.mark.parametrize("name", LOADERS)
def test_bundled_tables_round_trip(name):
    data = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = data.frame
    if name in ("iris", "wine", "breast_cancer"):
        frame = frame.assign(target=data.target_names[data.target])
    encoder = TableEncoder()
    z = encoder.fit_transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
    assert len(encoder.summary()) == frame.shape[1] >= z.shape[1]


def test_whole_numbers_of_a_step_are_counted_in_steps():
    table = pd.DataFrame({"mass": [3700, 3725, 4000, 3650], "size": [1, 2, 4, 8]})
    encoder = TableEncoder().fit(table)
    z = encoder.transform(table)
    np.testing.assert_array_equal(z, [[2, 1], [3, 2], [14, 4], [0, 8]])
    pd.testing.assert_frame_equal(encoder.inverse_transform(z + 0.4), table)
    assert encoder.summary()["rounding"].tolist() == ["25", "1"]


REPEATED = {
    "text_number": ("1.234,50", ["1.000,25", "2.000,75"]),
    "text_date": ("05.03.2031", ["01.01.2024", "02.01.2024"]),
    "decimal": (Decimal("9.125"), [Decimal("1.5"), Decimal("2.5")]),
    "float": (0.123456789, [0.5, 1.5]),
    "steps": (12, [10, 15]),
    "date": (pd.Timestamp("2031-05-01 03:04:05"), pd.to_datetime(["2024-01-01", "2024-01-03"])),
    "flag": (True, [True, False]),
}


@pytest.mark.parametrize("name", REPEATED)
def test_given_value_is_repeated_as_it_is(name):
    value, known = REPEATED[name]
    encoder = TableEncoder().fit(pd.DataFrame({"x": known, "y": [0.5, 1.0]}))
    frame = encoder.inverse_transform(np.zeros((2, 2)), {"x": value})
    assert frame["x"].tolist() == [value] * 2
    assert frame.dtypes["x"] == encoder.learned[0].codec.dtype


ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
DAYS = [datetime.datetime(2024, 1 + 2 * (i % 6), 1 + i, 5, 0, i % 2) for i in range(24)]
TYPED = {
    "boolean": [i % 2 == 0 for i in range(24)],
    "nullable": pd.array([i % 2 == 0 for i in range(24)], dtype="boolean"),
    "time": [datetime.time(i, 1, 2, 500_000 * (i % 2)) for i in range(24)],
    "duration": pd.to_timedelta(np.arange(24) * 90, unit="min"),
    "zoned": pd.DatetimeIndex(DAYS, tz=ZONE),
    "zoned objects": pd.Series([day.replace(tzinfo=ZONE) for day in DAYS], dtype=object),
    "moment": pd.DatetimeIndex(DAYS) + pd.to_timedelta(np.arange(24) % 3 * 100, unit="ms"),
    "moments": pd.Series([d.replace(microsecond=d.second) for d in DAYS], dtype=object),
    "date": [day.date() for day in DAYS],
    "number levels": pd.Categorical(np.arange(24) % 3 + 7),
    "levels of digits": pd.Categorical([str(i % 3) for i in range(24)]),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_column_is_read_from_text(name, tmp_path):
    """The matrix is the same, with missing values too, and `restore` gives the type back."""
    frame = pd.DataFrame({"x": TYPED[name], "y": np.arange(24) / 4})
    encoder = TableEncoder().fit(frame)
    holes = frame.astype({"x": object})
    holes.loc[[2, 5], "x"] = None
    for table in (frame, holes):
        table.to_csv(tmp_path / "x.csv", index=False)
        read = read_table(tmp_path / "x.csv").frame
        expected = encoder.transform(table, can_miss=True)
        np.testing.assert_array_equal(encoder.transform(read, can_miss=True), expected)
    read = encoder.learned[0].restore(read["x"])
    assert read.drop([2, 5]).tolist() == frame["x"].drop([2, 5]).tolist()
    assert read[[2, 5]].isna().all()


def test_text_without_an_offset_is_no_zoned_date():
    frame = pd.DataFrame({"x": TYPED["zoned"], "y": np.arange(24) / 4})
    texts = frame["x"].astype(str).mask(frame.index == 3, "2024-03-01 05:00:00")
    with pytest.raises(ValueError, match="Column 'x' is not as in fit"):
        TableEncoder().fit(frame).transform(frame.assign(x=texts))


@pytest.mark.parametrize("text", ["yesterday", "2024-01-05 later", "2024-01-05+01:00", "NA"])
@pytest.mark.parametrize("name", ["date", "zoned", "moment", "text"])
def test_wrong_date_is_refused_without_the_advice_of_pandas(name, text):
    dates = TYPED["date"] if name == "text" else TYPED[name]
    frame = pd.DataFrame({"x": dates, "y": np.arange(24) / 4})
    frame = frame.astype({"x": str}) if name == "text" else frame
    texts = frame["x"].astype(str).mask(frame.index == 3, text)
    with pytest.raises(ValueError, match="Column 'x' is not as in fit") as error:
        TableEncoder().fit(frame).transform(frame.assign(x=texts))
    message = str(error.value)
    assert not any(word in message for word in ("might", "utc", ":.", "..", "\n"))
    assert message.endswith(". Convert the column or remove such rows.")


def test_row_of_an_infinite_value_counts_from_one():
    with pytest.raises(ValueError, match="infinite value in row 4"):
        TableEncoder().fit(pd.DataFrame({"x": [0.5, 1.0, 2.5, np.inf, 3.0]}))
