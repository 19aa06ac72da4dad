"""Maps in 16 bits: what is read is what was written, within the rounding."""

import io

import numpy as np
import pytest

from ebmark.store.maps import decode, encode

RANGE = 400


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 6), (128, 128)])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 150.0])
def test_decode_inverts_encode(shape, scale):
    """The error is at most half a code, 400 / (2 (2^16 - 1)) nats, however rough the map is."""
    values = scale * np.random.default_rng(0).normal(size=shape)
    codes, ends = encode(values)
    expected = np.maximum(values, values.max() - RANGE)
    assert codes.dtype == np.uint16
    assert decode(codes, ends) == pytest.approx(expected, abs=RANGE / 2 / (2**16 - 1) + 1e-9)


def test_minus_infinity_is_cut_off():
    codes, ends = encode(np.array([[0.0, -np.inf, -1.0]]))
    assert decode(codes, ends) == pytest.approx(np.array([[0, -RANGE, -1]]), abs=0.004)


def test_map_of_smooth_density_is_small():
    """A map of 128 x 128 points takes at most 30 kB of a file."""
    x = np.linspace(-4, 4, 128)
    values = np.logaddexp(-20 * (x[:, None] - 1) ** 2, -9 * (x[:, None] + 1) ** 2) - 9 * x**2
    file = io.BytesIO()
    np.savez_compressed(file, maps=encode(values)[0])
    assert len(file.getvalue()) < 30_000
