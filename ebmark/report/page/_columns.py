"""How the columns of user data are reproduced: sentences and a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ebmark.report.page._cells import Block, Cell, Sheet

# columns and pairs that a sentence names
_MAX_NAMED = 3


def column_blocks(
    compared: Mapping[str, Mapping[str, Mapping[str, Any]]], datasets: Sequence[str]
) -> list[Block]:
    """Describe how each configuration reproduces the columns of each dataset.

    Args:
        compared: The study's `columns`: dataset -> configuration -> comparison.
        datasets: Datasets of the page.
    """
    return [
        Block(name, [_sentence(*item) for item in compared[name].items()], _sheet(compared[name]))
        for name in datasets
        if compared.get(name)
    ]


def _sheet(entries: Mapping[str, Mapping[str, Any]]) -> Sheet:
    heads = ["column", *entries, "null range"]
    rows = []
    for scores in zip(*(entry["columns"] for entry in entries.values()), strict=True):
        cells = [_cell(score) for score in scores]
        # subsets of one size for all configurations, whose ranges are equal
        null_range = f"{scores[0]['low']:.2g} to {scores[0]['high']:.2g}"
        rows.append((scores[0]["column"], [*cells, Cell(null_range, scores[0]["high"])]))
    return Sheet(heads, rows)


def _is_outside(score: Mapping[str, Any]) -> bool:
    return score["w1"] > score["high"]


def _cell(score: Mapping[str, Any]) -> Cell:
    kind = "diverged" if _is_outside(score) else ""
    return Cell(f"{score['w1']:.2g}", score["w1"], kind, ", ".join(score["findings"]))


def _sentence(configuration: str, entry: Mapping[str, Any]) -> Markup:
    """Name the columns and the correlations of a configuration that are out of range."""
    outside = [score for score in entry["columns"] if _is_outside(score)]
    outside.sort(key=lambda score: score["high"] - score["w1"])
    words = [f"{score['column']} ({', '.join(score['findings'])})" for score in outside]
    found = Markup("<b>{}</b>: {} of {} columns are above their null range{}.").format(
        configuration, len(outside), len(entry["columns"]), _listed(words)
    )
    pairs = [
        f"{' and '.join(pair['columns'])} ({pair['value']:+.2f}, target {pair['target']:+.2f})"
        for pair in entry["correlations"]
        if abs(pair["value"] - pair["target"]) > pair["high"]
    ]
    if pairs:
        found += Markup(" Rank correlations out of range{}.").format(_listed(pairs))
    return found


def _listed(words: Sequence[str]) -> str:
    """Return a colon and the first words; nothing if there are none."""
    if not words:
        return ""
    more = f" and {len(words) - _MAX_NAMED} more" if len(words) > _MAX_NAMED else ""
    return f": {'; '.join(words[:_MAX_NAMED])}{more}"
