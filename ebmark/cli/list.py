"""`ebmark list`: print all names, read from the shipped catalog so that no JAX is imported."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from ebmark.cli._common import Positional
from ebmark.errors import unknown

# Written by `python -m ebmark.cli.catalogue`.
CATALOGUE = Path(__file__).parent / "catalogue.json"


def list_all(kind: Positional[str | None] = None, /) -> int:
    """List studies, datasets, methods, samplers and metrics.

    Args:
        kind: only these: studies, datasets, methods, samplers or metrics.

    Returns:
        The exit status.
    """
    kinds = read_catalogue()
    if kind is not None and kind not in kinds:
        raise unknown("kind", kind, kinds)
    print_catalogue({name: kinds[name] for name in kinds if kind in (None, name)})
    return 0


def read_catalogue() -> dict[str, dict[str, str]]:
    """Return the description of each name of each kind: kind -> name -> description."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def print_catalogue(catalogue: Mapping[str, Mapping[str, str]]) -> None:
    """Print each name with its description as plain text, wrapped to the width of a terminal."""
    is_terminal = sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if is_terminal else 0
    for kind, descriptions in catalogue.items():
        print(f"\033[1m{kind}\033[0m" if is_terminal else kind)
        width = max(map(len, descriptions))
        for name, description in descriptions.items():
            text = f"  {name:{width}}  {description}"
            indent = " " * min(width + 4, 24)
            print(textwrap.fill(text, columns, subsequent_indent=indent) if columns else text)
