"""Points are read from files of every format; notes say what they do not allow."""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from helpers.table_files import (
    GOOD,
    SUFFIXES,
    normal,
    npy_of,
    npz_of,
    parquet_of,
    text_of,
    with_line,
)

from ebmark.datasets.tables import read_points, write_points
from ebmark.errors import UserError

TEXTS = {
    "commas": (",", ""),
    "commas and spaces": (", ", "x, y"),
    "semicolons": (";", "x;y"),
    "tabs": ("\t", "x\ty"),
    "spaces": ("  ", ""),
    "spaces and names": (" ", "x y"),
    "aligned": ("   \t", "   x \t y"),
    "bars": ("|", "x|y"),
    "quoted names": (",", '"x","y"'),
    "quoted names with commas": (",", '"x","y"'),
    "commented names": (" ", "# x y"),
    "comment": (",", "# made on a Monday, by me and you, at home"),
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "mac"])
@pytest.mark.parametrize(("separator", "header"), TEXTS.values(), ids=TEXTS.keys())
def test_read_text(read, separator, header, end):
    points = read(text_of(normal(), separator, header, end))
    np.testing.assert_array_equal(points.x, normal())
    named = header and "Monday" not in header
    assert points.columns == (("x", "y") if named else ("x1", "x2"))
    assert points.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_read_encodings(read, encoding):
    points = read(text_of(normal(), header="größe,y").encode(encoding))
    np.testing.assert_array_equal(points.x, normal())
    assert points.columns == ("größe", "y")


@pytest.mark.parametrize(
    "name", ["points", "points.npy", "points.parquet", "points.CSV", "a b.dat"]
)
def test_read_format_follows_content(read, name):
    for content in (text_of(normal()), npy_of(normal()), npz_of(x=normal())):
        np.testing.assert_array_equal(read(content, name).x, normal())
    table = parquet_of({"x": normal()[:, 0], "y": normal()[:, 1]})
    np.testing.assert_array_equal(read(table, name).x, normal())
    zipped = gzip.compress(text_of(normal()).encode())
    np.testing.assert_array_equal(read(zipped, name).x, normal())


def test_read_skips_blank_lines_and_comments(read):
    text = "\n\n# a comment\n" + GOOD.replace("\n", "\n\n  \n# 1,2\n", 5) + "\n \n"
    np.testing.assert_array_equal(read(text).x, normal(30))


@pytest.mark.full
def test_read_error_has_line_number(read):
    with pytest.raises(UserError, match=r"line 1200005, column 2: \"abc\""):
        read("# one\n\n\n\n" + "1.5,2.5\n" * 1_200_000 + "1.0,abc\n")


@pytest.mark.parametrize("cell", ["+1.5", " 1.5 ", "1.5e0", '"1.5"', "15e-1", "1.50000"])
def test_read_number_notations(read, cell):
    assert read(with_line(9, f"{cell},2")).x[7].tolist() == [1.5, 2.0]


def test_read_without_final_newline(read):
    np.testing.assert_array_equal(read(GOOD.rstrip("\n")).x, normal(30))


@pytest.mark.parametrize("dim", [1, 3, 100])
def test_read_dimensions(read, dim):
    x = normal(500, dim)
    for content in (text_of(x), npy_of(x), npz_of(x=x)):
        points = read(content)
        np.testing.assert_array_equal(points.x, x)
        assert any(
            note.startswith(("There is 1 col", f"There are {dim} col")) for note in points.notes
        )


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "i8", "u1", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_read_array_types(read, dtype, order):
    x = np.asarray(np.random.default_rng(0).integers(0, 50, (300, 2)), dtype, order=order)
    for content in (npy_of(x), npz_of(points=x), npz_of(np.savez_compressed, a=x)):
        points = read(content)
        assert points.x.dtype == np.float64 and points.x.flags.c_contiguous
        np.testing.assert_array_equal(points.x, x.astype(float))


def test_read_1d_array(read):
    assert read(npy_of(normal()[:, 0])).x.shape == (300, 1)


def test_read_npz_with_several_arrays(read):
    points = read(npz_of(samples=normal(), labels=np.zeros(300)))
    np.testing.assert_array_equal(points.x, normal())
    assert points.notes == ('Of the 2 arrays in the file, "samples" was read.',)


