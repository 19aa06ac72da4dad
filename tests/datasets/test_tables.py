"""Points from files: every format, every mistake in one clear line, and no other exception."""

import gzip
import io
import os
import resource
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebmark.datasets.tables import check_output, read_points, write_points
from ebmark.errors import UserError, nearest, shown, unknown
from ebmark.system.writing import atomic_path, write_whole

SUFFIXES = (".csv", ".tsv", ".npy", ".npz", ".parquet")
NUM_EXAMPLES = int(os.environ.get("EBMARK_FUZZ", "200"))
FUZZ = settings(
    max_examples=NUM_EXAMPLES,
    deadline=None,
    derandomize="EBMARK_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def normal(n=300, dim=2):
    return np.random.default_rng(1).normal(size=(n, dim))


def text_of(x, separator=",", header="", end="\n"):
    lines = [header] if header else []
    return end.join(lines + [separator.join(map(repr, row)) for row in x.tolist()]) + end


GOOD = text_of(normal(30), header="x,y")  # its rows are lines 2 to 31


def with_line(number, line):
    lines = GOOD.split("\n")
    lines[number - 1] = line
    return "\n".join(lines)


def npy_of(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz_of(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def parquet_of(table):
    file = io.BytesIO()
    pq.write_table(pa.table(table), file)
    return file.getvalue()


def zip_of(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return file.getvalue()


def npy_claiming(shape, dtype="<f8", body=b""):
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.fixture
def read(tmp_path):
    """Write the content under a name, and read the points in it."""

    def write_and_read(content, name="points.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_points(path, **options)

    return write_and_read


def is_clear(error, name, most=250):
    message = str(error)
    assert "\n" not in message and message.isprintable(), message
    assert len(message) <= most, (len(message), message)
    assert name in message, message
    return True


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
def test_text(read, separator, header, end):
    points = read(text_of(normal(), separator, header, end))
    np.testing.assert_array_equal(points.x, normal())
    named = header and "Monday" not in header
    assert points.columns == (("x", "y") if named else ("x1", "x2"))
    assert points.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings(read, encoding):
    points = read(text_of(normal(), header="größe,y").encode(encoding))
    np.testing.assert_array_equal(points.x, normal())
    assert points.columns == ("größe", "y")


@pytest.mark.parametrize(
    "name", ["points", "points.npy", "points.parquet", "points.CSV", "a b.dat"]
)
def test_content_decides(read, name):
    for content in (text_of(normal()), npy_of(normal()), npz_of(x=normal())):
        np.testing.assert_array_equal(read(content, name).x, normal())
    table = parquet_of({"x": normal()[:, 0], "y": normal()[:, 1]})
    np.testing.assert_array_equal(read(table, name).x, normal())
    zipped = gzip.compress(text_of(normal()).encode())
    np.testing.assert_array_equal(read(zipped, name).x, normal())


def test_blank_lines_and_comments_are_passed_over(read):
    text = "\n\n# a comment\n" + GOOD.replace("\n", "\n\n  \n# 1,2\n", 5) + "\n \n"
    np.testing.assert_array_equal(read(text).x, normal(30))


def test_line_numbers_survive_blank_lines_and_large_files(read):
    with pytest.raises(UserError, match=r"line 1200005, column 2: \"abc\""):
        read("# one\n\n\n\n" + "1.5,2.5\n" * 1_200_000 + "1.0,abc\n")


@pytest.mark.parametrize("run_id", ["+1.5", " 1.5 ", "1.5e0", '"1.5"', "15e-1", "1.50000"])
def test_ways_to_write_a_number(read, cell):
    assert read(with_line(9, f"{cell},2")).x[7].tolist() == [1.5, 2.0]


def test_no_final_newline(read):
    np.testing.assert_array_equal(read(GOOD.rstrip("\n")).x, normal(30))


@pytest.mark.parametrize("dim", [1, 3, 100])
def test_dimensions(read, dim):
    x = normal(500, dim)
    for content in (text_of(x), npy_of(x), npz_of(x=x)):
        points = read(content)
        np.testing.assert_array_equal(points.x, x)
        assert any(
            note.startswith(("There is 1 col", f"There are {dim} col")) for note in points.notes
        )


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "i8", "u1", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_array_types(read, dtype, order):
    x = np.asarray(np.random.default_rng(0).integers(0, 50, (300, 2)), dtype, order=order)
    for content in (npy_of(x), npz_of(points=x), npz_of(np.savez_compressed, a=x)):
        points = read(content)
        assert points.x.dtype == np.float64 and points.x.flags.c_contiguous
        np.testing.assert_array_equal(points.x, x.astype(float))


def test_one_dimensional_array(read):
    assert read(npy_of(normal()[:, 0])).x.shape == (300, 1)


def test_npz_with_several_arrays(read):
    points = read(npz_of(samples=normal(), labels=np.zeros(300)))
    np.testing.assert_array_equal(points.x, normal())
    assert points.notes == ('Of the 2 arrays in the file, "samples" was read.',)


def test_parquet_types_and_row_labels(read):
    column = pa.array(np.arange(300) % 7).cast(pa.decimal128(21, 1))
    table = {"a": normal()[:, 0].astype("f4"), "b": column, "__index_level_0__": np.arange(300)}
    points = read(parquet_of(table))
    assert points.columns == ("a", "b") and "row labels" in points.notes[0]
    np.testing.assert_array_equal(points.x[:, 1], np.arange(300) % 7)


def test_pandas_files(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(normal())
    for options in ({}, {"index": False}, {"index": False, "header": False}, {"sep": "\t"}):
        frame.to_csv(tmp_path / "p.csv", **options)
        np.testing.assert_array_equal(read_points(tmp_path / "p.csv").x, normal())
    frame.rename(columns=str).to_parquet(tmp_path / "p.parquet")
    assert read_points(tmp_path / "p.parquet").columns == ("0", "1")


def test_numpy_text(tmp_path):
    np.savetxt(tmp_path / "p.txt", normal(), header="x y", fmt="%.18e")
    points = read_points(tmp_path / "p.txt")
    np.testing.assert_array_equal(points.x, normal())
    assert points.columns == ("x", "y")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_rows_are_sampled(tmp_path, suffix):
    x = np.arange(100_000.0)[:, None] + [0.25, 0.5]
    write_points(tmp_path / f"p{suffix}", x)
    points = read_points(tmp_path / f"p{suffix}", max_rows=10_000)
    assert len(points.x) == 10_000 and "100,000" in points.notes[0]
    assert np.all(np.diff(points.x[:, 0]) > 0)  # in order, none twice
    # the mean of 10,000 of 100,000: sd 28867 / 100 * sqrt(.9) = 274
    assert abs(points.x[:, 0].mean() - x[:, 0].mean()) < 4 * 274
    again = read_points(tmp_path / f"p{suffix}", max_rows=10_000)
    np.testing.assert_array_equal(points.x, again.x)


def test_the_sample_does_not_depend_on_the_format(tmp_path):
    write_points(tmp_path / "p.csv", normal(600_000))
    write_points(tmp_path / "p.npy", normal(600_000))
    samples = [read_points(tmp_path / name, max_rows=1000).x for name in ("p.csv", "p.npy")]
    np.testing.assert_array_equal(*samples)


CURSED = "x,y\n" + "".join(f"{i}.5,{i}\n" for i in range(5))
REFUSED_TEXTS = {
    "empty": ("", "is empty"),
    "blank lines": ("\n \n\n", "holds no points"),
    "only comments": ("# x\n# y\n", "holds no points"),
    "only names": ("x,y\n", "only a line of names"),
    "prose": ("Dear Sir,\nhow do you do?\n", 'line 2, column "Dear": "how" is not a number'),
    "not a number": (with_line(7, "1.0,abc"), 'line 7, column "y": "abc" is not a number'),
    "labels": (GOOD.replace("\n", ",A\n"), 'line 2, column "A": "A" is not a number'),
    "underscores": (with_line(7, "1_0,2"), 'line 7, column "x": "1_0" is not'),
    "hexadecimal": (with_line(7, "0x10,2"), 'line 7, column "x": "0x10" is not'),
    "truth": (with_line(7, "True,2"), 'line 7, column "x": "True" is not'),
    "nan": (with_line(31, "1,nan"), 'line 31, column "y": "nan" is no number; fill it in'),
    "NA": (with_line(3, "NA,1"), 'line 3, column "x": "NA" is no number'),
    "infinite": (with_line(3, "-inf,1"), 'line 3, column "x": "-inf" is not finite'),
    "overflow": (with_line(3, "1e400,1"), 'line 3, column "x": "1e400" is not finite'),
    "too large": (with_line(3, "1,-1e31"), 'line 3, column "y": -1e31 is too large .* rescale'),
    "blank cell": (with_line(3, "1,"), 'line 3, column "y": the cell is blank'),
    "trailing commas": (GOOD.replace("\n", ",\n"), "blank; .* take away the separator"),
    "row names of R": (with_line(2, "1,0.5,0.5"), "has 3 cells but 2 .* are there row names"),
    "one line of HTML": ("<html>404</html>", 'only a line of names, "<html>404</html>"'),
    "thousands": ("a;b\n" + "1.234,5;2\n" * 30, 'column "a": "1.234,5" has a decimal comma'),
    "blank first cell": (with_line(3, ",1"), 'line 3, column "x": the cell is blank'),
    "too many cells": (with_line(5, "1,2,3"), "line 5: has 3 cells but 2 are wanted, as in line 1"),
    "too few cells": (with_line(5, "1"), "line 5: has 1 cell but 2 are wanted"),
    "other names": (GOOD.replace("x,y", "x,y,z"), "line 2: has 2 cells but 3 are wanted"),
    "decimal commas": (GOOD.replace(",", ";").replace(".", ","), "line 2, .* decimal comma"),
    "decimal commas, no names": ("1,5;2\n3;4,5\n" * 20, 'line 1, column 1: "1,5" has a decimal'),
    "decimal commas and tabs": ("1,5\t2,5\n3,5\t4,5\n" * 20, "line 1, .* decimal comma"),
    "one row": ("1,2\n", "has 1 point; at least 20 are wanted"),
    "five rows": (CURSED, "has 5 points"),
    "transposed": (text_of(normal(2, 300)), "has 2 points; .* transposed"),
    "far too wide": (text_of(normal(2, 3000)), "3,000 columns; at most 1,000"),
    "constant column": (
        text_of(np.column_stack([normal(), np.full(300, 3.0)]), header="x,y,batch"),
        'drop column "batch_size": it is constant',
    ),
    "constant columns": ("1,2,3\n" + "1,2,4\n" * 30, 'drop columns "x1", "x2": they are'),
    "all constant": ("1,2\n" * 30, "all points are the same"),
    "tiny": ("1e-40,2\n2e-40,3\n" * 30, '"x1" varies by less than 1e-30; rescale'),
    "a long line": ("1" * 2**24, "line 1: is too long; one point"),
    "nul bytes": ("1,2\n\0\0\n" * 30, "is neither text"),
    "nul bytes further down": (GOOD * 1 + "1,2\n" * 30_000 + "1,\0\n", "line 30032, .* not a num"),
    "bytes that are no text": (GOOD.encode() + b"1.0,\xff\xfe\n", 'line 32, column "y"'),
    "an unclosed quote": (with_line(3, '"1,2'), "line 3"),
    "control characters": ("\x01\x02\x03" * 9, "is neither text"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED_TEXTS.values(), ids=REFUSED_TEXTS.keys())
def test_refused_text(read, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read(content)
    assert is_clear(caught.value, "points.csv")


SOUND_NPY = npy_of(normal())
SOUND_NPZ = npz_of(x=normal())
SOUND_PARQUET = parquet_of({"x": normal()[:, 0], "y": normal()[:, 1]})
WITH_NAN = normal()
WITH_NAN[16, 1] = np.nan
PLAIN_BOMB = npz_of(np.savez_compressed, x=np.zeros((10, 2)))
HUGE = "(9000000000000000000, 2)"
REFUSED_FILES = {
    "complex": (npy_of(normal() + 1j), "type complex128, .* .real and .imag"),
    "object": (npy_of(np.array([[1, "a"]] * 30, object), allow_pickle=True), "type object"),
    "strings": (npy_of(np.array([["a", "b"]] * 30)), "type <U1"),
    "truths": (npy_of(normal() > 0), "type bool, .*astype"),
    "dates": (npy_of(np.zeros(30, "M8[s]")), r"type datetime64\[s\]"),
    "named fields": (npy_of(np.zeros(30, [("a", "f8"), ("b", "f8")])), "named fields"),
    "3-D": (npy_of(np.zeros((30, 4, 5))), r"shape \(30, 4, 5\); \(points, columns\) is wanted"),
    "0-D": (npy_of(np.float64(3)), r"shape \(\)"),
    "no points": (npy_of(np.zeros((0, 2))), r"shape \(0, 2\), without points"),
    "no columns": (npy_of(np.zeros((30, 0))), "without points"),
    "nan": (npy_of(WITH_NAN), "row 17, column 2: nan is no finite number"),
    "large": (npy_of(normal() * 1e32), "row 1, column 1: .* too large .* rescale"),
    "cut npy": (SOUND_NPY[:-1], "damaged or cut short: .*shape"),
    "cut header": (SOUND_NPY[:20], "damaged or cut short: .*NPY"),
    "lying header": (npy_claiming(HUGE), "damaged or cut short: .*too small"),
    "negative shape": (npy_claiming("(-3, 2)"), "damaged or cut short"),
    "shape that runs": (npy_claiming("__import__('os').abort()"), "damaged or cut short"),
    "cut npz": (SOUND_NPZ[:-50], "damaged or cut short: .*NPZ"),
    "half an npz": (SOUND_NPZ[: len(SOUND_NPZ) // 2], "damaged or cut short: .*NPZ"),
    "lying npz": (zip_of(**{"x.npy": npy_claiming(HUGE)}), "damaged or cut short: .*too small"),
    "flipped npz": (SOUND_NPZ[:900] + b"\xff\xff" + SOUND_NPZ[902:], "damaged or cut short"),
    "pickle in npz": (
        npz_of(x=np.array([[1, "a"]] * 30, object)),
        "type object",
    ),
    "several": (npz_of(train=normal(), test=normal()), r"several arrays \(train, test\); name one"),
    "x and y": (npz_of(x=normal()[:, 0], y=normal()[:, 1]), "several arrays"),
    "a zip of text": (zip_of(readme="hello"), "zip archive without NumPy arrays"),
    "excel": (zip_of(xl__workbook="<xml/>"), "Excel workbook"),
    "cut parquet": (SOUND_PARQUET[:-9], "damaged or cut short: .*Parquet"),
    "half a parquet": (SOUND_PARQUET[:700], "damaged or cut short: .*Parquet"),
    "parquet of strings": (parquet_of({"x": [1.0], "kind": ["a"]}), 'column "kind": holds string'),
    "parquet of lists": (parquet_of({"x": [[1.0]]}), "holds list<.*>, not plain"),
    "parquet of nothing": (parquet_of({}), "holds no columns"),
    "parquet without rows": (parquet_of({"x": pa.array([], pa.float64())}), "has 0 points"),
    "parquet with a blank": (parquet_of({"x": [1.0, 2.0, None]}), 'row 3, column "x": nan'),
    "cut gzip": (gzip.compress(GOOD.encode())[:-20], "damaged or cut short: .*gzip"),
    "flipped gzip": (b"\x1f\x8b" + b"\x07" * 40, "damaged or cut short: .*gzip"),
    "gzip of npy": (gzip.compress(SOUND_NPY), "unpack it first"),
    "gzip of nothing": (gzip.compress(b""), "is empty|holds no points"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "kind HDF5"),
    "pickle": (b"\x80\x04\x95" + bytes(50), "kind pickle"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is neither text"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED_FILES.values(), ids=REFUSED_FILES.keys())
@pytest.mark.parametrize("name", ["points.dat", "points.csv"])
def test_refused_file(read, content, message, name):
    with pytest.raises(UserError, match=message) as caught:
        read(content, name)
    assert is_clear(caught.value, name)


def test_zip_bomb(read):
    bomb = bytearray(npz_of(np.savez_compressed, x=np.zeros((1000, 2))))
    entry = bomb.index(b"PK\x01\x02")  # where the archive says how much it unpacks to
    bomb[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    with pytest.raises(UserError, match="unpacks to 2 GiB from .* bytes; refused") as caught:
        read(bytes(bomb), "points.npz")
    assert is_clear(caught.value, "points.npz")


def test_nothing_is_executed(read, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    trap = np.array([Trap()] * 30, object)
    for content in (npy_of(trap, allow_pickle=True), npz_of(x=trap)):
        with pytest.raises(UserError, match="type object"):
            read(content)
    assert not (tmp_path / "sprung").exists()


def test_paths(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    long = tmp_path / ("long" * 60) / "points.csv"
    cases = {
        tmp_path: "is a folder",
        tmp_path / "none.csv": "there is no such file",
        tmp_path / "pipe": "is a pipe",
        long: "there is no such file",
        tmp_path / ("x" * 300): "File name too long",
        "a\0b": "no file can have this name",
        tmp_path / "two\nlines": "no such file",
        "": "no such file",
    }
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            read_points(path)
        assert is_clear(caught.value, shown(path, 80))


def note_on(x, word, **options):
    with tempfile.TemporaryDirectory() as folder:
        write_points(Path(folder) / "p.parquet", np.asarray(x, float), **options)
        notes = read_points(Path(folder) / "p.parquet").notes
    assert all(note.isprintable() and len(note) <= 250 and note.endswith(".") for note in notes)
    return [note for note in notes if word in note]


def test_notes():
    x = normal(1000)
    assert note_on(x, "") == []
    assert note_on(x[:100], "only 100 points")
    assert note_on(x[:, :1], "1 column")
    assert note_on(normal(1000, 3), "no oracle mle")
    assert note_on(np.rint(3 * x), '"x1", "x2" hold whole numbers')
    assert note_on(np.vstack([x, x[:100]]), "100 repeat another")
    assert note_on(x[:, :1] * [1, 2], "on a line")
    assert note_on(x @ normal(2, 3), "on a plane")
    assert note_on(normal(1000, 3) @ normal(3, 5), "flat of 3 dimensions")
    assert note_on(np.column_stack([np.arange(1000), x]), "only ever grow")
    assert note_on(x * 1e-3 + [1e9, 0], '"x1" vary little')


def test_notes_are_not_cried_in_vain():
    rng = np.random.default_rng(0)
    assert note_on(rng.standard_cauchy((100_000, 2)), "") == []
    assert note_on(rng.normal(size=(1000, 2)) * [1e-20, 1e20], "") == []
    ring = rng.uniform(0, 2 * np.pi, 1000)
    assert note_on(np.column_stack([np.cos(ring), np.sin(ring)]), "") == []


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize(
    "columns",
    [("x", "y"), ("1", "2"), ("0", "1"), ("a,b", "c\td"), ("nan", "größe"), ('say "a"', "#b")],
)
def test_names_survive(tmp_path, suffix, columns):
    write_points(tmp_path / f"p{suffix}", normal(), columns)
    points = read_points(tmp_path / f"p{suffix}")
    np.testing.assert_array_equal(points.x, normal())
    plain = {('say "a"', "#b"): ("say a", "b"), ("a,b", "c\td"): ("a,b", "c d")}
    assert points.columns == plain.get(columns, columns)


def test_odd_names_are_made_plain(read):
    points = read(text_of(normal(30, 5), header='x,x,,"a  b",x_2'))
    assert points.columns == ("x", "x_2", "x3", "a b", "x_2_2")


def test_unknown_suffix(tmp_path):
    for path in ("p.xlsx", "p", "p.cvs"):
        for write in (lambda path: write_points(path, normal()), check_output):
            with pytest.raises(UserError, match="Unknown suffix .*one of .csv") as caught:
                write(tmp_path / path)
            assert is_clear(caught.value, "p")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="folder does not exist"):
        check_output(tmp_path / "none" / "p.csv")


@st.composite
def tables(draw):
    shape = draw(st.tuples(st.integers(20, 24), st.integers(1, 3)))
    cells = st.floats(-1e30, 1e30) | st.integers(-100, 100).map(float)
    x = draw(hnp.arrays(np.float64, shape, elements=cells))
    x[0], x[1] = 0.0, 1.0  # no column is constant
    return x


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(FUZZ, max_examples=NUM_EXAMPLES // 2)
@given(x=tables())
def test_round_trip(suffix, x):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"points{suffix}"
        write_points(path, x)
        np.testing.assert_array_equal(read_points(path).x, x)


@FUZZ
@given(
    x=tables(),
    separator=st.sampled_from([",", ";", "\t", "|", " ", "  ", " , ", " \t "]),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
)
def test_round_trip_of_text(x, separator, header, end):
    names = separator.join(f"c{i}" for i in range(x.shape[1])) if header else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points"
        path.write_text(text_of(x, separator, names, end))
        points = read_points(path)
    np.testing.assert_array_equal(points.x, x)
    assert points.columns[0] == ("c0" if header else "x1")


def points_or_one_clear_line(content, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"points{suffix}"
        path.write_bytes(content)
        try:
            points = read_points(path)
        except UserError as error:
            assert is_clear(error, path.name)
        else:
            assert points.x.shape == (len(points.x), len(points.columns))
            assert len(points.x) >= 20 and np.isfinite(points.x).all()
            assert np.all(np.ptp(points.x, axis=0) > 0)
            assert all(note.isprintable() for note in points.notes)


WORDS = [
    "1",
    "-2.5",
    "1e5",
    "nan",
    "x",
    '"',
    ",",
    ";",
    "\t",
    " ",
    "\n",
    "\r",
    "#",
    "\0",
    "é",
    "1,5",
]
MAGIC = [
    b"",
    b"\x93NUMPY\x01\x00",
    b"PK\x03\x04",
    b"PAR1",
    b"\x1f\x8b\x08",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
]


@FUZZ
@given(magic=st.sampled_from(MAGIC), tail=st.binary(max_size=200), suffix=st.sampled_from(SUFFIXES))
@example(b"", b"", ".csv")
def test_any_bytes(magic, tail, suffix):
    points_or_one_clear_line(magic + tail, suffix)


@FUZZ
@given(text=st.lists(st.sampled_from(WORDS) | st.text(max_size=3)), times=st.integers(1, 30))
def test_any_text(text, times):
    points_or_one_clear_line(("".join(text) * times).encode("utf-8", "surrogatepass"), ".csv")


SOUND = {
    "csv": text_of(normal(25), header="x,y").encode(),
    "utf-16": text_of(normal(25), ";").encode("utf-16"),
    "gzip": gzip.compress(text_of(normal(25)).encode()),
    "npy": npy_of(normal(25)),
    "npz": npz_of(x=normal(25)),
    "compressed npz": npz_of(np.savez_compressed, x=normal(25), y=normal(2)),
    "parquet": parquet_of({"x": normal(25)[:, 0], "y": normal(25)[:, 1]}),
}


@FUZZ
@given(data=st.data(), kind=st.sampled_from(sorted(SOUND)))
def test_any_damage(data, kind):
    content = bytearray(SOUND[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(content)))
        del content[start : start + data.draw(st.integers(1, 100))]
    points_or_one_clear_line(bytes(content), ".dat")


def test_write_whole(tmp_path):
    write_whole(tmp_path / "a.txt", "größe")
    write_whole(str(tmp_path / "b.bin"), b"\0\1")
    write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.bin"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "x"


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt, FileNotFoundError])
def test_what_fails_in_the_block_changes_nothing(tmp_path, exception):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(exception), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise exception("of its own")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    cases = {
        tmp_path / "none" / "a.csv": "folder does not exist",
        tmp_path / "file" / "a.csv": "is not a folder",
        tmp_path / "folder": "there is a folder of that name",
        tmp_path / ("x" * 300 + ".csv"): "name is too long",
        "a\0b": "no file can have this name",
    }
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            write_whole(path, "x")
        assert is_clear(caught.value, shown(path, 300), most=420)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk(tmp_path):
    write_whole(tmp_path / "a.csv", "old")
    with pytest.raises(UserError, match="a.csv: cannot be written: the disk is full"):
        with atomic_path(tmp_path / "a.csv"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for suffix in SUFFIXES:
            with pytest.raises(UserError, match="cannot be written: .*(larger|disk full)"):
                write_points(tmp_path / f"a{suffix}", normal(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


@pytest.fixture
def locked_folder():
    """A folder in which this process may not write, also where it is root's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        am_root = os.geteuid() == 0
        if am_root:
            os.seteuid(65534)
        yield Path(folder)
        if am_root:
            os.seteuid(0)
        os.chmod(folder, 0o755)


def test_a_folder_that_is_not_writable(locked_folder):
    with pytest.raises(UserError, match="a.txt: cannot be written: you may not write there"):
        write_whole(locked_folder / "a.txt", "x")
    with pytest.raises(UserError, match="you may not write there"):
        check_output(locked_folder / "a.csv")


def test_a_file_that_is_not_readable(tmp_path):
    try:
        content = open("/proc/self/mem", "rb")
    except OSError:
        pytest.skip("needs /proc")
    content.close()
    with pytest.raises(UserError, match="cannot be read: Input/output error"):
        read_points("/proc/self/mem")


def test_unknown():
    choices = ["half_moons", "eight_gaussians", "checkerboard"]
    assert str(unknown("dataset", "half_mons", choices)) == (
        "Unknown dataset 'half_mons'. Did you mean 'half_moons'?"
        " Choose one of half_moons, eight_gaussians, checkerboard."
    )
    assert nearest("HALF_MOONS", choices) == "half_moons"
    assert nearest("zzz", choices) == ""
    assert str(unknown("metric", "zzz", ["kl"])) == "Unknown metric 'zzz'. Choose one of kl."
    many = unknown("key", "x\n" * 500, [f"choice_{i}" for i in range(100)])
    assert is_clear(many, "choice_0") and str(many).endswith("more.")


@given(text=st.text(), width=st.integers(10, 60))
def test_shown_is_one_short_printable_line(text, width):
    line = shown(text, width)
    assert line.isprintable() and len(line) <= width
    assert line == text or not text.isprintable() or len(text) > width


def test_importing_is_light():
    code = "import sys, ebmark.datasets.tables; print({'pandas', 'pyarrow'} & set(sys.modules))"
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_ten_million_rows_are_sampled_down_and_it_says_so(tmp_path, suffix):
    path, block = tmp_path / f"big{suffix}", np.random.default_rng(0).normal(size=(100_000, 2))
    if suffix == ".npy":
        np.save(path, np.tile(block.astype(np.float32), (100, 1)))
    else:
        text = "\n".join(f"{x:.3f},{y:.3f}" for x, y in block) + "\n"
        path.write_text("x,y\n" + text * 100)
    points = read_points(path)
    assert points.x.shape == (1_000_000, 2)
    assert any("10,000,000" in note and "1,000,000" in note for note in points.notes)
