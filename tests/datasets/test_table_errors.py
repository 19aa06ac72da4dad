"""Every unusable file is rejected with one clear line: file, place, problem and fix."""

import gzip
import os
import struct

import numpy as np
import pyarrow as pa
import pytest
from helpers.table_files import (
    GOOD,
    is_clear,
    normal,
    npy_claiming,
    npy_of,
    npz_of,
    parquet_of,
    text_of,
    with_line,
    zip_of,
)

from ebmark.datasets.tables import check_output, read_points, write_points
from ebmark.errors import UserError, shown

FEW_ROWS = "x,y\n" + "".join(f"{i}.5,{i}\n" for i in range(5))
WRONG_TEXTS = {
    "empty": ("", "is empty"),
    "blank lines": ("\n \n\n", "has no points"),
    "only comments": ("# x\n# y\n", "has no points"),
    "only names": ("x,y\n", "only a line of names"),
    "prose": ("Dear Sir,\nhow do you do?\n", 'line 2, column "Dear": "how" is not a number'),
    "not a number": (with_line(7, "1.0,abc"), 'line 7, column "y": "abc" is not a number'),
    "labels": (GOOD.replace("\n", ",A\n"), 'line 2, column "A": "A" is not a number'),
    "underscores": (with_line(7, "1_0,2"), 'line 7, column "x": "1_0" is not'),
    "hexadecimal": (with_line(7, "0x10,2"), 'line 7, column "x": "0x10" is not'),
    "boolean": (with_line(7, "True,2"), 'line 7, column "x": "True" is not'),
    "nan": (with_line(31, "1,nan"), 'line 31, column "y": "nan" is a missing value. Fill it in'),
    "NA": (with_line(3, "NA,1"), 'line 3, column "x": "NA" is a missing value'),
    "infinite": (with_line(3, "-inf,1"), 'line 3, column "x": "-inf" is not finite'),
    "overflow": (with_line(3, "1e400,1"), 'line 3, column "x": "1e400" is not finite'),
    "too large": (with_line(3, "1,-1e31"), 'line 3, column "y": -1e31 exceeds 1e30 .* Rescale'),
    "blank cell": (with_line(3, "1,"), 'line 3, column "y": cell is blank'),
    "trailing commas": (GOOD.replace("\n", ",\n"), "blank. .* remove the separator"),
    "row names of R": (with_line(2, "1,0.5,0.5"), "3 cells, expected 2 .* without row names"),
    "one line of HTML": ("<html>404</html>", 'only a line of names, "<html>404</html>"'),
    "thousands": ("a;b\n" + "1.234,5;2\n" * 30, 'column "a": "1.234,5" has a decimal comma'),
    "blank first cell": (with_line(3, ",1"), 'line 3, column "x": cell is blank'),
    "too many cells": (with_line(5, "1,2,3"), "line 5: 3 cells, expected 2 as in line 1"),
    "too few cells": (with_line(5, "1"), "line 5: 1 cell, expected 2"),
    "other names": (GOOD.replace("x,y", "x,y,z"), "line 2: 2 cells, expected 3"),
    "decimal commas": (GOOD.replace(",", ";").replace(".", ","), "line 2, .* decimal comma"),
    "decimal commas, no names": ("1,5;2\n3;4,5\n" * 20, 'line 1, column 1: "1,5" has a decimal'),
    "decimal commas and tabs": ("1,5\t2,5\n3,5\t4,5\n" * 20, "line 1, .* decimal comma"),
    "one row": ("1,2\n", "has 1 point, at least 20 are required"),
    "five rows": (FEW_ROWS, "has 5 points"),
    "transposed": (text_of(normal(2, 300)), "has 2 points, .* Transpose"),
    "far too wide": (text_of(normal(2, 3000)), "3,000 columns, at most 1,000"),
    "constant column": (
        text_of(np.column_stack([normal(), np.full(300, 3.0)]), header="x,y,batch"),
        'column "batch" is constant. Drop it',
    ),
    "constant columns": ("1,2,3\n" + "1,2,4\n" * 30, 'columns "x1", "x2" are constant. Drop them'),
    "all constant": ("1,2\n" * 30, "all points are identical"),
    "tiny": ("1e-40,2\n2e-40,3\n" * 30, '"x1" vary by less than 1e-30. Rescale'),
    "a long line": ("1" * 2**24, "line 1: longer than 1,048,576 characters. Write one point"),
    "nul bytes": ("1,2\n\0\0\n" * 30, "is neither text"),
    "nul bytes further down": (GOOD * 1 + "1,2\n" * 30_000 + "1,\0\n", "line 30032, .* not a num"),
    "bytes that are no text": (GOOD.encode() + b"1.0,\xff\xfe\n", 'line 32, column "y"'),
    "an unclosed quote": (with_line(3, '"1,2'), "line 3"),
    "control characters": ("\x01\x02\x03" * 9, "is neither text"),
}


