"""One color registry: families differ for color-blind readers, on both backgrounds."""

import itertools

import numpy as np
import pytest

from ebmark.methods import METHODS
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.store.method_info import COLORS, FAMILIES, GROUNDS, look

# Machado, Oliveira & Fernandes (2009), complete loss of one kind of cones, for linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193, 0.1192, 0.9503]]
)


def linear(color):
    """Linear RGB of a color in hexadecimal, IEC 61966-2-1."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b*, white point D65."""
    x, y, z = np.cbrt(np.clip(rgb, 1e-6, 1) @ TO_XYZ.T / TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(a, b):
    """Contrast ratio of WCAG 2: (L1 + 0.05) / (L2 + 0.05)."""
    low, high = sorted(float(TO_XYZ[1] @ linear(color)) for color in (a, b))
    return (high + 0.05) / (low + 0.05)


def test_lab_and_contrast_of_white_and_black():
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.1)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


@pytest.mark.parametrize("vision", VISIONS)
def test_families_differ_for_color_blind_readers(vision):
    """Distance in Lab of two shades of different families: at least 20 (2.3 is just noticeable)."""
    seen = {
        family: [lab(VISIONS[vision] @ linear(color)) for color in shades]
        for family, shades in COLORS.items()
    }
    for (a, of_a), (b, of_b) in itertools.combinations(seen.items(), 2):
        distance = min(np.linalg.norm(x - y) for x, y in itertools.product(of_a, of_b))
        assert distance >= 20, (a, b, distance)


@pytest.mark.parametrize("theme", GROUNDS)
def test_colors_contrast_with_both_grounds(theme):
    for color in itertools.chain(*COLORS.values()):
        assert contrast(color, GROUNDS[theme]) >= 3, color


def test_every_method_has_a_look_of_its_own():
    names = " ".join(FAMILIES.values()).split()
    assert set(names) == {*METHODS, *EXTERNAL_METHODS}
    assert len({look(name) for name in names}) == len(names)


def test_look_of_configurations():
    assert look("cd, tuned").is_tuned and look("cd, tuned, scale=2").is_tuned
    assert not look("cd").is_tuned and not look("cd, num_steps=5").is_tuned
    assert look("cd, num_steps=5") == look("cd")
    assert look("a plug-in").family == "other"
