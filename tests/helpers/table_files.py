"""Tables of points as files: text, NPY, NPZ, Parquet and ZIP; sound, and damaged."""

import io
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SUFFIXES = (".csv", ".tsv", ".npy", ".npz", ".parquet")


def normal(n=300, dim=2):
    return np.random.default_rng(1).normal(size=(n, dim))


def text_of(x, separator=",", header="", end="\n"):
    lines = [header] if header else []
    return end.join(lines + [separator.join(map(repr, row)) for row in x.tolist()]) + end


# its rows are lines 2 to 31
GOOD = text_of(normal(30), header="x,y")


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


def is_clear(error, name, max_length=250):
    """The message is one printable, short line that names the file."""
    message = str(error)
    assert "\n" not in message and message.isprintable(), message
    assert len(message) <= max_length, (len(message), message)
    assert name in message, message
    return True
