"""Figures: the selected numbers are those of the table, and panels stay readable."""

import numpy as np
import pytest
from helpers.results_folder import build

from ebmark.report import figures
from ebmark.report.figures._cost import frontier, select_colored
from ebmark.statistics import Curve, final_values, summary
from ebmark.store.schema import load_study
from ebmark.store.table import load_arrays, read

METHODS = ["cd", "dsm", "nce", "mle"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"), seeds=6, points=200, grid=40)


@pytest.mark.full
def test_kl_parts_add_up_to_kl(folder):
    """Of the run with the median KL: KL = off-support + mode-weight + within-mode KL."""
    selected = figures.select_kl_parts(read(folder), ["half_moons", "missing"], METHODS)
    assert list(selected) == ["half_moons"] and list(selected["half_moons"]) == METHODS
    runs = final_values(read(folder), "half_moons", "kl")
    for entry, parts in selected["half_moons"].items():
        assert parts["kl"] in runs[entry].to_numpy()
        assert sum(parts.values()) == pytest.approx(2 * parts["kl"])
    figure = figures.kl_decomposition(selected, METHODS)
    assert "target" in figure.axes[0].get_xlabel()
    assert figures.kl_decomposition({}, METHODS) is None


@pytest.mark.slow
def test_w1_selects_medians_and_null_range(folder):
    table = read(folder)
    null_ranges = load_study(folder)["null_ranges"]
    (w1,) = figures.select_w1(table, ["half_moons"], METHODS, null_ranges, 2_000)
    assert w1.null_range == null_ranges["half_moons"]["w1"]
    labels = [sampler.label for sampler in w1.samplers]
    assert labels == ["exact samples", "Langevin samples, 2,000 steps", "1,000 steps", "500 steps"]
    runs = final_values(table, "half_moons", "w1_langevin")
    for entry, median in w1.samplers[1].by_entry.items():
        stats = summary(runs[entry])
        assert median.value == stats.median
        assert median.low == stats.median_low
        assert median.high == min(stats.median_high, np.inf) or np.isinf(stats.median_high)
    drawn = figures.w1_by_sampler([w1], METHODS).axes[0]
    marks = {x for line in drawn.lines if line.get_marker() == "D" for x in line.get_xdata()}
    assert {median.value for median in w1.samplers[1].by_entry.values()} <= marks
    assert figures.w1_by_sampler([], METHODS) is None


def test_many_methods_are_drawn_in_few_colors():
    """Of 20 methods, nine are in color: on a frontier or lowest at the end; and the oracle."""
    names = ("num_updates", "network_evaluations", "train_cpu_seconds")
    costs = {name: np.array([1.0, 2.0]) for name in names}
    curves = {
        f"m{i}": Curve(
            np.array([1, 2]), costs, np.array([[2.0 + i], [1.0 + i]]), np.array([[1.0], [2.0]])
        )
        for i in range(20)
    }
    curves["mle"] = curves["m19"]
    assert select_colored(curves) == {"mle", *(f"m{i}" for i in range(9))}
    x, y, on_frontier = frontier(curves, "num_updates")
    assert (x.tolist(), y.tolist(), on_frontier) == ([1.0, 2.0], [2.0, 1.0], {"m0"})
    assert figures.cost({"d": ("kl", curves)}, list(curves)) is not None


def test_many_panels_do_not_overlap(folder):
    """Inside the figure, none over another."""
    run_id = next(
        run_id
        for run_id, run in load_study(folder)["runs"].items()
        if (run["dataset"], run["method"]) == ("half_moons", "nce")
    )
    arrays = load_arrays(folder, run_id)
    models = [figures.Panel(f"m{i}", "", arrays) for i in range(20)]
    figure = figures.samples(figures.Panel("target", "", arrays), models)
    boxes = [axes.get_position() for axes in figure.axes if axes.axison]
    assert len(boxes) == 2 * 21 + 1  # with the color bar
    edges = np.array([box.extents for box in boxes])
    assert edges.min() > 0 and edges.max() < 1
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_formula_beyond_matplotlib_stays_text():
    tex = r"$$ \tfrac12 \mathbb{E}_{data} \| x \|^2 $$"
    assert figures.formula(tex).startswith(b"<?xml")
    assert figures.formula(r"\begin{aligned} x \end{aligned}") is None
    assert figures.formula("plain words") is None
