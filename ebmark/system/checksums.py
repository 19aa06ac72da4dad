"""Checksums of JSON files: each states the sha256 of its bytes, with zeros for these 64 digits."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

SCHEMA = 2  # of the files that this version writes; it reads no other
_ZEROS = "0" * 64
_SEAL = re.compile(rb'"checksum": "([0-9a-f]{64})"')
_HEAD = 200  # bytes within which the checksum is


def sha256(content: bytes) -> str:
    """Return the sha256 of the content, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sealed(
    document: Mapping[str, Any], *, indent: int | None = None, sort_keys: bool = False
) -> bytes:
    """Return the document as JSON that begins with its schema and its checksum.

    Args:
        document: JSON values by name.
        indent: as of `json.dumps`.
        sort_keys: as of `json.dumps`.

    Example:
        >>> content = sealed({"seeds": 3})
        >>> content[:27], content[-15:-1]
        (b'{"schema": 2, "checksum": "', b'", "seeds": 3}')
        >>> has_seal(content), has_seal(content.replace(b"3}", b"2}"))
        (True, False)
    """
    body = {key: document[key] for key in document if key not in ("schema", "checksum")}
    text = json.dumps(body, indent=indent, sort_keys=sort_keys)
    head = f'{{"schema": {SCHEMA}, "checksum": "{_ZEROS}"'
    if body:
        head += ", " if indent is None else ","
    content = f"{head}{text[1:]}\n".encode()
    return content.replace(_ZEROS.encode(), sha256(content).encode(), 1)


def has_seal(content: bytes) -> bool | None:
    """Return whether the checksum of a JSON document is right; None if it states none."""
    match = _SEAL.search(content, 0, _HEAD)
    if match is None:
        return None
    zeroed = content[: match.start(1)] + _ZEROS.encode() + content[match.end(1) :]
    return sha256(zeroed).encode() == match[1]