@pytest.mark.parametrize(("content", "message"), WRONG_TEXTS.values(), ids=WRONG_TEXTS.keys())
def test_read_rejects_text(read, content, message):
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
WRONG_FILES = {
    "complex": (npy_of(normal() + 1j), "type complex128, .* .real and .imag"),
    "object": (npy_of(np.array([[1, "a"]] * 30, object), allow_pickle=True), "type object"),
    "strings": (npy_of(np.array([["a", "b"]] * 30)), "type <U1"),
    "booleans": (npy_of(normal() > 0), "type bool, .*astype"),
    "dates": (npy_of(np.zeros(30, "M8[s]")), r"type datetime64\[s\]"),
    "named fields": (npy_of(np.zeros(30, [("a", "f8"), ("b", "f8")])), "named fields"),
    "3-D": (npy_of(np.zeros((30, 4, 5))), r"shape \(30, 4, 5\), expected \(points, columns\)"),
    "0-D": (npy_of(np.float64(3)), r"shape \(\)"),
    "no points": (npy_of(np.zeros((0, 2))), r"shape \(0, 2\) has no points"),
    "no columns": (npy_of(np.zeros((30, 0))), "has no points"),
    "nan": (npy_of(WITH_NAN), "row 17, column 2: nan is not a finite number"),
    "large": (npy_of(normal() * 1e32), "row 1, column 1: .* exceeds 1e30 .* Rescale"),
    "cut npy": (SOUND_NPY[:-1], "damaged or truncated: .*shape"),
    "cut header": (SOUND_NPY[:20], "damaged or truncated .*NPY"),
    "lying header": (npy_claiming(HUGE), "damaged or truncated: .*too small"),
    "negative shape": (npy_claiming("(-3, 2)"), "damaged or truncated"),
    "shape that runs": (npy_claiming("__import__('os').abort()"), "damaged or truncated"),
    "cut npz": (SOUND_NPZ[:-50], "damaged or truncated .*NPZ"),
    "half an npz": (SOUND_NPZ[: len(SOUND_NPZ) // 2], "damaged or truncated .*NPZ"),
    "lying npz": (zip_of(**{"x.npy": npy_claiming(HUGE)}), "damaged or truncated: .*too small"),
    "flipped npz": (SOUND_NPZ[:900] + b"\xff\xff" + SOUND_NPZ[902:], "damaged or truncated"),
    "pickle in npz": (
        npz_of(x=np.array([[1, "a"]] * 30, object)),
        "type object",
    ),
    "several": (
        npz_of(train=normal(), test=normal()),
        r"several arrays \(train, test\). Name the one",
    ),
    "x and y": (npz_of(x=normal()[:, 0], y=normal()[:, 1]), "several arrays"),
    "a zip of text": (zip_of(readme="hello"), "zip archive without NumPy arrays"),
    "excel": (zip_of(xl__workbook="<xml/>"), "Excel workbook"),
    "cut parquet": (SOUND_PARQUET[:-9], "damaged or truncated .*Parquet"),
    "half a parquet": (SOUND_PARQUET[:700], "damaged or truncated .*Parquet"),
    "parquet of strings": (
        parquet_of({"x": [1.0], "kind": ["a"]}),
        'column "kind": type string is not numeric',
    ),
    "parquet of lists": (parquet_of({"x": [[1.0]]}), "type list<.*> is not numeric"),
    "parquet of nothing": (parquet_of({}), "has no columns"),
    "parquet without rows": (parquet_of({"x": pa.array([], pa.float64())}), "has 0 points"),
    "parquet with a blank": (parquet_of({"x": [1.0, 2.0, None]}), 'row 3, column "x": nan'),
    "cut gzip": (gzip.compress(GOOD.encode())[:-20], "damaged or truncated .*gzip"),
    "flipped gzip": (b"\x1f\x8b" + b"\x07" * 40, "damaged or truncated .*gzip"),
    "gzip of npy": (gzip.compress(SOUND_NPY), "Decompress the file first"),
    "gzip of nothing": (gzip.compress(b""), "is empty|has no points"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5 files are not supported"),
    "pickle": (b"\x80\x04\x95" + bytes(50), "pickle files are not supported"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is neither text"),
}


@pytest.mark.parametrize(("content", "message"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
@pytest.mark.parametrize("name", ["points.dat", "points.csv"])
def test_read_rejects_file(read, content, message, name):
    with pytest.raises(UserError, match=message) as caught:
        read(content, name)
    assert is_clear(caught.value, name)


def test_read_rejects_zip_bomb(read):
    bomb = bytearray(npz_of(np.savez_compressed, x=np.zeros((1000, 2))))
    entry = bomb.index(b"PK\x01\x02")  # where the archive says how much it unpacks to
    bomb[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    with pytest.raises(UserError, match="of .* bytes unpacks to 2 GiB and is not read") as caught:
        read(bytes(bomb), "points.npz")
    assert is_clear(caught.value, "points.npz")


def test_read_executes_nothing(read, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    trap = np.array([Trap()] * 30, object)
    for content in (npy_of(trap, allow_pickle=True), npz_of(x=trap)):
        with pytest.raises(UserError, match="type object"):
            read(content)
    assert not (tmp_path / "sprung").exists()


def test_read_rejects_paths(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    long = tmp_path / ("long" * 60) / "points.csv"
    cases = {
        tmp_path: "is a folder",
        tmp_path / "none.csv": "no such file",
        tmp_path / "pipe": "is a pipe",
        long: "no such file",
        tmp_path / ("x" * 300): "File name too long",
        "a\0b": "contains a null character",
        tmp_path / "two\nlines": "no such file",
        "": "no such file",
    }
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            read_points(path)
        assert is_clear(caught.value, shown(path, 80))


def test_write_rejects_unknown_suffix(tmp_path):
    for path in ("p.xlsx", "p", "p.cvs"):
        for write in (lambda path: write_points(path, normal()), check_output):
            with pytest.raises(UserError, match="Unknown suffix .*Choose one of .csv") as caught:
                write(tmp_path / path)
            assert is_clear(caught.value, "p")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="folder does not exist"):
        check_output(tmp_path / "none" / "p.csv")


def test_read_reports_io_error(tmp_path):
    try:
        content = open("/proc/self/mem", "rb")
    except OSError:
        pytest.skip("needs /proc")
    content.close()
    with pytest.raises(UserError, match="cannot be read: Input/output error"):
        read_points("/proc/self/mem")