def test_read_parquet_types_and_row_labels(read):
    column = pa.array(np.arange(300) % 7).cast(pa.decimal128(21, 1))
    table = {"a": normal()[:, 0].astype("f4"), "b": column, "__index_level_0__": np.arange(300)}
    points = read(parquet_of(table))
    assert points.columns == ("a", "b") and "row labels" in points.notes[0]
    np.testing.assert_array_equal(points.x[:, 1], np.arange(300) % 7)


def test_read_pandas_files(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(normal())
    for options in ({}, {"index": False}, {"index": False, "header": False}, {"sep": "\t"}):
        frame.to_csv(tmp_path / "p.csv", **options)
        np.testing.assert_array_equal(read_points(tmp_path / "p.csv").x, normal())
    frame.rename(columns=str).to_parquet(tmp_path / "p.parquet")
    assert read_points(tmp_path / "p.parquet").columns == ("0", "1")


def test_read_savetxt_files(tmp_path):
    np.savetxt(tmp_path / "p.txt", normal(), header="x y", fmt="%.18e")
    points = read_points(tmp_path / "p.txt")
    np.testing.assert_array_equal(points.x, normal())
    assert points.columns == ("x", "y")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_read_samples_many_rows(tmp_path, suffix):
    """The mean of 10,000 of 100,000 rows has sd 28867 / 100 * sqrt(.9) = 274."""
    x = np.arange(100_000.0)[:, None] + [0.25, 0.5]
    write_points(tmp_path / f"p{suffix}", x)
    points = read_points(tmp_path / f"p{suffix}", max_rows=10_000)
    assert len(points.x) == 10_000 and "100,000" in points.notes[0]
    # in order, none twice
    assert np.all(np.diff(points.x[:, 0]) > 0)
    assert abs(points.x[:, 0].mean() - x[:, 0].mean()) < 4 * 274
    again = read_points(tmp_path / f"p{suffix}", max_rows=10_000)
    np.testing.assert_array_equal(points.x, again.x)


def test_read_sample_is_same_for_all_formats(tmp_path):
    write_points(tmp_path / "p.csv", normal(600_000))
    write_points(tmp_path / "p.npy", normal(600_000))
    samples = [read_points(tmp_path / name, max_rows=1000).x for name in ("p.csv", "p.npy")]
    np.testing.assert_array_equal(*samples)


def notes_with(x, text, **options):
    with tempfile.TemporaryDirectory() as folder:
        write_points(Path(folder) / "p.parquet", np.asarray(x, float), **options)
        notes = read_points(Path(folder) / "p.parquet").notes
    assert all(note.isprintable() and len(note) <= 250 and note.endswith(".") for note in notes)
    return [note for note in notes if text in note]


def test_notes_name_limitations():
    x = normal(1000)
    assert notes_with(x, "") == []
    assert notes_with(x[:100], "only 100 points")
    assert notes_with(x[:, :1], "1 column")
    assert notes_with(normal(1000, 3), "no oracle mle")
    assert notes_with(np.rint(3 * x), '"x1", "x2" are integers')
    assert notes_with(np.vstack([x, x[:100]]), "100 repeat another")
    assert notes_with(x[:, :1] * [1, 2], "on a line")
    assert notes_with(x @ normal(2, 3), "on a plane")
    assert notes_with(normal(1000, 3) @ normal(3, 5), "subspace of 3 dimensions")
    assert notes_with(np.column_stack([np.arange(1000), x]), "increase from row to row")
    assert notes_with(x * 1e-4 + [1e9, 0], '"x1" are stored with too few digits')


def test_notes_not_given_for_usable_points():
    rng = np.random.default_rng(0)
    assert notes_with(rng.normal(size=(1000, 2)) * [1e-20, 1e20], "") == []
    ring = rng.uniform(0, 2 * np.pi, 1000)
    assert notes_with(np.column_stack([np.cos(ring), np.sin(ring)]), "") == []


@pytest.mark.parametrize("names", [["a"], ["b", "a"], ["a", None], [None]])
def test_parquet_index_is_read_as_from_csv(tmp_path, names):
    """A named index comes first, as in a CSV file; of the others a note says that they are left."""
    import pandas as pd

    frame = pd.DataFrame(np.column_stack([normal(300, 2), normal(300, 3)]), columns=list("vwxyz"))
    frame = frame.set_index(list("vw")[: len(names)]).rename_axis(names)
    frame.to_parquet(tmp_path / "p.parquet")
    frame.reset_index([n for n in names if n]).to_csv(tmp_path / "p.csv", index=False)
    read, expected = (read_points(tmp_path / f"p.{kind}") for kind in ("parquet", "csv"))
    assert sorted(read.columns) == sorted(expected.columns)
    assert any("row labels" in note for note in read.notes) == (None in names)
    if None not in names:
        assert read.columns == (*names, *frame.columns)
        np.testing.assert_array_equal(read.x, frame.reset_index()[list(read.columns)])


def test_parquet_range_index_with_name_is_noted(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(normal(300, 2), columns=["a", "b"]).rename_axis("day")
    frame.to_parquet(tmp_path / "p.parquet")
    points = read_points(tmp_path / "p.parquet")
    assert points.columns == ("a", "b") and '"day"' in points.notes[0]


def test_columns_are_matched_by_name(read):
    x = normal(300, 3)
    target = read(text_of(x, header="a,b,c"), "target")
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        header = ",".join("abc"[j] for j in order)
        samples = read(text_of(x[:, order], header=header), "samples")
        np.testing.assert_array_equal(samples.in_order_of(target), x)
    for unnamed in (read(npy_of(x), "u"), read(text_of(x), "v")):
        assert not unnamed.has_names
        np.testing.assert_array_equal(unnamed.in_order_of(target), x)
        np.testing.assert_array_equal(target.in_order_of(unnamed), x)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a,b,d", 'lacks "c" of the target and has "d"'),
        ("a,b", 'lacks "c" of the target'),
        ("a,b,c,d", 'has "d", which'),
        ("A,b,c", 'lacks "a" of the target and has "A"'),
        ("x1,x2,x3", 'lacks "a", "b", "c"'),
        ("", "has 2 columns, but the target has 3"),
    ],
)
def test_unmatched_column_is_named(read, header, message):
    target = read(text_of(normal(300, 3), header="a,b,c"), "target")
    width = header.count(",") + 1 if header else 2
    samples = read(text_of(normal(300, width), header=header), "samples")
    with pytest.raises(UserError, match=message):
        samples.in_order_of(target)


