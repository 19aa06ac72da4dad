"""Tables in Markdown; names may come from untrusted files and are shown literally."""

import html
import re
from collections.abc import Sequence


def escaped(text: str) -> str:
    r"""Return Markdown that shows the text literally.

    Example:
        >>> escaped("a*b < c")
        'a\\*b &lt; c'
    """
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(text, quote=False))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; heads and rows are Markdown already.

    Example:
        >>> table(["method", "KL"], [["nce", "0.01"]])
        ['| method | KL |', '|---|---|', '| nce | 0.01 |']
    """
    return [_line(heads), "|---" * len(heads) + "|", *map(_line, rows)]


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
