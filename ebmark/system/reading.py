"""Files from anyone, read with limits: one line says what is wrong, nothing is ever executed.

A file is looked at before it is read: a pipe would keep us waiting, a device would never end.
JSON is checked against the types that its reader wants; the parser itself refuses what is nested
deeper than 200 levels, numbers of thousands of digits, and broken letters.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pydantic
import pydantic_core

from ebmark.errors import UserError, shown

_MANY_PARTS = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){32}""")
MOST = 256 << 20  # bytes of a document
SCHEMA = 2  # of the files that this version writes; it reads no other
_MARKED = re.compile(rb'\s*\{\s*"schema"\s*:\s*%d\s*[,}]' % SCHEMA)


def read_bytes(path: Path, most: int = MOST) -> bytes:
    """The content of a plain file of at most `most` bytes.

    Raises FileNotFoundError where there is none, and UserError where it cannot be read.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{shown(path, 200)}: is a folder, a pipe or a device, not a file")
            if status.st_size > most:
                size = f"{status.st_size:,} bytes, and at most {most:,} are read"
                raise UserError(f"{shown(path, 200)}: is too large ({size})")
            return file.read(status.st_size)  # what is asked for is allocated
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise UserError(f"{shown(path, 200)}: cannot be read ({error.strerror})") from None


def read_json(
    path: Path, wanted: pydantic.TypeAdapter, mend: str, most: int = MOST, *, marked: bool = False
) -> Any:
    """A JSON file that holds what is `wanted`; if `marked`, one that says its schema.

    Raises FileNotFoundError, and UserError that says where it is damaged and how to `mend` it, or
    that another version of ebmark wrote it.
    """
    content = read_bytes(path, most)
    if marked:
        _check_schema(path, content)
    try:
        return wanted.validate_json(content, strict=True)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "".join(f"{shown(part)}: " for part in first["loc"])
        said = f"{shown(where, 100)}{shown(first['msg'], 120)}"
        raise UserError(f"{shown(path, 200)}: damaged ({said}); {mend}") from None


def _check_schema(path: Path, content: bytes) -> None:
    if _MARKED.match(content):
        return
    try:
        document = pydantic_core.from_json(content)
    except ValueError:
        return  # damaged: the reader of its types says where
    schema = document.get("schema", 1) if isinstance(document, dict) else SCHEMA
    if schema != SCHEMA:
        raise old_schema(path, schema)


def old_schema(path: Path, schema: Any = 1, again: str = "Run the study again.") -> UserError:
    """The error at a file of another version."""
    return UserError(
        f"{shown(path, 200)}: written by another version of ebmark (schema {shown(schema, 20)}); "
        f"this version reads schema {SCHEMA}. {again}"
    )


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file of at most 64 KiB, whose types are still to be checked. Raises UserError."""
    try:
        content = read_bytes(path, 64 << 10).decode()
        if _MANY_PARTS.search(content):  # the parser's time grows with their square
            raise ValueError("a key of more than 32 parts")
        return tomllib.loads(content)
    except FileNotFoundError:
        raise UserError(f"{shown(path, 200)}: no such file") from None
    except RecursionError:
        raise UserError(f"{shown(path, 200)}: not TOML of ours: it is nested too deeply") from None
    except ValueError as error:
        raise UserError(f"{shown(path, 200)}: not TOML: {shown(error, 200)}") from None
