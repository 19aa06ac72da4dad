"""`ebmark list`: print all names, read from the shipped catalog so that no JAX is imported."""

import json
import sys
from pathlib import Path

# Written by `python -m ebmark.cli.catalogue`.
CATALOGUE = Path(__file__).parent / "catalogue.json"


def list_all() -> int:
    """List studies, datasets, methods, samplers and metrics."""
    print_catalogue()
    return 0


def read_catalogue() -> dict[str, dict[str, str]]:
    """Return the description of each name of each kind: kind -> name -> description."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def print_catalogue() -> None:
    """Print each name with its description; headings are bold on a terminal."""
    is_terminal = sys.stdout.isatty()
    for kind, descriptions in read_catalogue().items():
        print(f"\033[1m{kind}\033[0m" if is_terminal else kind)
        width = max(map(len, descriptions))
        for name, description in descriptions.items():
            print(f"  {name:{width}}  {description}")
