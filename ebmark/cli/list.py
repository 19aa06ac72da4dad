"""All names, with a line each: read from the shipped catalogue, and so at once."""

import json
import sys
from pathlib import Path


def list_all() -> int:
    """Name the studies, datasets, methods, samplers and metrics, with a line each."""

    print_catalogue()
    return 0


CATALOGUE = Path(__file__).parent / "catalogue.json"  # made by `python -m ebmark.cli.catalogue`


def read_catalogue() -> dict[str, dict[str, str]]:
    """Kind -> name -> line."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def print_catalogue() -> None:
    """Every name with its line."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for kind, lines in read_catalogue().items():
        print(f"{bold}{kind}{plain}")
        width = max(map(len, lines))
        for name, line in lines.items():
            print(f"  {name:{width}}  {line}")
