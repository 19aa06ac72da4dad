"""Read untrusted files within limits; errors are one line, and no content is executed.

The type of a file is checked before it is read, because a pipe would block and a device never end.
JSON is checked against the types that its reader expects; the parser refuses more than 200 levels
of nesting, numbers of thousands of digits, and invalid UTF-8.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pydantic
import pydantic_core

from ebmark.errors import DamagedError, UserError, shown
from ebmark.system.checksums import SCHEMA, has_seal

MAX_BYTES = 256 << 20  # of a document
REPAIR = "Repeat the `ebmark run` or `tune` command with --repair: it redoes what is damaged."
_MAX_TOML_BYTES = 64 << 10
_MANY_KEY_PARTS = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){32}""")
_HAS_SCHEMA = re.compile(rb'\s*\{\s*"schema"\s*:\s*%d\s*[,}]' % SCHEMA)


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file of at most `max_bytes` bytes.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is too large, not a regular file, or cannot be read.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{shown(path, 200)}: is a folder, a pipe or a device, not a file.")
            if status.st_size > max_bytes:
                raise UserError(
                    f"{shown(path, 200)}: is too large ({status.st_size:,} bytes). "
                    f"At most {max_bytes:,} bytes are read."
                )
            # read() without a size would allocate as the file grows
            return file.read(status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise UserError(f"{shown(path, 200)}: cannot be read ({error.strerror}).") from None


def read_json(
    path: Path,
    types: pydantic.TypeAdapter,
    fix: str = REPAIR,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Return the content of a JSON file, whose checksum and types are verified.

    Args:
        path: the file.
        types: what the file must contain.
        fix: the sentence that says how to repair a damaged file.
        max_bytes: the largest size that is read.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it is damaged.
        UserError: it cannot be read, or was written by another version of ebmark.
    """
    content = read_bytes(path, max_bytes)
    check_seal(path, content, fix)
    try:
        document = types.validate_json(content, strict=True)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = "".join(f"{shown(part)}: " for part in first["loc"])
        reason = f"{shown(location, 100)}{shown(first['msg'], 120)}"
        raise DamagedError(f"{shown(path, 200)}: damaged ({reason}). {fix}") from None
    document.pop("checksum", None)
    return document


def check_seal(path: Path, content: bytes, fix: str = REPAIR) -> None:
    """Check the schema and the checksum of a JSON document.

    Args:
        path: its file.
        content: its bytes.
        fix: the sentence that says how to repair a damaged file.

    Raises:
        DamagedError: it is damaged.
        UserError: it was written by another version of ebmark.
    """
    is_intact = has_seal(content)
    if is_intact is not False:
        _check_schema(path, content)
    if not is_intact:
        reason = "it has no checksum" if is_intact is None else "its checksum differs"
        raise DamagedError(f"{shown(path, 200)}: damaged ({reason}). {fix}")


def _check_schema(path: Path, content: bytes) -> None:
    """Raise UserError if the JSON document states another schema than `SCHEMA`, or none."""
    if _HAS_SCHEMA.match(content):
        return
    try:
        document = pydantic_core.from_json(content)
    except ValueError:
        return  # damaged: it has no checksum either
    schema = document.get("schema", 1) if isinstance(document, dict) else SCHEMA
    if schema != SCHEMA:
        raise old_schema(path, schema)


def old_schema(path: Path, schema: Any = 1, again: str = "Run the study again.") -> UserError:
    """Return the error for a file that another version of ebmark wrote.

    Args:
        path: the file.
        schema: the schema that the file states; files that state none have schema 1.
        again: the sentence that says how to replace the file.
    """
    return UserError(
        f"{shown(path, 200)}: written by another version of ebmark (schema {shown(schema, 20)}); "
        f"this version reads schema {SCHEMA}. {again}"
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file of at most 64 KiB, whose types are not checked.

    Raises:
        UserError: there is no such file, or it is not valid TOML.
    """
    try:
        content = read_bytes(path, _MAX_TOML_BYTES).decode()
        # the parser's time is quadratic in the number of parts of a key
        if _MANY_KEY_PARTS.search(content):
            raise ValueError("a key of more than 32 parts")
        return tomllib.loads(content)
    except FileNotFoundError:
        raise UserError(f"{shown(path, 200)}: no such file.") from None
    except RecursionError:
        raise UserError(f"{shown(path, 200)}: not TOML: it is nested too deeply.") from None
    except ValueError as error:
        raise UserError(f"{shown(path, 200)}: not TOML: {shown(error, 200)}.") from None
