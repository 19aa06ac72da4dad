"""Title, summary, equation and reference of a class, from its docstring."""

import inspect
import re

_ADVICE = re.compile(r"Needs (?P<needs>.+?)\. (?P<when>Use it .+?)\. (?P<not>Not .+)\.", re.S)


def about(kind: type) -> dict[str, str]:
    """Title, line, equation and reference of a class, out of its name and docstring."""
    paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
    equation = next((p for p in paragraphs if p.startswith("$$")), "")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__)
    return {
        "title": words[0] + words[1:].lower() if not words.isupper() else words,
        "line": paragraphs[0].replace("\n", " ").rstrip("."),
        "loss": " ".join(equation.strip("$ \n").split()),
        "reference": " ".join(paragraphs[-1].split()),
    }


def advice(kind: type) -> dict[str, str]:
    """What a method needs, when to use it, and when not: the docstring's paragraph of these."""
    for paragraph in (inspect.getdoc(kind) or "").split("\n\n"):
        if found := _ADVICE.fullmatch(" ".join(paragraph.split())):
            return found.groupdict()
    return {}
