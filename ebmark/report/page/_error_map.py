"""Error maps: where a model is denser than its target, and where less, in shades of two colors."""

import base64
import io

import numpy as np
from jaxtyping import Float
from PIL import Image

_LEVELS = 24  # shades on each side of 0
LOW, HIGH = (47, 111, 208), (214, 68, 47)  # the model is less, more dense than the target


def error_map(
    model: Float[np.ndarray, "x y"], target: Float[np.ndarray, "x y"], highest: float
) -> Float[np.ndarray, "x y"]:
    """Return shades in [-1, 1] of a model's log-density minus the target's.

    They are 1 at twice the density and fade below a fiftieth of the highest, whose log is given.
    """
    ratio = np.clip((model - target) / np.log(2), -1, 1)
    return ratio * np.minimum(1, 50 * np.exp(np.maximum(model, target) - highest))


def shades_as_png(values: Float[np.ndarray, "y x"], positive: tuple[int, int, int]) -> str:
    """Draw values in [-1, 1] as shades of two colors, transparent at 0, as a data URI."""
    picture = Image.fromarray((np.rint(_LEVELS * values) + _LEVELS).astype(np.uint8), "P")
    picture.putpalette([*LOW] * _LEVELS + [*positive] * (_LEVELS + 1))
    alpha = [round(255 * abs(level) / _LEVELS) for level in range(-_LEVELS, _LEVELS + 1)]
    file = io.BytesIO()
    picture.save(file, "png", transparency=bytes(alpha), optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
