"""Mutation of valid files, and limits of time and memory for reading the mutants."""

import contextlib
import copy
import io
import json
import os
import resource
import time

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ebmark.errors import UserError
from ebmark.system.checksums import sealed

NUM_EXAMPLES = int(os.environ.get("EBMARK_FUZZ", "0"))
MAX_EXTRA_MEMORY = 2 << 30  # bytes
MAX_SECONDS = 10.0
MAX_MESSAGE = 1_200  # characters


def fuzz(fraction: float = 1.0):
    """The settings of one reader: five times EBMARK_FUZZ examples, or 30 fixed ones."""
    return settings(
        max_examples=round(5 * NUM_EXAMPLES * fraction) or 30,
        deadline=None,
        derandomize=not NUM_EXAMPLES,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@contextlib.contextmanager
def limited_resources():
    """Limit the memory of the process, and fail if the block takes too long."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_EXTRA_MEMORY, old[1]))
    start = time.monotonic()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)
    assert time.monotonic() - start < MAX_SECONDS


def read_or_refuse(read):
    """The value of `read()`, or None if it raises a UserError of one printable line."""
    with limited_resources():
        try:
            return read()
        except UserError as error:
            message = str(error)
            assert "\n" not in message and message.isprintable(), message
            assert len(message) < MAX_MESSAGE, message
            return None


HOSTILE_VALUES = [
    None,
    True,
    "",
    "\x00",
    "\ud800",
    "\u202e\n",
    "x" * 300_000,
    "../../../../etc/passwd",
    "/etc/passwd",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "[/red][bold]",
    "$\\frac{1}{0}$",
    -1,
    0,
    2**31,
    2**63,
    10**30,
    10**400,
    1e308,
    -1e-308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    {},
    [[]] * 50,
    {"__class__": "os.system"},
]
VALUES = st.sampled_from(HOSTILE_VALUES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
# Edits of a JSON document: where, what, and the value that is put there.
EDITS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["put", "put", "put", "drop", "repeat", "rename", "graft"]),
        VALUES,
    ),
    min_size=1,
    max_size=4,
)
# Changes of bytes: where, what, a second place or number, and bytes that are inserted.
CUTS = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.sampled_from(["flip", "flip", "cut", "insert", "copy", "drop", "zero"]),
        st.integers(0, 10**9),
        st.sampled_from(
            [b"", b"\0", b"\xff" * 8, b"9" * 400, b"[" * 5000, b'"', b",", b"\n", b"-"]
        ),
    ),
    min_size=1,
    max_size=5,
)
TOML_VALUES = st.sampled_from(
    [b"inf", b"nan", b"-1", b"0", b"1e400", b"9" * 50, b'"../up"', b"{a=" * 500, b"a.b." * 40]
    + [b"1979-05-27", b"[[1]]", b'"\\u0000"', b"true", b"'''", b'"tuned"', b'"x.json"', b"2" * 5000]
)
SHAPES = [(), (0, 2), (2**40,), (1, 2), (10**18, 10**18), (-1, 2), (12, 3), (12, 2, 1), (2,) * 40]
DTYPES = ["<f8", ">f4", "<i8", "|O", "|S5", "|V8", "<c16", "<M8[s]", "[('a','<f8')]", "<f2", "|b1"]


def list_places(document):
    """Every (parent, key) of a JSON document."""
    places = []
    containers = [document]
    while containers:
        container = containers.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], dict | list):
                containers.append(container[key])
    return places


def edit(document, edits):
    """A copy of the document with parts replaced, dropped, repeated, renamed or moved."""
    document = copy.deepcopy(document)
    for place, change, value in edits:
        places = list_places(document)
        if not places:
            break
        parent, key = places[place % len(places)]
        if change == "put":
            parent[key] = copy.deepcopy(value)
        elif change == "drop":
            del parent[key]
        elif change == "repeat" and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif change == "rename" and isinstance(parent, dict):
            parent[str(value)[:1000]] = parent.pop(key)
        elif change == "graft":
            other, other_key = places[(place // 7) % len(places)]
            parent[key] = copy.deepcopy(other[other_key])
    return document


def cut(content: bytes, cuts) -> bytes:
    """The bytes with some flipped, truncated, inserted, copied, dropped or set to zero."""
    changed = bytearray(content)
    for place, change, other, inserted in cuts:
        i = place % (len(changed) + 1)
        j = other % (len(changed) + 1)
        if change == "flip" and i < len(changed):
            changed[i] ^= 1 << other % 8
        elif change == "cut":
            del changed[i:]
        elif change == "insert":
            changed[i:i] = inserted
        elif change == "copy":
            changed[i:i] = changed[j : j + 64]
        elif change == "drop":
            del changed[i : i + other % 32]
        elif change == "zero":
            changed[i : i + 8] = bytes(len(changed[i : i + 8]))
    return bytes(changed)


def mutate_json(document, edits, cuts, is_raw: bool) -> bytes:
    """The document with its bytes cut, or with its parts edited and its checksum right."""
    if is_raw:
        return cut(sealed(document), cuts)
    edited = edit(document, edits)
    return sealed(edited) if isinstance(edited, dict) else json.dumps(edited).encode()


def mutate_toml(content: bytes, line: int, value: bytes, cuts, is_raw: bool) -> bytes:
    """The TOML text with its bytes cut, or with the value of one line replaced."""
    if is_raw:
        return cut(content, cuts)
    lines = content.splitlines()
    index = line % len(lines)
    lines[index] = lines[index].partition(b"=")[0] + b"= " + value
    return b"\n".join(lines)


def npy_bytes(array) -> bytes:
    """The array as an NPY file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_with_header(shape, dtype, body=b"") -> bytes:
    """An NPY file whose header is well-formed but states another shape and dtype."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    line = header.encode("latin1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + body
