"""Pictures hold what they should: densities integrate to 1, error maps of the target are 0."""

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest
import sklearn
from PIL import Image

import ebmark as eb

matplotlib.use("Agg")
MOONS = eb.load_dataset("half_moons")


@pytest.fixture(scope="module")
def model():
    options = {"updates": 60, "snapshots": 3, "baselines": False, "random_state": 0}
    return eb.EnergyModel("nce", **options).fit(MOONS.sample(300, random_state=0))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def values(axes):
    return np.asarray(axes.images[0].get_array())


def mass(axes):
    """The integral of the image of a density."""
    left, right, bottom, top = axes.images[0].get_extent()
    return values(axes).mean() * (right - left) * (top - bottom)


def test_density_integrates_to_1(model):
    assert mass(eb.plot.density(model)) == pytest.approx(1, abs=0.01)
    assert mass(eb.plot.density(MOONS)) == pytest.approx(1, abs=1e-3)


def test_density_of_image_is_that_of_the_model(model):
    axes = eb.plot.density(model)
    left, right, bottom, top = axes.images[0].get_extent()
    x = [left + 100.5 / 160 * (right - left), bottom + 40.5 / 160 * (top - bottom)]
    expected = np.exp(model.score_samples([x]))[0]
    assert values(axes)[40, 100] == pytest.approx(expected, rel=1e-4)


def test_error_map_of_exact_density_is_0(model):
    assert np.abs(values(eb.plot.error_map(MOONS, MOONS))).max() == 0
    own = values(eb.plot.error_map(model, MOONS))
    assert 0.5 < np.abs(own).max() <= 1


def test_samples_are_drawn_over_the_density(model):
    axes = eb.plot.samples(model, 50, random_state=0)
    points = np.asarray(axes.collections[0].get_offsets())
    assert points == pytest.approx(model.sample(50, random_state=0))
    assert len(axes.images) == 1


def test_compare_shows_densities_and_error_maps(model):
    axes = eb.plot.compare({"nce": model, "target": MOONS}, MOONS)
    assert axes.shape == (2, 2) and axes[0, 0].get_title() == "nce"
    assert np.abs(values(axes[1, 1])).max() == 0


def test_mode_weights_of_the_target_are_right(model):
    target = eb.load_dataset("eight_gaussians_unequal")
    axes = eb.plot.mode_weights({"copy": target}, target)
    first, second = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert first == pytest.approx(np.arange(1, 9) / 36, abs=0.01)
    assert first == second


@pytest.mark.slow
def test_animate_has_one_frame_per_snapshot(model, tmp_path):
    animation = eb.plot.animate(model)
    animation.save(tmp_path / "training.gif")
    with Image.open(tmp_path / "training.gif") as picture:
        assert picture.n_frames <= animation.frames == len(model.snapshots_)
    assert len(model.snapshots_) >= 3


def test_animate_without_snapshots_is_refused():
    model = eb.EnergyModel("gaussian", baselines=False).fit(MOONS.sample(50, random_state=0))
    with pytest.raises(ValueError, match="has no snapshots"):
        eb.plot.animate(model)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["exact", "points"])
def test_chains_start_where_told(model, start):
    points = np.zeros((20, 2)) if start == "points" else start
    animation = eb.plot.chains(model, n=20, steps=4, start=points)
    assert animation.frames == 5
    figure, axes = matplotlib.pyplot.subplots()
    animation._draw(0, axes)
    x = np.asarray(axes.collections[0].get_offsets())
    if start == "points":
        assert x == pytest.approx(points, abs=1e-6)
    assert np.isfinite(x).all() and len(x) == 20


@pytest.mark.full
def test_animation_is_html_with_a_gif(model):
    html = eb.plot.chains(model, n=5, steps=2, sampler="mala")._repr_html_()
    assert html.startswith('<img alt="Animation" src="data:image/gif;base64,')


def test_notebook_shows_picture_and_likelihood(model):
    bundle = model._repr_mimebundle_()["text/html"]
    assert "data:image/png" in bundle and "held-out log-likelihood" in bundle
    assert f"{model.held_out_['nce']:.3f}" in bundle
    assert model._repr_html_().count("data:image/png") == 1


def test_notebook_display_follows_the_configuration(model):
    """As of every scikit-learn estimator: no HTML as text, a diagram before fit."""
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert "text/html" not in model._repr_mimebundle_()
    assert "data:image/png" not in eb.EnergyModel()._repr_html_()


def test_rows_of_three_columns_are_refused():
    x = np.random.default_rng(0).normal(size=(60, 3))
    model = eb.EnergyModel("gaussian", baselines=False).fit(x)
    with pytest.raises(ValueError, match="1 or 2 columns"):
        eb.plot.density(model)


def test_tables_are_drawn_in_the_coordinates_of_their_numbers():
    """With a column of categories, or one that is constant."""
    rng = np.random.default_rng(0)
    kinds = pd.DataFrame({"size": rng.normal(size=80), "kind": rng.choice(["a", "b"], 80)})
    constant = pd.DataFrame(rng.normal(size=(80, 3)), columns=["x", "y", "z"]).assign(z=1.0)
    for table in (kinds, constant):
        model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(table)
        assert mass(eb.plot.density(model)) == pytest.approx(1, abs=0.02)
        points = np.asarray(eb.plot.samples(model, 9).collections[0].get_offsets())
        assert points.shape == (9, 2)
        assert "data:image/png" in model._repr_html_()
