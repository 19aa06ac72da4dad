"""Parsing of docstrings into summary line, equation and sections."""

from ebmark.methods import about, describe, sections


class ExampleMethod:
    """Fit something.

    $$ a
       = b $$

    One paragraph
    of two lines.

    Attributes:
        width: Width of the layers,
            in units.
        depth: Layers.

    Requires: gradients.
    Use when: text goes on
        in the next line.
    Avoid when: never.
    References: Author (2000), Title.
    """


class Plain:
    """A class without sections."""


def test_about_returns_summary_equation_references():
    assert about(ExampleMethod) == {
        "title": "Example method",
        "line": "Fit something",
        "loss": "a = b",
        "reference": "Author (2000), Title.",
    }


def test_about_of_plain_class_has_line_only():
    description = about(Plain)
    assert description["line"] == "A class without sections"
    assert description["loss"] == description["reference"] == ""


def test_describe_stops_at_first_section():
    assert describe(ExampleMethod)[2:] == ["One paragraph\nof two lines."]


def test_sections_join_lines_except_attributes():
    texts = sections(ExampleMethod)
    assert list(texts) == ["Attributes", "Requires", "Use when", "Avoid when", "References"]
    assert texts["Use when"] == "text goes on in the next line."
    assert texts["Attributes"].splitlines() == [
        "width: Width of the layers,",
        "    in units.",
        "depth: Layers.",
    ]


def test_sections_of_plain_class_are_empty():
    assert sections(Plain) == {}
