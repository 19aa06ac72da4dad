"""Parts of a docstring: title, summary line, equation and sections."""

import inspect
import re

SECTIONS = ("Attributes", "Requires", "Use when", "Avoid when", "References", "Example")
_HEADER = re.compile(rf"^({'|'.join(SECTIONS)}):[ \n]", re.M)


def about(kind: type) -> dict[str, str]:
    """Return the title, summary line, equation and references of a class.

    Args:
        kind: Any class. What its docstring lacks is an empty string.

    Example:
        >>> from ebmark.methods import DenoisingScoreMatching
        >>> about(DenoisingScoreMatching)["line"]
        'Denoising score matching at one noise level'
    """
    description = describe(kind)
    equation = next((part for part in description if part.startswith("$$")), "")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__)
    return {
        "title": words[0] + words[1:].lower() if not words.isupper() else words,
        "line": description[0].replace("\n", " ").rstrip("."),
        "loss": " ".join(equation.strip("$ \n").split()),
        "reference": sections(kind).get("References", ""),
    }


def describe(kind: type) -> list[str]:
    """Return the paragraphs of a class's docstring that precede its sections."""
    return _HEADER.split(inspect.getdoc(kind) or "")[0].strip().split("\n\n")


def sections(kind: type) -> dict[str, str]:
    """Return the sections of a class's docstring: title -> text.

    A section is `Title: text`, or `Title:` with indented lines. The text is one line, except that
    of `Attributes` and `Example`, which keep their lines.
    """
    parts = _HEADER.split(inspect.getdoc(kind) or "")[1:]
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    keep_lines = {"Attributes", "Example"}
    return {
        title: inspect.cleandoc("\n" + text) if title in keep_lines else " ".join(text.split())
        for title, text in texts.items()
    }