def test_samples_may_be_constant(read):
    x = np.column_stack([normal(300, 1), np.ones(300)])
    assert read_error(read, text_of(x, header="a,b"))
    points = read(text_of(x, header="a,b"), for_training=False)
    assert points.notes == () and points.x.shape == (300, 2)


def read_error(read, content: str) -> str:
    with pytest.raises(UserError, match="is constant") as raised:
        read(content)
    return str(raised.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize(
    "columns",
    [("x", "y"), ("1", "2"), ("0", "1"), ("a,b", "c\td"), ("nan", "größe"), ('say "a"', "#b")],
)
def test_names_round_trip(tmp_path, suffix, columns):
    write_points(tmp_path / f"p{suffix}", normal(), columns)
    points = read_points(tmp_path / f"p{suffix}")
    np.testing.assert_array_equal(points.x, normal())
    plain = {('say "a"', "#b"): ("say a", "b"), ("a,b", "c\td"): ("a,b", "c d")}
    assert points.columns == plain.get(columns, columns)


def test_read_tidies_names(read):
    points = read(text_of(normal(30, 5), header='x,x,,"a  b",x_2'))
    assert points.columns == ("x", "x_2", "x3", "a b", "x_2_2")


@pytest.mark.slow
def test_import_does_not_load_pandas_or_pyarrow():
    code = "import sys, ebmark.datasets.tables; print({'pandas', 'pyarrow'} & set(sys.modules))"
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_read_samples_ten_million_rows(tmp_path, suffix):
    path = tmp_path / f"big{suffix}"
    block = np.random.default_rng(0).normal(size=(100_000, 2))
    if suffix == ".npy":
        np.save(path, np.tile(block.astype(np.float32), (100, 1)))
    else:
        text = "\n".join(f"{x:.3f},{y:.3f}" for x, y in block) + "\n"
        path.write_text("x,y\n" + text * 100)
    points = read_points(path)
    assert points.x.shape == (1_000_000, 2)
    assert any("10,000,000" in note and "1,000,000" in note for note in points.notes)
