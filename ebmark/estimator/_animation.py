"""Animations for notebooks, as GIF files."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ebmark.system.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INTERVAL = 80  # milliseconds per frame
_NUM_COLORS = 64


class Animation:
    """Frames that a notebook shows as a moving picture.

    Args:
        frames: number of frames.
        draw: draws one frame, by number, on empty axes.
    """

    def __init__(self, frames: int, draw: Callable[[int, "Axes"], None]):
        self.frames = frames
        self._draw = draw

    def as_gif(self) -> bytes:
        """Return the frames as a GIF file that repeats."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        figure = Figure(figsize=(4, 4), dpi=80, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        pictures = []
        for frame in range(self.frames):
            figure.clear()
            self._draw(frame, figure.subplots())
            canvas.draw()
            picture = Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])
            pictures.append(picture.quantize(_NUM_COLORS))
        file = io.BytesIO()
        options = {"save_all": True, "append_images": pictures[1:], "loop": 0}
        pictures[0].save(file, "gif", duration=_INTERVAL, **options)
        return file.getvalue()

    def save(self, path: str | Path) -> None:
        """Write a GIF file."""
        write_whole(path, self.as_gif())

    def _repr_html_(self) -> str:
        return as_image(self.as_gif(), "gif", "Animation")


def as_image(content: bytes, kind: str, alt: str) -> str:
    """Return a picture as an HTML element."""
    return f'<img alt="{alt}" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'
