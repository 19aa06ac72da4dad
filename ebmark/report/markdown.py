"""Tables in Markdown; names come from strangers, and are shown as they are."""

import html
import re
from collections.abc import Sequence


def escaped(words: str) -> str:
    """Words as Markdown that shows them as they are."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(words, quote=False))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Its lines, of cells that are Markdown already."""
    return [_line(heads), "|---" * len(heads) + "|", *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
