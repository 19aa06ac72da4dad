"""Trees of arrays on disk: a JSON header and raw bytes; loading executes no code.

    EBMARK2\\n | length of header, 8 bytes | header, JSON | leaves, little endian | sha256 of all

The header lists the shape and type of each leaf, which are compared with those of the expected tree
before memory is allocated.
"""

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ebmark.errors import DamagedError, UserError
from ebmark.system.checksums import SCHEMA
from ebmark.system.reading import old_schema, read_bytes
from ebmark.system.writing import write_whole

_MAGIC = b"EBMARK%d\n" % SCHEMA
# in bytes
_MAX_HEADER = 1 << 20
_MAX_FILE = 4 << 30
_NUM_DIGEST = 32


def save_tree(path: Path, header: dict[str, Any], tree: PyTree) -> None:
    """Write a header and the array leaves of a tree atomically.

    Args:
        path: the file.
        header: JSON values; the key `leaves` is added.
        tree: a tree of arrays.

    Raises:
        UserError: the header is longer than 1 MiB, or the file cannot be written.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    body = b"".join(np.ascontiguousarray(leaf).tobytes() for leaf in leaves)
    shapes = [[list(leaf.shape), leaf.dtype.str] for leaf in leaves]
    text = json.dumps({**header, "leaves": shapes}).encode()
    if len(text) > _MAX_HEADER:
        raise UserError(
            f"{path}: the names and levels of the table take more than 1 MiB. Drop columns of long "
            "text and fit again."
        )
    content = _MAGIC + struct.pack("<Q", len(text)) + text + body
    write_whole(path, content + hashlib.sha256(content).digest())


def read_header(path: Path) -> dict[str, Any]:
    """Read the header alone.

    Raises:
        UserError: the file was not written by `save_tree`, or is damaged.
    """
    header, _, is_intact = _read(path)
    if not is_intact:
        raise DamagedError(f"{path}: truncated or damaged. Create the file again.")
    return header


def load_tree(path: Path, like: PyTree) -> PyTree:
    """Read a tree.

    Args:
        path: a file written by `save_tree`.
        like: a tree of the same structure, of arrays or `jax.ShapeDtypeStruct`.

    Returns:
        The tree: NumPy arrays where `like` has them, else JAX arrays.

    Raises:
        UserError: the file is truncated, damaged, foreign, or holds other arrays than `like`.
    """
    header, body, is_intact = _read(path)
    expected, structure = jax.tree.flatten(like)
    types = _stored_types(header.get("leaves"), expected)
    if types is None:
        raise UserError(f"{path}: holds other arrays than expected. Create the file again.")
    sizes = [
        math.prod(leaf.shape) * stored.itemsize
        for leaf, stored in zip(expected, types, strict=True)
    ]
    if len(body) != sum(sizes):
        raise UserError(
            f"{path}: truncated ({len(body)} of {sum(sizes)} bytes). Create the file again."
        )
    if not is_intact:
        raise UserError(f"{path}: damaged (wrong checksum). Create the file again.")
    leaves = []
    offset = 0
    for leaf, stored, size in zip(expected, types, sizes, strict=True):
        array = np.frombuffer(body[offset : offset + size], stored).reshape(leaf.shape)
        array = array.astype(leaf.dtype)
        leaves.append(array if isinstance(leaf, np.ndarray) else jax.device_put(array))
        offset += size
    return jax.tree.unflatten(structure, leaves)


def _stored_types(stored: Any, expected: list[Any]) -> list[np.dtype] | None:
    """Return the types of a file's leaves; None unless they fit the expected ones.

    JAX has numbers of 32 bits, or of 64 with JAX_ENABLE_X64. A file of either mode fits both.
    """
    if not isinstance(stored, list) or len(stored) != len(expected):
        return None
    types = []
    for entry, leaf in zip(stored, expected, strict=True):
        dtype = np.dtype(leaf.dtype)
        widths = (4, 8) if dtype.kind in "fiu" and dtype.itemsize in (4, 8) else (dtype.itemsize,)
        valid = [np.dtype(f"{dtype.kind}{width}") for width in widths]
        matches = [one for one in valid if entry == [list(leaf.shape), one.str]]
        if not matches:
            return None
        types.append(matches[0])
    return types


def _read(path: Path) -> tuple[dict[str, Any], bytes, bool]:
    """Return the header, the body, and whether the checksum of both is correct."""
    try:
        content = read_bytes(path, _MAX_FILE)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file.") from None
    foreign = UserError(f"{path}: not a file written by ebmark. Create a model with `ebmark fit`.")
    start = len(_MAGIC) + 8
    if content.startswith(b"EBMARK1\n"):
        raise old_schema(path, again="Fit the model again.")
    if not content.startswith(_MAGIC) or len(content) < start:
        raise foreign
    (length,) = struct.unpack("<Q", content[len(_MAGIC) : start])
    if length > _MAX_HEADER or start + length > len(content):
        raise UserError(f"{path}: truncated or damaged. Create the file again.")
    try:
        header = json.loads(content[start : start + length])
    except (ValueError, RecursionError):
        raise foreign from None
    if not isinstance(header, dict):
        raise foreign
    digest = content[-_NUM_DIGEST:]
    content = content[:-_NUM_DIGEST]
    return header, content[start + length :], hashlib.sha256(content).digest() == digest
