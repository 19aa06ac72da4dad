"""Axes that several charts share: grids of datasets, configurations as rows, legends, ticks."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ebmark.report.figures._style import blank
from ebmark.statistics import role

WIDTH = 4.9  # inches of one dataset


def _format_count(value: float, _: object) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
COUNT = FuncFormatter(_format_count)


def grid_of(names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    """Create titled axes, two per row, each `height` inches high."""
    num_columns = min(len(names), 2)
    num_rows = -(-len(names) // num_columns)
    width = WIDTH * num_columns if num_columns > 1 else 6.0
    figure = blank(width, height * num_rows)
    grid = list(figure.subplots(num_rows, num_columns, squeeze=False).ravel())
    for axes, name in zip(grid, names, strict=False):
        axes.set_title(name, loc="left", fontweight="bold")
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    return figure, grid


def label_entry(entry: str) -> str:
    """Label a configuration, oracle and baselines with their role."""
    return f"{entry} ({role(entry)})" if role(entry) else entry


def set_entries(axes: Axes, entries: Sequence[str]) -> None:
    """Put configurations on the y axis, from top to bottom."""
    axes.set_yticks(range(len(entries)), [label_entry(entry) for entry in entries])
    axes.set(ylim=(len(entries) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def add_legend(figure: Figure, grid: Sequence[Axes], max_columns: int = 6) -> None:
    """Put one legend above all axes."""
    handles = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles[label] = handle
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=min(len(handles), max_columns),
        columnspacing=1.4,
    )


def set_log_ticks(axes: Axes, formatter: FuncFormatter = PLAIN) -> None:
    """Put plain numbers on logarithmic axes; `formatter` writes those of x."""
    _set_log_ticks(axes.xaxis, formatter)
    _set_log_ticks(axes.yaxis, PLAIN)


def _set_log_ticks(axis: Axis, formatter: FuncFormatter) -> None:
    if axis.get_scale() != "log":
        return
    low, high = axis.get_view_interval()
    steps = (1,) if high > 60 * low else (1, 2, 5)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(formatter)
    axis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axis.set_minor_formatter(NullFormatter())
