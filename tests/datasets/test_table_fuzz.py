"""Random tables survive a round trip; random bytes give points or one clear line."""

import gzip
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers.costs import full_unless
from helpers.table_files import SUFFIXES, is_clear, normal, npy_of, npz_of, parquet_of, text_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebmark.datasets.tables import read_points, write_points
from ebmark.errors import UserError

NUM_EXAMPLES = int(os.environ.get("EBMARK_FUZZ", "200"))
FUZZ = settings(
    max_examples=NUM_EXAMPLES,
    deadline=None,
    derandomize="EBMARK_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def tables(draw):
    shape = draw(st.tuples(st.integers(20, 24), st.integers(1, 3)))
    cells = st.floats(-1e30, 1e30) | st.integers(-100, 100).map(float)
    x = draw(hnp.arrays(np.float64, shape, elements=cells))
    # no column is constant
    x[0] = 0.0
    x[1] = 1.0
    return x


@pytest.mark.slow
@pytest.mark.parametrize("suffix", full_unless(lambda s: s not in {".csv", ".tsv"}, SUFFIXES))
@settings(FUZZ, max_examples=NUM_EXAMPLES // 2)
@given(x=tables())
def test_write_round_trips(suffix, x):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"points{suffix}"
        write_points(path, x)
        np.testing.assert_array_equal(read_points(path).x, x)


@pytest.mark.full
@FUZZ
@given(
    x=tables(),
    separator=st.sampled_from([",", ";", "\t", "|", " ", "  ", " , ", " \t "]),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
)
def test_text_round_trips(x, separator, header, end):
    names = separator.join(f"c{i}" for i in range(x.shape[1])) if header else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points"
        path.write_text(text_of(x, separator, names, end))
        points = read_points(path)
    np.testing.assert_array_equal(points.x, x)
    assert points.columns[0] == ("c0" if header else "x1")


def check_points_or_clear_error(content, suffix):
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


PIECES = [
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
def test_read_survives_any_bytes(magic, tail, suffix):
    check_points_or_clear_error(magic + tail, suffix)


@pytest.mark.slow
@FUZZ
@given(text=st.lists(st.sampled_from(PIECES) | st.text(max_size=3)), times=st.integers(1, 30))
def test_read_survives_any_text(text, times):
    check_points_or_clear_error(("".join(text) * times).encode("utf-8", "surrogatepass"), ".csv")


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
def test_read_survives_any_damage(data, kind):
    content = bytearray(SOUND[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(content)))
        del content[start : start + data.draw(st.integers(1, 100))]
    check_points_or_clear_error(bytes(content), ".dat")
