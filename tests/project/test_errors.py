"""Messages: texts are shortened to one printable line; unknown names get suggestions."""

from helpers.table_files import is_clear
from hypothesis import given
from hypothesis import strategies as st

from ebmark.errors import nearest, shown, unknown


def test_unknown_lists_choices_and_guess():
    choices = ["half_moons", "eight_gaussians", "checkerboard"]
    assert str(unknown("dataset", "half_mons", choices)) == (
        "Unknown dataset 'half_mons'. Did you mean 'half_moons'? "
        "Choose one of half_moons, eight_gaussians, checkerboard."
    )
    assert nearest("HALF_MOONS", choices) == "half_moons"
    assert nearest("zzz", choices) == ""
    assert str(unknown("metric", "zzz", ["kl"])) == "Unknown metric 'zzz'. Choose one of kl."
    many = unknown("key", "x\n" * 500, [f"choice_{i}" for i in range(100)])
    assert is_clear(many, "choice_0") and str(many).endswith("more.")


@given(text=st.text(), width=st.integers(10, 60))
def test_shown_is_printable_and_short(text, width):
    line = shown(text, width)
    assert line.isprintable() and len(line) <= width
    assert line == text or not text.isprintable() or len(text) > width
