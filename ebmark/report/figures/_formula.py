"""A formula as a picture, where matplotlib can set it."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib.mathtext import math_to_image

_SAME = {r"\tfrac12": r"\frac{1}{2}", r"\tfrac": r"\frac", r"\mathrm{d}": "d"}
_LONGEST = 1_000  # letters of TeX
_PLAIN: dict[Any, Any] = {
    "mathtext.fontset": "stix",
    "savefig.facecolor": "none",
    "figure.facecolor": "none",
    "svg.hashsalt": "ebmark",
    "svg.fonttype": "path",
}


def formula(text: str) -> bytes | None:
    """TeX as an SVG file; None where it is plain text, or more TeX than matplotlib knows."""
    tex = " ".join(text.replace("$$", " ").strip().strip("$").split())
    if "\\" not in tex or "$" in tex or len(tex) > _LONGEST:
        return None
    for ours, theirs in _SAME.items():
        tex = tex.replace(ours, theirs)
    tex = re.sub(r"_\{([A-Za-z]{2,})\}", r"_{\\mathrm{\1}}", tex)
    file = io.BytesIO()
    try:
        with matplotlib.rc_context(_PLAIN):
            math_to_image(f"${tex}$", file, dpi=72, format="svg")
    except (ValueError, RecursionError):
        return None
    found = re.sub(
        r"<metadata>.*?</metadata>", "", file.getvalue().decode(), flags=re.DOTALL
    )  # it holds the date
    return found.encode()
