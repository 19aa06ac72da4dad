"""Trees of arrays on disk: a JSON header and raw bytes; loading executes nothing.

    EBMARK2\\n | header's length, 8 bytes | header, JSON | the leaves, little endian | sha256 of all

The header lists each leaf's shape and type; they are checked against the tree that the reader
expects before anything is allocated.
"""

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ebmark.errors import UserError
from ebmark.system.reading import SCHEMA, old_schema, read_bytes
from ebmark.system.writing import write_whole

_MAGIC = b"EBMARK%d\n" % SCHEMA
_LONGEST_HEADER = 1 << 20
_MOST = 4 << 30  # bytes of a file
_DIGEST = 32  # bytes of a sha256


def save_tree(path: Path, header: dict[str, Any], tree: PyTree) -> None:
    """Write the array leaves of `tree` behind `header`, whole or not at all."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    body = b"".join(np.ascontiguousarray(leaf).tobytes() for leaf in leaves)
    described = header | {"leaves": [[list(leaf.shape), leaf.dtype.str] for leaf in leaves]}
    text = json.dumps(described).encode()
    content = _MAGIC + struct.pack("<Q", len(text)) + text + body
    write_whole(path, content + hashlib.sha256(content).digest())


def read_header(path: Path) -> dict[str, Any]:
    """The header alone. Raises UserError if the file is not one of ours."""
    return _read(path)[0]


def load_tree(path: Path, like: PyTree) -> PyTree:
    """The tree of the file, shaped as `like` (arrays or their shapes).

    Raises UserError for a truncated, damaged or foreign file.
    """
    header, body, sound = _read(path)
    old, structure = jax.tree.flatten(like)
    wanted = [[list(leaf.shape), np.dtype(leaf.dtype).str] for leaf in old]
    if header.get("leaves") != wanted:
        raise UserError(f"{path}: holds other arrays than this ebmark expects; make it again")
    sizes = [math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in old]
    if len(body) != sum(sizes):
        raise UserError(f"{path}: truncated ({len(body)} bytes of {sum(sizes)}); make it again")
    if not sound:
        raise UserError(f"{path}: damaged (its checksum is wrong); make it again")
    leaves, offset = [], 0
    for leaf, size in zip(old, sizes, strict=True):
        array = np.frombuffer(body[offset : offset + size], leaf.dtype).reshape(leaf.shape)
        leaves.append(array.copy() if isinstance(leaf, np.ndarray) else jnp.asarray(array))
        offset += size
    return jax.tree.unflatten(structure, leaves)


def _read(path: Path) -> tuple[dict[str, Any], bytes, bool]:
    """The header, the body, and whether the checksum of both is right."""
    try:
        content = read_bytes(path, _MOST)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    foreign = UserError(f"{path}: not a file of ebmark's; `ebmark fit` makes model files")
    start = len(_MAGIC) + 8
    if content.startswith(b"EBMARK1\n"):
        raise old_schema(path, again="Fit the model again.")
    if not content.startswith(_MAGIC) or len(content) < start:
        raise foreign
    (length,) = struct.unpack("<Q", content[len(_MAGIC) : start])
    if length > _LONGEST_HEADER or start + length > len(content):
        raise UserError(f"{path}: truncated or damaged; make it again")
    try:
        header = json.loads(content[start : start + length])
    except (ValueError, RecursionError):
        raise foreign from None
    if not isinstance(header, dict):
        raise foreign
    content, digest = content[:-_DIGEST], content[-_DIGEST:]
    return header, content[start + length :], hashlib.sha256(content).digest() == digest
