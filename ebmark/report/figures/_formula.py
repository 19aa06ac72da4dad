"""A formula as a picture, where matplotlib can set it."""

import functools
import io
import re
from typing import Any

import matplotlib
from matplotlib.mathtext import math_to_image

_REPLACEMENTS = {r"\tfrac12": r"\frac{1}{2}", r"\tfrac": r"\frac", r"\mathrm{d}": "d"}
_MAX_LENGTH = 1_000  # characters of TeX
_STYLE: dict[Any, Any] = {
    "mathtext.fontset": "stix",
    "savefig.facecolor": "none",
    "figure.facecolor": "none",
    "svg.hashsalt": "ebmark",
    "svg.fonttype": "path",
}


@functools.lru_cache(maxsize=256)  # the pages of a study show the same ones
def formula(text: str) -> bytes | None:
    """Set TeX as an SVG file.

    Returns:
        None where the text is not TeX, or is beyond what matplotlib can set.
    """
    tex = " ".join(text.replace("$$", " ").strip().strip("$").split())
    if "\\" not in tex or "$" in tex or len(tex) > _MAX_LENGTH:
        return None
    for command, replacement in _REPLACEMENTS.items():
        tex = tex.replace(command, replacement)
    tex = re.sub(r"_\{([A-Za-z]{2,})\}", r"_{\\mathrm{\1}}", tex)
    file = io.BytesIO()
    try:
        with matplotlib.rc_context(_STYLE):
            math_to_image(f"${tex}$", file, dpi=72, format="svg")
    except (ValueError, RecursionError):
        return None
    # the metadata hold the date, which would change the report's bytes
    metadata = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
    return metadata.sub("", file.getvalue().decode()).encode()
