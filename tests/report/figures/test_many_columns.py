"""Samples of more than two columns: which pairs of columns are drawn, and what is a picture."""

import numpy as np
import pytest

from ebmark.report.figures import Panel, picture_side, samples
from ebmark.report.figures._many_columns import correlated_pairs

RNG = np.random.default_rng(0)


def pictures(num, side):
    """Smooth pictures: sums of two waves of random phases, and noise."""
    phase = RNG.uniform(0, 2 * np.pi, (2, num, 1, 1))
    i, j = np.mgrid[:side, :side]
    waves = np.sin(i / 2 + phase[0]) + np.sin(j / 2 + phase[1])
    return (waves + 0.1 * RNG.normal(size=waves.shape)).reshape(num, -1)


def test_picture_side_of_pictures():
    points = pictures(300, 9)
    assert picture_side(points) == 9
    assert picture_side(points[:, RNG.permutation(81)]) is None
    assert picture_side(points[:, :64]) is None  # rows of 9 pixels, read as rows of 8
    assert picture_side(points[:, :80]) is None
    assert picture_side(np.zeros((300, 81))) is None


def test_picture_side_of_equally_correlated_columns():
    """Columns that share one factor correlate, but neighbors not more than others."""
    points = RNG.normal(size=(300, 1)) + 0.5 * RNG.normal(size=(300, 64))
    assert picture_side(points) is None


def test_correlated_pairs_are_disjoint_and_ordered():
    """Correlations 1/sqrt(1.01), 1/sqrt(2) and 0 by construction, and a constant column."""
    a, b, c, d, e = RNG.normal(size=(5, 4_000))
    points = np.stack([a, b, a + 0.1 * c, b + d, e, np.ones(4_000)], axis=1)
    pairs = correlated_pairs(points)
    assert pairs[:2] == [(0, 2), (1, 3)]
    assert len({i for pair in pairs for i in pair}) == 2 * len(pairs) == 6


@pytest.mark.parametrize("kinds", [("langevin",), ("langevin", "smc")])
def test_pictures_are_drawn_beside_the_target(kinds):
    target = Panel("target", " ", {"test": pictures(40, 8), "train": pictures(40, 8)})
    models = [Panel("nce", " ", {kind: pictures(16, 8) for kind in kinds}), Panel("cd", " ", {})]
    figure = samples(target, models)
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert [image.get_array().shape for image in images] == [(35, 35)] * 2 * len(kinds)
    assert len({(image.norm.vmin, image.norm.vmax) for image in images}) == 1


def test_pairs_are_drawn_over_the_target():
    target = Panel("target", " ", {"test": RNG.normal(size=(50, 3)), "train": np.zeros((50, 3))})
    figure = samples(target, [Panel("nce", " ", {"langevin": RNG.normal(size=(50, 3))})])
    assert [len(axes.collections) for axes in figure.axes] == [1, 2]
