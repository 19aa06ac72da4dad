"""The look of every figure: one style, one colour for each method, files as bytes."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

P = ParamSpec("P")
F = TypeVar("F", bound=Figure | None)

INK, GREY, PALE = "#1f2328", "#6b7280", "#d5d9de"
STYLE: dict[Any, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.labelsize": 9.5,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "text.parse_math": False,  # names come from data: a $ in them is a $
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "ebmark",
}

# Okabe & Ito (2008), safe for the colour-blind; a method looks the same in every figure
_FIXED = {
    "cd": ("#0072B2", "o"),
    "pcd": ("#56B4E9", "s"),
    "dsm": ("#D55E00", "^"),
    "nce": ("#009E73", "D"),
    "mle": ("#555555", "X"),
}
_SPARE = [
    ("#CC79A7", "v"),
    ("#E69F00", "P"),
    ("#7A5195", "<"),
    ("#8C6D31", ">"),
    ("#17697A", "h"),
    ("#B22222", "p"),
    ("#3F6FD1", "*"),
    ("#6B8E23", "d"),
    ("#D45087", "8"),
    ("#9C755F", "H"),
    ("#2F4B7C", "v"),
    ("#4DA9A0", "P"),
    ("#A3A500", "<"),
    ("#5B2A86", ">"),
]
PARTS = {"kl_off_support": "#9c3d2e", "kl_mode_weights": "#e9b872", "kl_within_mode": "#7d98b3"}
DOTS = "#d9480f"
DENSITY = LinearSegmentedColormap.from_list(
    "ebmark",
    ["#ffffff", "#e6eff5", "#c3d8e7", "#9abdd6", "#719fc4", "#4c80ad", "#2f6292", "#1d4670"],
)


def colours(methods: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Each method's colour and mark: its own if it has one, else a spare by order of name."""
    spare = sorted({method for method in methods if method not in _FIXED})
    return _FIXED | {method: _SPARE[i % len(_SPARE)] for i, method in enumerate(spare)}


def styled(draw: Callable[P, F]) -> Callable[P, F]:
    """Draw in our style, whatever the user's own is."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> F:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return drawn


def blank(width: float, height: float) -> Figure:
    """An empty figure (inches), drawn by Agg."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, dpi: int = 170) -> bytes:
    """The figure as a PNG file, the same bytes each time."""
    file = io.BytesIO()
    figure.set_dpi(dpi)
    with _laid_out(figure) as crop:
        within = Bbox.from_extents(0, 0, *figure.get_size_inches())
        if not all(within.contains(*corner) for corner in crop.corners()):
            bare = {"Software": None}
            figure.savefig(file, bbox_inches=crop, format="png", dpi=dpi, metadata=bare)
            return file.getvalue()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # once, where `savefig` draws what is cropped three times
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    left, right, top, bottom = (round(dpi * edge) for edge in (crop.x0, crop.x1, crop.y1, crop.y0))
    box = (left, picture.height - top, right, picture.height - bottom)
    picture.crop(box).save(file, "png", dpi=(dpi, dpi))
    return file.getvalue()


def webp(content: bytes, quality: int = 80) -> bytes:
    """A PNG file as WebP: dense pictures at a tenth of the size, for the page."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert("RGB").save(file, "webp", quality=quality, method=4)
    return file.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file, the same bytes each time; dense layers are pictures inside it."""
    file = io.BytesIO()
    with _laid_out(figure) as crop:
        bare = {"Date": None, "Creator": None}
        figure.savefig(file, bbox_inches=crop, format="svg", dpi=150, metadata=bare)
    return file.getvalue()


@contextlib.contextmanager
def _laid_out(figure: Figure) -> Iterator[Bbox]:
    """Our style, and the inches to crop to; panels are placed once, for both kinds of file."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")  # a name may be in any script
        if figure.get_layout_engine() is not None:
            dense = [one for axes in figure.axes for one in (*axes.images, *axes.collections)]
            dense = [one for one in dense if not one.get_in_layout() and one.get_visible()]
            for one in dense:
                one.set_visible(False)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            for one in dense:
                one.set_visible(True)
        yield figure.get_tightbbox().padded(0.03)
